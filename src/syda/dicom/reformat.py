"""Find series that no gantry acquired: reformats in other planes, slabs and projections.

Source: DICOM PS3.3 C.7.6.1.1.2 (Image Type value 1: DERIVED), C.8.2.1.1.1, C.8.16.1.4 (value 4).
"""

import re

import numpy as np
from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.stack import Stack

_IMAGE_TYPES = re.compile(
    r"\b(MPR|MIP|MINIP|MIN IP|REFORMATTED|PROJECTION|AVERAGE|MAXIMUM|MINIMUM|VRT|CURVED|SLAB)\b"
)
_DESCRIPTIONS = re.compile(r"\b(mpr|mips?|minips?|min ip|reformat\w*|slabs?|vrt|curved)\b")

MAX_OBLIQUE_DEGREES = 5.0
"""A table or a header is that inaccurate. A reformat along an organ or a plane is turned more."""


def is_derived(dataset: Dataset) -> bool:
    """Return whether Image Type says that the pixels were derived from other images."""
    return _image_type(dataset).startswith("DERIVED")


def names_reformat(dataset: Dataset) -> bool:
    """Return whether Image Type or the description of the series names a reformat or projection."""
    described = re.sub(r"[\W_]+", " ", header.text(dataset, "SeriesDescription").lower())
    return bool(_IMAGE_TYPES.search(_image_type(dataset)) or _DESCRIPTIONS.search(described))


def oblique_degrees(stack: Stack) -> float:
    """Return the angle between the slices and the planes that a gantry acquires.

    A tilted gantry moves its slices along the table, not along their normal. The angle that this
    explains is no obliquity. A coronal or sagittal reformat has about 90 degrees.
    """
    angle = float(np.degrees(np.arccos(min(1.0, abs(stack.plane.normal[2])))))
    return max(0.0, angle - stack.tilt_degrees)


def _image_type(dataset: Dataset) -> str:
    """Return the values of Image Type as words."""
    found = header.value(dataset, "ImageType") or ()
    values = [found] if isinstance(found, str) else list(found)
    return " ".join(str(value) for value in values).replace("_", " ").upper()
