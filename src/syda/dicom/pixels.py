"""Stored values to Hounsfield units.

Source: DICOM PS3.3 C.11.1.1.2 (Modality LUT: HU = stored x RescaleSlope + RescaleIntercept) and
C.7.5.1.1.2 (pixel padding).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from syda.dicom.reject import Reason, SetAside
from syda.types import HU

AIR_HU = -1000
"""Written where the scanner measured nothing."""

NOT_MEASURED_BELOW_HU = -1500
"""No attenuation gives such a value: padding outside the field of view, tagged or not."""


@dataclass(frozen=True)
class Pixels:
    """Voxels of a series.

    Attributes:
        hu: ``[column, row, slice]`` int16, within the bounds.
        clamped_share: share of measured voxels that lay outside the bounds.
    """

    hu: HU
    clamped_share: float


def read_hu(slices: Sequence[Dataset], hu_min: int, hu_max: int) -> Pixels:
    """Decode every slice; padding becomes air, the rest is clamped to the bounds and counted.

    Args:
        slices: in order, all of one size.
        hu_min: lower bound, HU.
        hu_max: upper bound, HU.

    Raises:
        SetAside: pixels cannot be decoded, or there is no rescale slope or intercept.
    """
    first = slices[0]
    hu = np.empty((int(first.Columns), int(first.Rows), len(slices)), np.int16, order="F")
    clamped = measured = 0
    for number, dataset in enumerate(slices):
        values, padding = _slice_hu(dataset)
        outside = ((values < hu_min) | (values > hu_max)) & ~padding
        clamped += int(outside.sum())
        measured += padding.size - int(padding.sum())
        values[padding] = AIR_HU
        hu[:, :, number] = np.rint(np.clip(values, hu_min, hu_max)).T
    return Pixels(hu, clamped / measured if measured else 0.0)


def _slice_hu(dataset: Dataset) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """HU ``[row, column]`` and where they are padding."""
    try:
        stored = dataset.pixel_array
        slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
    except (AttributeError, ValueError, RuntimeError, NotImplementedError, TypeError) as error:
        raise SetAside(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error
    if stored.shape != (dataset.Rows, dataset.Columns):
        raise SetAside(Reason.UNDECODABLE_PIXELS, "more than one frame or sample in a slice")
    values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return values, (values < NOT_MEASURED_BELOW_HU) | _tagged_padding(dataset, stored)


def _tagged_padding(dataset: Dataset, stored: NDArray[np.integer]) -> NDArray[np.bool_]:
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, dtype=np.bool_)
    limit = dataset.get("PixelPaddingRangeLimit", value)
    low, high = sorted((int(value), int(limit)))
    return np.asarray((stored >= low) & (stored <= high))
