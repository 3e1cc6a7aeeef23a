"""Functions of ``import syda`` that no package offers in this form. docs/api.md is the guide."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from syda.dicom.read import read_series
from syda.records import reader
from syda.records.schema import Record
from syda.records.split import Split
from syda.types import Volume
from syda.volume.model_space import ModelSpace

if TYPE_CHECKING:
    from syda.metrics.evaluation import Evaluation


def convert_series(
    folder: Path | str,
    series_number: int | None = None,
    *,
    hu_min: int = -1024,
    hu_max: int = 3071,
) -> Volume:
    """Convert a DICOM series of CT slices to a volume in HU.

    The series is checked and put on a regular grid with the code of ``syda convert``. Two slices
    are enough. A series with several acquisitions, copied slices or a missing slice is refused.
    The identity of the patient and the share of clamped voxels are not checked. The rules of
    ``convert.select`` and the pseudonyms are not applied.

    Args:
        folder: of DICOM files; subfolders are searched.
        series_number: Series Number to take, or None for the only series.
        hu_min: HU below are set to it.
        hu_max: HU above are set to it.

    Returns:
        ``[i, j, k]`` int16 HU with the affine to RAS+ mm.

    Raises:
        CheckFailed: there is no CT series.
        CorruptData: the series is damaged or incomplete.
        UsageError: there are several series.

    >>> import numpy as np
    >>> from syda.dicom import synthetic, writer
    >>> hu = np.arange(8 * 6 * 4, dtype=np.int16).reshape(8, 6, 4)
    >>> source = Volume(hu, np.diag([2.0, 2.0, 5.0, 1.0]))
    >>> description = synthetic.describe(
    ...     name="example", content="EXAMPLE", weights_sha256="0" * 64,
    ...     derivation="An example.", thickness_mm=5.0,
    ... )
    >>> files = writer.write_series(Path("series"), source, description)
    >>> volume = convert_series("series")
    >>> volume.hu.shape, volume.spacing, bool((volume.hu == hu).all())
    ((8, 6, 4), (2.0, 2.0, 5.0), True)
    """
    return read_series(Path(folder), series_number, hu_min, hu_max)


def read_records(folder: Path | str, split: Split, *, spacing_mm: float = 1.5) -> Iterator[Record]:
    """Read the records of a split, such as those of ``data/records``.

    Args:
        folder: of shards and index.
        split: ``train`` or ``holdout``.
        spacing_mm: voxel size that each record must have.

    Yields:
        ``Record.volume`` holds int16 HU ``[i, j, k]``; ``Record.case`` its pseudonyms and
        attributes; ``Record.properties`` what was measured in the scan.

    Raises:
        CheckFailed: a record has another voxel size.
        CorruptData: a record is truncated, altered, or missing.

    >>> import numpy as np
    >>> from syda.records import writer
    >>> from syda.records.config import PackParams
    >>> from syda.types import Case
    >>> volume = Volume(np.zeros((4, 4, 4), np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))
    >>> params = PackParams(holdout_share=0.5, shards=1, compression="none")
    >>> Path("records").mkdir()
    >>> index = writer.write(
    ...     Path("records"), [Record(Case("case1", "patient1", {}), volume)], params
    ... )
    >>> found = [*read_records("records", "train"), *read_records("records", "holdout")]
    >>> found[0].case.case, found[0].volume.hu.shape
    ('case1', (4, 4, 4))
    """
    yield from reader.read_split(Path(folder), split, spacing_mm)


def evaluate(
    real: Path | str,
    synthetic: Path | str,
    space: ModelSpace,
    *,
    seed: int = 0,
    pairs: int = 400,
    bootstrap: int = 1000,
) -> "Evaluation":
    """Compare a folder of synthetic volumes with a folder of real ones.

    Both hold NIfTI files in HU; ``real`` may hold records instead. A cube of ``space.size`` voxels
    a side is taken as it is. Any other volume is resampled, fitted and padded.

    Args:
        real: folder of scans or of records; it is split in two, for the real-to-real baseline.
        synthetic: folder of synthetic volumes.
        space: the cube on which volumes are compared.
        seed: of pairs, splits and bootstrap.
        pairs: number of pairs of volumes that MS-SSIM compares, at most.
        bootstrap: replicates behind each 95 % interval.

    Returns:
        ``results`` maps a real split to the result of each metric; ``numbers()`` and ``details()``
        are what ``syda evaluate`` writes.

    Raises:
        CheckFailed: fewer than two volumes in a folder or split.
        CorruptData: a file cannot be read.

    >>> import numpy as np
    >>> from syda.volume import nifti
    >>> rng = np.random.default_rng(0)
    >>> for name in ("real/a", "real/b", "real/c", "real/d", "synthetic/a", "synthetic/b"):
    ...     hu = np.full((16, 16, 16), -1000, np.int16)
    ...     hu[3:13, 3:13, 3:13] = rng.integers(0, 80, (10, 10, 10))
    ...     nifti.write(Path(f"{name}.nii.gz"), Volume(hu, np.diag([3.0, 3.0, 3.0, 1.0])))
    >>> space = ModelSpace(size=16, spacing_mm=1.5, window_min=-1000, window_max=1000)
    >>> found = evaluate("real", "synthetic", space, bootstrap=100)
    >>> sorted(found.results), found.numbers()["n"]["synthetic"]
    (['real_1', 'real_2'], 2)
    """
    from syda.metrics.cohorts import Sampling  # noqa: PLC0415
    from syda.metrics.evaluation import evaluate_folders  # noqa: PLC0415  (imports torch)

    sampling = Sampling(seed, pairs, bootstrap)
    return evaluate_folders(Path(real), Path(synthetic), space, sampling)
