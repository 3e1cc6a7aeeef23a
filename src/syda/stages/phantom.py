"""Stage ``phantom``: the embedded cohort as DICOM series, so that a fresh clone needs no data."""

from functools import partial
from pathlib import Path

from pydantic import Field

from syda import paths
from syda.errors import UsageError
from syda.params import Section, load
from syda.phantom import cohort
from syda.runtime import engine, space, stage
from syda.runtime.outputs import replace_folder

VERSIONS = ("v0", "v1")


class Params(Section):
    """Section ``phantom``: the embedded cohort."""

    seed: int = Field(ge=0)
    """Of every random choice of anatomy and noise."""
    base_subjects: int = Field(ge=1)
    """Patients of v0, and the first patients of v1."""
    added_subjects: int = Field(ge=1)
    """Patients of v1 from the second scanner."""


def run(root: Path, version: str) -> None:
    """Make data/raw/``version``; v1 is v0 and the patients of a second scanner.

    Args:
        root: repository root.
        version: v0 or v1.

    Raises:
        UsageError: no such version.
    """
    if version not in VERSIONS:
        raise UsageError(f"phantom {version}: the versions are {', '.join(VERSIONS)}")
    own = load(root).section("phantom", Params)
    added = own.added_subjects if version == "v1" else 0
    items = cohort.members(own.seed, own.base_subjects, added)
    output = paths.RAW / version
    with (
        stage.running(root, "phantom", version, reads=[], writes=[output], params={"phantom": own}),
        replace_folder(root / output) as folder,
    ):
        space.require(folder, cohort.size(items), "phantom")
        write = partial(cohort.write_member, folder=folder)
        for _ in engine.each(write, items, f"phantom {version}", "patient"):
            pass
