"""The table of a set: one row of measurements for each volume, never its voxels.

Worker processes measure the rows. A file that cannot be read has a row too, with the reason in
``fault`` and without measurements.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from syda.errors import CorruptData
from syda.types import Attribute
from syda.volume import foreign_nifti, geometry, nifti

SPACING = ("spacing_i", "spacing_j", "spacing_k")
SHAPE = ("shape_i", "shape_j", "shape_k")

AIR_HU = -900
"""Below it a voxel counts as air: lung is denser, about -850 HU (Hounsfield 1980)."""

_AT_ONCE = 2**20
"""Voxels counted in one go, so that a large volume needs no second copy."""


@dataclass(frozen=True)
class Row:
    """Measurements of one volume; every field but ``case`` is None where it was not measured.

    Attributes:
        case: pseudonym, or the file's name without ``.nii.gz``.
        fault: why the volume cannot be read, or None.
        spacing_i: voxel size along the first axis, mm (likewise ``_j``, ``_k``).
        orientation: axis codes of the affine, such as ``RAS``.
        shape_i: voxels along the first axis (likewise ``_j``, ``_k``).
        not_finite: number of NaN and infinite voxels, which the values below leave out.
        hu_min: lowest voxel, HU.
        hu_max: highest voxel, HU.
        hu_p0_5: 0.5th percentile, HU.
        hu_p99_5: 99.5th percentile, HU.
        std_hu: standard deviation, HU.
        air_share: share of voxels below ``AIR_HU``.
        below_window_share: share of voxels below the model's window.
        above_window_share: share of voxels above the model's window.
        sha256: digest of type, shape and voxels, not of the file.
        description_fault: what is wrong with the JSON file of a scan, or None.
        attributes_missing: names of required attributes without a value, or None.
        patient: pseudonym of the patient (records only).
        split: ``train`` or ``holdout`` (records only).
    """

    case: str
    fault: str | None = None
    spacing_i: float | None = None
    spacing_j: float | None = None
    spacing_k: float | None = None
    orientation: str | None = None
    shape_i: int | None = None
    shape_j: int | None = None
    shape_k: int | None = None
    not_finite: int | None = None
    hu_min: float | None = None
    hu_max: float | None = None
    hu_p0_5: float | None = None
    hu_p99_5: float | None = None
    std_hu: float | None = None
    air_share: float | None = None
    below_window_share: float | None = None
    above_window_share: float | None = None
    sha256: str | None = None
    description_fault: str | None = None
    attributes_missing: str | None = None
    patient: str | None = None
    split: str | None = None


TEXT = (
    *("case", "fault", "orientation", "sha256", "description_fault", "attributes_missing"),
    *("patient", "split"),
)
"""Columns of a table that hold text; all others are numbers."""


def nifti_row(path: Path, window: tuple[int, int]) -> Row:
    """Measure one NIfTI file of any origin.

    Args:
        path: its name is the case.
        window: lowest and highest HU of the model's window.
    """
    case = foreign_nifti.printable_name(path).removesuffix(nifti.SUFFIX)
    try:
        voxels, affine = foreign_nifti.read(path)
    except CorruptData as error:
        return Row(case, fault=str(error))
    return volume_row(case, voxels, affine, window)


def scan_row(path: Path, window: tuple[int, int], required: Sequence[str]) -> Row:
    """Measure one NIfTI file and check the JSON file of the same name.

    Args:
        path: a ``.nii.gz`` file; its name is the case.
        window: lowest and highest HU of the model's window.
        required: names of attributes that should have a value.
    """
    row = nifti_row(path, window)
    name = f"{nifti.case_name(path)}.json"
    attributes: dict[str, Attribute] = {}
    try:
        content = json.loads(path.with_name(name).read_text(encoding="utf-8"))
        case, attributes, _ = content["case"], dict(content["attributes"]), content["patient"]
        fault = None if case == row.case else f"{name} is of another case"
    except FileNotFoundError:
        fault = f"{name} does not exist"
    except (ValueError, KeyError, TypeError) as error:  # its text may quote what is in the file
        fault = f"{name} is no description ({type(error).__name__})"
    missing = missing_attributes(attributes, required)
    return replace(row, description_fault=fault, attributes_missing=missing)


def missing_attributes(attributes: Mapping[str, Attribute], required: Sequence[str]) -> str | None:
    """Names of the required attributes without a value, or None."""
    return ", ".join(name for name in required if attributes.get(name) is None) or None


def volume_row(
    case: str,
    voxels: NDArray[Any],
    affine: NDArray[np.float64],
    window: tuple[int, int],
    patient: str | None = None,
    split: str | None = None,
) -> Row:
    """Measure one volume.

    Args:
        case: pseudonym.
        voxels: ``[i, j, k]``, HU, any real type.
        affine: ``[4, 4]`` voxel index to RAS+ mm.
        window: lowest and highest HU of the model's window.
        patient: pseudonym, of a record.
        split: ``train`` or ``holdout``, of a record.

    Raises:
        ValueError: not three axes, no voxels, or voxels that are not real numbers.
    """
    if voxels.ndim != 3 or voxels.size == 0:
        raise ValueError(f"shape {voxels.shape} is not a volume of three axes")
    if voxels.dtype.kind not in "iuf":
        raise ValueError(f"voxels of type {voxels.dtype} are not real numbers")
    grid: dict[str, Any] = {}
    for axis, size, step in zip("ijk", voxels.shape, affine[:3, :3].T, strict=True):
        grid |= {f"shape_{axis}": size, f"spacing_{axis}": float(np.linalg.norm(step))}
    return Row(
        case,
        **grid,
        **_intensities(voxels, window),
        orientation=geometry.orientation_code(affine),
        sha256=_digest(voxels),
        patient=patient,
        split=split,
    )


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Table of the rows, sorted by case, with a typed column for each field of :class:`Row`.

    Two columns are added: ``spacing_spread_mm``, the largest difference of voxel sizes along two
    axes, and ``splits_of_patient``, the number of splits that hold the row's patient.
    """
    table = pd.DataFrame([asdict(row) for row in rows], columns=list(Row.__dataclass_fields__))
    numbers = [column for column in table.columns if column not in TEXT]
    table = table.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(TEXT, "object"))
    sizes = table[list(SPACING)]
    spread = sizes.max(axis=1, skipna=False) - sizes.min(axis=1, skipna=False)
    table["spacing_spread_mm"] = spread
    table["splits_of_patient"] = table.groupby("patient")["split"].transform("nunique")
    table["splits_of_patient"] = table["splits_of_patient"].astype("float64")
    return table.sort_values(["case"], kind="stable", ignore_index=True)


def _intensities(voxels: NDArray[Any], window: tuple[int, int]) -> dict[str, Any]:
    levels, counts = _histogram(voxels)
    total = int(counts.sum())
    found: dict[str, Any] = {"not_finite": voxels.size - total}
    if total == 0:
        return found
    exponent = int(np.frexp(np.abs(levels).max())[1])
    scaled = np.ldexp(levels, -exponent)  # exactly, so that no square leaves the range of float64
    mean = math.fsum(scaled * counts) / total  # exact sums: the same on every CPU
    variance = math.fsum((scaled - mean) ** 2 * counts) / total
    return found | {
        "hu_min": float(levels[0]),
        "hu_max": float(levels[-1]),
        "hu_p0_5": _percentile(levels, counts, 0.5),
        "hu_p99_5": _percentile(levels, counts, 99.5),
        "std_hu": math.ldexp(math.sqrt(variance), exponent),
        "air_share": int(counts[levels < AIR_HU].sum()) / total,
        "below_window_share": int(counts[levels < window[0]].sum()) / total,
        "above_window_share": int(counts[levels > window[1]].sum()) / total,
    }


def _histogram(voxels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Finite values that occur, ascending, and how often; every figure follows from these."""
    flat = voxels.ravel(order="K")
    bins = np.zeros(2**16, dtype=np.int64)
    for start in range(0, flat.size, _AT_ONCE):
        some = flat[start : start + _AT_ONCE]
        some = some[np.isfinite(some)]
        with np.errstate(invalid="ignore"):  # what does not fit comes out as another number
            whole = some.astype(np.int16)
        if not np.array_equal(whole, some):
            values, counts = np.unique(flat[np.isfinite(flat)], return_counts=True)
            return values.astype(np.float64), counts.astype(np.int64)
        bins += np.bincount(whole.astype(np.intp) + 2**15, minlength=2**16)
    (occurring,) = bins.nonzero()
    return occurring.astype(np.float64) - 2**15, bins[occurring]


def _percentile(levels: NDArray[np.float64], counts: NDArray[np.int64], percent: float) -> float:
    """As ``numpy.percentile`` of all voxels: linear between the two nearest."""
    up_to = counts.cumsum()
    position = percent / 100 * (up_to[-1] - 1)
    low = int(position)
    below, above = levels[np.searchsorted(up_to, (low, min(low + 1, up_to[-1] - 1)), side="right")]
    return float(below + (above - below) * (position - low))


def _digest(voxels: NDArray[Any]) -> str:
    """Digest in the order in memory, C or Fortran, which is one for all volumes of a set."""
    sha256 = hashlib.sha256(f"{voxels.dtype.str} {voxels.shape}".encode())
    sha256.update((voxels if voxels.flags.c_contiguous else np.ascontiguousarray(voxels.T)).data)
    return sha256.hexdigest()
