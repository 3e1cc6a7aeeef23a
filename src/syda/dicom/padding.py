"""Pixel padding: the stored values that stand outside the field of the scanner.

Source: DICOM PS3.3 C.7.5.1.1.2 (Pixel Padding Value and Pixel Padding Range Limit).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.quantity import rescale
from syda.dicom.reject import InputRejected, Reason

TISSUE_HU = (-500, 2000)
"""HU of tissue and bone. A padding value among them would make a part of the body air."""


def tagged(dataset: Dataset, stored: NDArray[np.integer[Any]]) -> NDArray[np.bool_] | None:
    """Return where stored values are in the padding range, or None if there is no such tag.

    The tag may be written as unsigned for signed pixels, or the other way round. It is read like a
    stored value.
    """
    ends = padding_range(dataset, stored.dtype)
    if ends is None or names_tissue(dataset, ends):
        return None
    return np.asarray((stored >= ends[0]) & (stored <= ends[1]))


def padding_range(dataset: Dataset, dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """Return the smallest and largest stored value of padding, or None if there is no such tag.

    Raises:
        InputRejected: the tag is no number, or several numbers.
    """
    values = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        found = header.value(dataset, keyword)
        if found is None:
            continue
        try:
            (value,) = {int(one) for one in (found if isinstance(found, Sequence) else [found])}
        except (TypeError, ValueError) as error:
            raise InputRejected(Reason.MISSING_ATTRIBUTE, keyword) from error
        values.append(int(np.array(value).astype(dtype)))
    tagged = header.value(dataset, "PixelPaddingValue") is not None
    return (min(values), max(values)) if tagged else None


def names_tissue(dataset: Dataset, ends: tuple[int, int]) -> bool:
    """Return whether a padding range holds HU of tissue. It is then no padding."""
    slope, intercept = rescale(dataset)
    first, last = sorted(slope * end + intercept for end in ends)
    return first < TISSUE_HU[1] and last > TISSUE_HU[0]
