"""Codes for why a file, archive or series is rejected, and for what was corrected."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of ``reports/convert.json``."""

    NOT_DICOM = "not_dicom"
    """Not a DICOM file, empty, or with a cut header."""
    NOT_CT_IMAGE = "not_ct_image"
    """Another kind of DICOM object (SOP class): dose screen, RTSTRUCT, MR, directory, ..."""
    LOCALIZER = "localizer"
    """A scout view (ImageType value 3, PS3.3 C.8.2.1.1.1)."""
    NO_SERIES_UID = "no_series_uid"
    """A CT image without SeriesInstanceUID: nothing says which images belong together."""
    DAMAGED = "damaged"
    """Reading failed in a way that no other code names. The detail is the type of the error."""

    ARCHIVE_UNREADABLE = "archive_unreadable"
    """Cut, altered, encrypted, or of an unsupported kind."""
    ARCHIVE_PATH = "archive_path"
    """The path of a member leads out of the folder of the archive."""
    ARCHIVE_SPECIAL = "archive_special"
    """A member is neither file nor folder: link, device, pipe, sparse file."""
    ARCHIVE_TOO_LARGE = "archive_too_large"
    """More members, bytes or a higher ratio than ``convert.archives`` allows."""
    ARCHIVE_NESTED = "archive_nested"
    """An archive inside an archive. It is ignored, the other members are read."""

    MISSING_ATTRIBUTE = "missing_attribute"
    MIXED_IDENTITY = "mixed_identity"
    """Slices of several patients or studies under one SeriesInstanceUID."""
    MIXED_GEOMETRY = "mixed_geometry"
    """Slices of different size, spacing or orientation, or off one line, in one series."""
    DUPLICATE_SLICES = "duplicate_slices"
    """Several images at one position, and no tag that separates their acquisitions."""
    MISSING_SLICES = "missing_slices"
    """A gap in which another slice fits."""
    CHANGING_SLICE_DISTANCE = "changing_slice_distance"
    """A part with one slice distance, and a part with at least twice that distance."""
    GANTRY_TILT = "gantry_tilt"
    """A larger tilt than gantries have: positions and orientation contradict each other."""
    UNDECODABLE_PIXELS = "undecodable_pixels"
    OUT_OF_RANGE = "out_of_range"
    """A larger share of voxels outside the HU bounds than ``convert.max_clamped_share``."""
    NOT_HU = "not_hu"
    """Values that are no HU of a place, by the header or because the volume has no air or no
    contrast: electron density, iodine, projections (MIP), maps, palettes, windowed grey."""
    SYNTHETIC = "synthetic"
    """Synthetic Data (0008,001C) is YES in a version that ``data.artificial`` does not list."""

    TOO_FEW_SLICES = "too_few_slices"
    OTHER_MODALITY = "other_modality"
    OTHER_BODY_PART = "other_body_part"
    CONTRAST_AGENT = "contrast_agent"
    CONTRAST_DIFFERS = "contrast_differs"
    """The voxels show contrast agent, or none, against the header or the rule."""
    BURNED_IN_ANNOTATION = "burned_in_annotation"
    """Burned In Annotation is YES: text in the pixels may name the patient."""
    RECOGNIZABLE_FEATURES = "recognizable_features"
    """Recognizable Visual Features is YES: the pixels may show who the patient is."""
    REFORMAT = "reformat"
    """No gantry acquired these slices: another plane, a slab or a projection."""
    DERIVED = "derived"
    """Image Type says that the pixels were derived from other images."""
    SAME_SCAN = "same_scan"
    """Another series of the same scan, with another kernel or thickness, is taken."""
    SAME_VOXELS = "same_voxels"
    """A copy: another case has the same voxels. The detail says if it is of another patient."""
    SLICE_DISTANCE = "slice_distance"
    SCAN_LENGTH = "scan_length"
    TOO_LARGE = "too_large"
    """A side would be longer than ``resample.max_side``, which would stop that stage."""
    READER_STONE = "reader_stone"
    READER_CONTRAST = "reader_contrast"
    READER_ARTEFACT = "reader_artefact"
    READER_IMPLANT = "reader_implant"
    READER_BODY_PART = "reader_body_part"
    READER_QUALITY = "reader_quality"
    READER_REPEATED = "reader_repeated"
    READER_CONSENT = "reader_consent"
    READER_OTHER = "reader_other"


EXCLUSIONS = frozenset(
    {Reason.TOO_FEW_SLICES, Reason.OTHER_MODALITY, Reason.OTHER_BODY_PART, Reason.CONTRAST_AGENT}
    | {Reason.CONTRAST_DIFFERS, Reason.BURNED_IN_ANNOTATION, Reason.RECOGNIZABLE_FEATURES}
    | {Reason.REFORMAT, Reason.DERIVED, Reason.SAME_SCAN, Reason.SLICE_DISTANCE, Reason.SCAN_LENGTH}
    | {Reason.SAME_VOXELS, Reason.TOO_LARGE}
    | {reason for reason in Reason if reason.startswith("reader_")}
)
"""Reasons by which a rule excludes a sound series from the cohort. They are no faults."""


class Irregularity(StrEnum):
    """What was corrected between slices and volume. Reports count it, and the case lists it."""

    GANTRY_TILT = "gantry_tilt"
    """The volume was sheared back to an orthogonal grid."""
    IRREGULAR_SPACING = "irregular_spacing"
    """The slices were interpolated to a regular spacing."""
    MISSING_SLICE_FILLED = "missing_slice_filled"
    """One slice was interpolated between its neighbours."""
    COPIES_DROPPED = "copies_dropped"
    """Slices were present more than once."""
    SEVERAL_ACQUISITIONS = "several_acquisitions"
    """The series holds several stacks, and this is one of them."""
    IMAGES_LEFT_OUT = "images_left_out"
    """Images of another kind or plane than the stack were in the series: scouts, reformats, ..."""
    NOISY_AIR = "noisy_air"
    """More noise of air lay below the HU bounds than ``convert.max_clamped_share``."""


class InputRejected(Exception):  # noqa: N818
    """A file, archive or series is not converted.

    Attributes:
        reason: reason code.
        detail: numbers, DICOM keywords or the type of an error; never a value from the file.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@contextmanager
def reject_on_error(reason: Reason) -> Iterator[None]:
    """Turn errors of libraries that read hostile or damaged bytes into a reason.

    The libraries do not document these errors. Write no files inside the block: a full disk must
    not count as a damaged file.

    Raises:
        OSError: the environment is at fault and not the file.
        InputRejected: with this reason and the type of the error. Its text may quote the file.
    """
    try:
        yield
    except InputRejected:
        raise
    except Exception as error:
        if is_environment_error(error):
            raise
        raise InputRejected(reason, type(error).__name__) from None


def is_environment_error(error: Exception) -> bool:
    """Return whether a disk, a mount or a permission prevented reading, and not the bytes.

    Parsers raise ``OSError`` too, without a number or for an offset before the start of a file.
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)
