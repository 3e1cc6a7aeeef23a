"""Options of ``syda generate --out``: seeds, properties and formats as a user writes them."""

from collections.abc import Collection, Iterable, Sequence

from syda.errors import UsageError
from syda.properties.requested import PropertyRequest
from syda.sampling.export import FORMATS, Format

_LARGEST_SEED = 2**63 - 1
_MAX_VOLUMES = 1_000_000


def seeds(text: str | None, number: int | None, first: int | None) -> Sequence[int]:
    """Return the listed seeds, or a number of seeds from the first one on.

    >>> list(seeds("0-2,42", None, None)), list(seeds(None, 3, 7))
    ([0, 1, 2, 42], [7, 8, 9])

    Raises:
        UsageError: both forms are given, or one is malformed.
    """
    if text is None:
        first, number = first or 0, 1 if number is None else number
        found: Iterable[int] = range(first, first + number)
    elif number is None and first is None:
        found = [seed for part in text.split(",") for seed in _span(part)]
    else:
        raise UsageError("generate: either --seeds, or --number and --seed")
    unique = list(dict.fromkeys(found))
    if not 0 < len(unique) <= _MAX_VOLUMES or not 0 <= min(unique) <= max(unique) < _LARGEST_SEED:
        raise UsageError(
            f"generate: 1 to {_MAX_VOLUMES} volumes of seeds from 0 to below {_LARGEST_SEED}"
        )
    return unique


def _span(text: str) -> Sequence[int]:
    first, dash, last = text.strip().partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise UsageError(f"generate: --seeds {text}: not of the form 0-9,42")
    span = range(int(first), int(last or first) + 1)
    if not 0 < len(span) <= _MAX_VOLUMES:
        raise UsageError(
            f"generate: --seeds {text}: must run upwards, over at most {_MAX_VOLUMES} seeds"
        )
    return span


def formats(text: str) -> Collection[Format]:
    """Return the formats that ``nifti``, ``dicom`` or ``both`` names.

    Raises:
        UsageError: another word.
    """
    found = [name for name in FORMATS if text in (name, "both")]
    if not found:
        raise UsageError(f"generate: --format {text}: is none of {', '.join(FORMATS)}, both")
    return found


def properties(texts: Sequence[str]) -> dict[str, PropertyRequest]:
    """Return the requests of ``name=value`` and ``name=low..high``.

    >>> properties(["sex=F", "body_width_mm=300..350"])
    {'sex': 'F', 'body_width_mm': [300.0, 350.0]}

    Raises:
        UsageError: a text of another form, or one name twice.
    """
    found: dict[str, PropertyRequest] = {}
    for text in texts:
        name, _, value = text.partition("=")
        low, dots, high = value.partition("..")
        if not name or not low or (dots and not high):
            raise UsageError(f"generate: --property {text}: not name=value or name=low..high")
        if name in found:
            raise UsageError(f"generate: --property {name}: given twice")
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
