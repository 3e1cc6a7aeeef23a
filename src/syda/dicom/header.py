"""Read attributes of a header that may be wrong or damaged.

Source: DICOM PS3.5 6.2 (value representations). pydicom parses a value on access, so each
access may find damaged bytes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from syda.dicom.reject import InputRejected, Reason


def value(header: Dataset, keyword: str) -> Any:
    """Return the value of an attribute, or None if it is missing, empty or cannot be parsed."""
    try:
        return header.get(keyword)
    except Exception:  # the parsers document no errors for damaged bytes
        return None


def text(header: Dataset, keyword: str) -> str:
    """Return an attribute as text, or an empty text."""
    found = value(header, keyword)
    return "" if found is None else str(found)


def numbers(header: Dataset, keyword: str, count: int) -> NDArray[np.float64]:
    """Return an attribute of ``count`` finite numbers.

    Raises:
        InputRejected: it is missing, or something else.
    """
    found = value(header, keyword)
    try:
        array = np.atleast_1d(np.array(found, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputRejected(Reason.MISSING_ATTRIBUTE, keyword) from error
    if found is None or array.shape != (count,) or not np.isfinite(array).all():
        raise InputRejected(Reason.MISSING_ATTRIBUTE, keyword)
    return array
