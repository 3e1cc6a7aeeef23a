"""Attributes of a header that anyone may have written, or a disk may have spoiled.

Source: DICOM PS3.5 6.2 (value representations). pydicom parses a value when it is asked for, so any
question may meet bytes that are no such value.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from syda.dicom.reject import Reason, SetAside


def value(header: Dataset, keyword: str) -> Any:
    """Return an attribute's value, None where it is absent, empty or cannot be parsed."""
    try:
        return header.get(keyword)
    except Exception:  # whatever pydicom's parsers make of bytes that are no such value
        return None


def text(header: Dataset, keyword: str) -> str:
    """Return an attribute as text, empty where there is none."""
    found = value(header, keyword)
    return "" if found is None else str(found)


def numbers(header: Dataset, keyword: str, count: int) -> NDArray[np.float64]:
    """Return an attribute of ``count`` finite numbers.

    Raises:
        SetAside: it is absent, or something else.
    """
    found = value(header, keyword)
    try:
        array = np.atleast_1d(np.array(found, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise SetAside(Reason.MISSING_ATTRIBUTE, keyword) from error
    if found is None or array.shape != (count,) or not np.isfinite(array).all():
        raise SetAside(Reason.MISSING_ATTRIBUTE, keyword)
    return array
