"""Why a file or a series is set aside, or was put right: codes for counting, numbers, no names."""

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
    MIXED_IDENTITY = "mixed_identity"
    """Slices of several patients or studies under one SeriesInstanceUID."""
    MIXED_GEOMETRY = "mixed_geometry"
    """Slices of different size, spacing or orientation, or off one line, in one series."""
    DUPLICATE_SLICES = "duplicate_slices"
    """Several images at one place, and nothing that tells their acquisitions apart."""
    MISSING_SLICES = "missing_slices"
    """A gap wide enough for a slice more."""
    GANTRY_TILT = "gantry_tilt"
    """More than any gantry tilts: positions and orientation contradict each other."""
    UNDECODABLE_PIXELS = "undecodable_pixels"
    OUT_OF_RANGE = "out_of_range"
    """More voxels outside the HU bounds than convert.max_clamped_share."""


class Irregularity(StrEnum):
    """What was put right on the way from slices to a volume; counted, and told of each case."""

    GANTRY_TILT = "gantry_tilt"
    """Sheared back to an orthogonal grid."""
    IRREGULAR_SPACING = "irregular_spacing"
    """Interpolated to regular slices."""
    MISSING_SLICE_FILLED = "missing_slice_filled"
    """One slice interpolated between its neighbours."""
    COPIES_DROPPED = "copies_dropped"
    """Slices that were there twice."""
    SEVERAL_ACQUISITIONS = "several_acquisitions"
    """One of several stacks of its series."""


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
