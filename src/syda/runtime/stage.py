"""The context of every stage: checked inputs, lock, manifest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import UsageError
from syda.params import Section
from syda.runtime import guard, manifest


@contextmanager
def running(
    root: Path,
    stage: str,
    item: str | None = None,
    *,
    reads: Sequence[Path],
    writes: Sequence[Path],
    params: Mapping[str, Section | dict[str, Any]],
) -> Iterator[None]:
    """Run a stage's body; on success write its manifest, on failure leave none.

    Args:
        root: repository root.
        stage: name of the stage.
        item: of the stage's matrix, or None.
        reads: declared inputs, relative to root.
        writes: declared outputs, relative to root.
        params: the sections of params.yaml that it was given, or the keys it uses of them.

    Raises:
        UsageError: an input is missing, or the stage is already running here.
    """
    for path in reads:
        if not (root / path).exists():
            raise UsageError(f"{stage}: {path} does not exist: `dvc repro` makes what comes before")
    name = f"{stage}-{item}" if item else stage
    with guard.exclusive(root, name):
        (root / paths.manifest(stage, item)).unlink(missing_ok=True)
        yield
        manifest.write(root, stage, item, reads=reads, writes=writes, params=params)
    guard.wait_for_dvc()
