"""Why a file or a series is set aside: a code for counting, numbers for the reader, no names."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of ``reports/convert.json``."""

    NOT_DICOM = "not_dicom"
    """Not a DICOM file, empty, or its header is cut."""
    NOT_CT_IMAGE = "not_ct_image"
    """Another kind of DICOM object (SOP class): dose screen, RTSTRUCT, MR, directory, ..."""
    LOCALIZER = "localizer"
    """A scout view (ImageType value 3, PS3.3 C.8.2.1.1.1)."""
    TOO_FEW_SLICES = "too_few_slices"
    MISSING_ATTRIBUTE = "missing_attribute"
    MIXED_GEOMETRY = "mixed_geometry"
    """Slices of different size, spacing or orientation under one SeriesInstanceUID."""
    DUPLICATE_SLICES = "duplicate_slices"
    IRREGULAR_SPACING = "irregular_spacing"
    """A missing slice, or a slice distance that changes."""
    GANTRY_TILT = "gantry_tilt"
    UNDECODABLE_PIXELS = "undecodable_pixels"
    OUT_OF_RANGE = "out_of_range"
    """More voxels outside the HU bounds than convert.max_clamped_share."""


class SetAside(Exception):  # noqa: N818
    """A file or series that does not go on.

    Attributes:
        reason: the code.
        detail: numbers that explain it; never text from the file.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
