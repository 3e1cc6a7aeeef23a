"""``syda generate --out FOLDER``: synthetic volumes from weights, anywhere, beside the pipeline.

Gate and precision are those of ``generate`` in a params.yaml: one that is named, or the one here.
Where there is none, volumes are taken as they come, which is said.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from syda import paths
from syda.errors import UsageError
from syda.model.device import Precision
from syda.params import load
from syda.runtime import manifest, progress
from syda.runtime.outputs import replace_folder
from syda.sampling import asked, export
from syda.sampling.gate import Gate
from syda.sampling.weights import WEIGHTS
from syda.stages.generate import Params

_LARGEST_SEED = 2**63 - 1
_MOST_VOLUMES = 1_000_000
_NO_PARAMS_PRECISION: Precision = "float32"  # any weights, on any machine


def run(
    out: Path,
    weights: Path,
    order: export.Order,
    formats: Collection[export.Format],
    params: Path | None,
) -> str:
    """Write the volumes of an order.

    Args:
        out: folder to make; it may exist if it is empty.
        weights: folder of the weights, or the file in it.
        order: what is drawn.
        formats: of the volumes at true spacing.
        params: folder of the params.yaml, or None.

    Returns:
        A line: what was written, and the seconds a volume.

    Raises:
        CheckFailed: the gate rejected too many volumes.
        CorruptData: the weights cannot be read.
        UsageError: ``out`` holds something, there are no weights, or what is asked for no volume
            can have.
    """
    out = out.resolve()
    _check_free(out)
    made_by, gate = _source(weights, params)
    warnings = asked.check(made_by.sampler.conditions, order.properties)
    if gate is None:
        warnings.append(
            f"no {paths.PARAMS} here: volumes are held against no gate and drawn in "
            f"{made_by.precision}; --params names one"
        )
    for warning in warnings:
        progress.say(f"warning: generate: {warning}")
    begun = time.perf_counter()
    with replace_folder(out) as folder:
        count = len(order.seeds)
        export.produce(folder, made_by, order, gate, exported=count, formats=formats)
    seconds = (time.perf_counter() - begun) / count
    told = f"; {gate.told()}, others stand in" if gate and gate.rejected else ""
    return f"synthetic volumes in {out}: {count}, {seconds:.2f} s each{told}"


def _check_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"generate: {out} is there and no empty folder: name another with --out")


def _source(weights: Path, params: Path | None) -> tuple[export.Source, Gate | None]:
    folder = weights.parent if weights.name == WEIGHTS else weights
    if not (folder / WEIGHTS).is_file():
        raise UsageError(
            f"generate: no {WEIGHTS} in {folder}: train, or name the folder of a release with "
            "--weights"
        )
    code = manifest.code_digest_from(__name__)
    if params is None:
        return export.source(folder, _NO_PARAMS_PRECISION, code), None
    own = load(params).section("generate", Params)
    return export.source(folder, own.precision, code), own.gate.gate()


def params_folder(named: Path | None) -> Path | None:
    """Return where the params.yaml lies: a named one, else that of this folder, if it has one.

    Raises:
        UsageError: the named file is not there, or has another name.
    """
    if named is None:
        return Path.cwd() if paths.PARAMS.is_file() else None
    if named.name != paths.PARAMS.name or not named.is_file():
        raise UsageError(f"generate: --params {named}: no file {paths.PARAMS} there")
    return named.parent


def seeds(text: str | None, number: int | None, first: int | None) -> Sequence[int]:
    """Return the seeds of ``0-9,42``, or a number of them from the first one on.

    Raises:
        UsageError: both are given, or what is given is not of that form.
    """
    if text is None:
        first, number = first or 0, 1 if number is None else number
        found: Iterable[int] = range(first, first + number)
    elif number is None and first is None:
        found = [seed for part in text.split(",") for seed in _span(part)]
    else:
        raise UsageError("generate: either --seeds, or --number and --seed")
    each = list(dict.fromkeys(found))
    if not 0 < len(each) <= _MOST_VOLUMES or not 0 <= min(each) <= max(each) < _LARGEST_SEED:
        raise UsageError(
            f"generate: 1 to {_MOST_VOLUMES} volumes of seeds from 0 to below {_LARGEST_SEED}"
        )
    return each


def formats(text: str) -> Collection[export.Format]:
    """Return the formats that ``nifti``, ``dicom`` or ``both`` names.

    Raises:
        UsageError: another word.
    """
    found = [name for name in export.FORMATS if text in (name, "both")]
    if not found:
        raise UsageError(f"generate: --format {text}: is none of {', '.join(export.FORMATS)}, both")
    return found


def _span(text: str) -> Sequence[int]:
    first, dash, last = text.strip().partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise UsageError(f"generate: --seeds {text}: not of the form 0-9,42")
    span = range(int(first), int(last or first) + 1)
    if not 0 < len(span) <= _MOST_VOLUMES:
        raise UsageError(
            f"generate: --seeds {text}: must run upwards, over at most {_MOST_VOLUMES}"
        )
    return span


def properties(texts: Sequence[str]) -> dict[str, asked.Asked]:
    """Return what is asked for by ``name=value`` and ``name=low..high``.

    Raises:
        UsageError: not of that form, or one name twice.
    """
    found: dict[str, asked.Asked] = {}
    for text in texts:
        name, _, value = text.partition("=")
        low, dots, high = value.partition("..")
        if not name or not low or (dots and not high):
            raise UsageError(f"generate: --property {text}: not name=value or name=low..high")
        if name in found:
            raise UsageError(f"generate: --property {name}: is there twice")
        found[name] = [_number(text, low), _number(text, high)] if dots else _value(value)
    return found


def _value(text: str) -> str | float:
    """A number where it is one, else a term such as F."""
    try:
        return float(text)
    except ValueError:
        return text


def _number(option: str, text: str) -> float:
    value = _value(text)
    if isinstance(value, str):
        raise UsageError(f"generate: --property {option}: {text} is no number")
    return value
