"""``syda reader-study``: make a study, and read the responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syda import paths
from syda.errors import UsageError
from syda.params import CtParams, DataParams, load
from syda.reading import key as keys
from syda.reading import page, responses, results, volumes
from syda.reading.design import StudyDesign
from syda.runtime.outputs import replace_folder, require_empty, write_json, write_text


@dataclass(frozen=True)
class StudyOptions:
    """Options of ``new``.

    Attributes:
        grid: at which voxel size volumes are shown.
        contains_patient_data: the user wants pages that show scans of patients.
    """

    grid: keys.Grid = "matched"
    contains_patient_data: bool = False


def new(root: Path, folder: Path, design: StudyDesign, options: StudyOptions) -> list[str]:
    """Make the key and the pages of a study.

    Args:
        root: of the repository.
        folder: to make; it may exist if it is empty.
        design: size and seed.
        options: of the command.

    Returns:
        Lines for the terminal.

    Raises:
        UsageError: the design allows no study, the folder holds something or git may see it,
            volumes are missing, or the pages would show scans of patients and the user did not
            allow that.
    """
    design.check()
    params = load(root)
    _check_patients(params.data, options)
    _check_ignored(root, folder)
    require_empty(folder, "reader-study")
    shown, facts = _shown(root, design, params.ct, params.data, options.grid)
    salt = keys.new_salt()
    fields = keys.build(design, facts, shown.volumes, salt)
    digests = {}
    with replace_folder(folder) as temporary:
        for reader, items in fields["items"].items():
            content = page.content(reader, fields["key_sha256"], items, shown)
            digests[reader] = content.sha256
            write_text(temporary / keys.PAGES / f"reader-{reader}.html", page.render(content))
        key = keys.finish(fields, digests)
        write_json(temporary / keys.FILE, key.model_dump())
    return [
        f"wrote {folder / keys.PAGES}: {design.readers} pages of {design.volumes} volumes and "
        f"{design.repeats} repeats",
        f"wrote {folder / keys.FILE}: the answers; give it to no reader",
    ]


def _check_patients(data: DataParams, options: StudyOptions) -> None:
    if data.version not in data.artificial and not options.contains_patient_data:
        raise UsageError(
            f"reader-study: the pages would show scans of patients ({data.version}): give "
            "--contains-patient-data if each reader may see them"
        )


def _check_ignored(root: Path, folder: Path) -> None:
    """Check that git does not see the folder: it is below data/reading, or outside."""
    target, repository = folder.resolve(), root.resolve()
    ignored = repository / paths.READING
    if target.is_relative_to(repository) and not target.is_relative_to(ignored):
        raise UsageError(
            f"reader-study: {folder}: git may see it: name a folder below {paths.READING}, or "
            "outside this repository"
        )


def _shown(
    root: Path, design: StudyDesign, ct: CtParams, data: DataParams, grid: keys.Grid
) -> tuple[volumes.ShownVolumes, dict[str, object]]:
    """Volumes of the study, and what the key says about them."""
    shown = volumes.prepare(root, design, ct, grid)
    facts: dict[str, object] = {
        "data_version": data.version,
        "artificial": data.version in data.artificial,
        "weights_sha256": shown.weights_sha256,
        "grid": grid,
    }
    return shown, facts


def read(folder: Path, files: Sequence[Path], output: Path) -> list[str]:
    """Write the results of a study.

    Args:
        folder: of the study.
        files: a response of each reader.
        output: file of the results.

    Returns:
        Lines for the terminal.
    """
    key = keys.read(folder)
    found = results.evaluate(key, responses.read(files, key))
    write_json(output, found)
    return [*results.summary(found), f"wrote {output}"]
