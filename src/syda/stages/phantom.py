"""Stage ``phantom``: the artificial cohort as DICOM series, so that a fresh clone needs no data."""

from pathlib import Path

from syda import paths
from syda.errors import UsageError
from syda.params import load
from syda.phantom import cohort
from syda.phantom.config import PhantomParams
from syda.runtime import stage
from syda.runtime.outputs import replace_folder


def run(root: Path, version: str) -> None:
    """Write data/raw/``version``; v1 is v0 and the patients of a second scanner.

    Args:
        root: repository root.
        version: v0 or v1.

    Raises:
        UsageError: no such version.
    """
    if version not in cohort.VERSIONS:
        raise UsageError(f"phantom {version}: the versions are {', '.join(cohort.VERSIONS)}")
    section = load(root).section("phantom", PhantomParams)
    output = paths.RAW / version
    with (
        stage.running(
            root, "phantom", version, reads=[], writes=[output], params={"phantom": section}
        ),
        replace_folder(root / output) as folder,
    ):
        cohort.write_cohort(version, section, folder)
