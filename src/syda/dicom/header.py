"""Read attributes of a header that may be wrong or damaged.

Source: DICOM PS3.5 6.2 (value representations). pydicom parses a value on access, so each
access may find damaged bytes.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from syda.dicom.reject import InputRejected, Reason


def value(header: Dataset, keyword: str) -> Any:
    """Return the value of an attribute, or None if it is missing, empty or cannot be parsed."""
    try:
        return header.get(keyword)
    except Exception:  # the parsers document no errors for damaged bytes
        return None


def text(header: Dataset, keyword: str) -> str:
    """Return an attribute as text without padding, or an empty text.

    Blanks and NULs at the ends are no part of a value (PS3.5 6.2, UI and LO).
    """
    found = value(header, keyword)
    return "" if found is None else str(found).strip(" \0\t\r\n")


def unparsed(header: Dataset, tags: Sequence[BaseTag]) -> tuple[object, ...]:
    """Return values that are the same only if the attributes are: bytes of a file, or text."""
    elements = [header.get_item(tag) for tag in tags]
    values = [None if one is None else one.value for one in elements]
    return tuple(one if isinstance(one, bytes) else str(one) for one in values)


def terms(header: Dataset, keyword: str) -> list[str]:
    """Return the values of an attribute in capitals, each other character as an underscore."""
    found = value(header, keyword)
    values = [] if found is None else [found] if isinstance(found, str) else list(found)
    return ["_".join(re.findall(r"[A-Z0-9]+", str(one).upper())) for one in values]


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
