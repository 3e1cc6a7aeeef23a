"""Why a file, an archive or a series does not go on, and what was put right: codes, no names."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of ``reports/convert.json``."""

    NOT_DICOM = "not_dicom"
    """Not a DICOM file, empty, or its header is cut."""
    NOT_CT_IMAGE = "not_ct_image"
    """Another kind of DICOM object (SOP class): dose screen, RTSTRUCT, MR, directory, ..."""
    LOCALIZER = "localizer"
    """A scout view (ImageType value 3, PS3.3 C.8.2.1.1.1)."""
    DAMAGED = "damaged"
    """A reader failed on it in a way that no other code names; the detail is the error's type."""

    ARCHIVE_UNREADABLE = "archive_unreadable"
    """Cut, altered, encrypted, or of a kind that is not read."""
    ARCHIVE_PATH = "archive_path"
    """A member's path leads out of the archive's own folder."""
    ARCHIVE_SPECIAL = "archive_special"
    """A member is neither file nor folder: link, device, pipe, sparse file."""
    ARCHIVE_TOO_LARGE = "archive_too_large"
    """More members, more bytes or a higher ratio than ``convert.archives`` allows."""
    ARCHIVE_NESTED = "archive_nested"
    """An archive inside an archive; it is left out, what lies beside it is read."""

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

    TOO_FEW_SLICES = "too_few_slices"
    OTHER_MODALITY = "other_modality"
    OTHER_BODY_PART = "other_body_part"
    CONTRAST_AGENT = "contrast_agent"
    SLICE_DISTANCE = "slice_distance"
    SCAN_LENGTH = "scan_length"
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
    | {Reason.SLICE_DISTANCE, Reason.SCAN_LENGTH}
    | {reason for reason in Reason if reason.startswith("reader_")}
)
"""Reasons by which a sound series stays out of the cohort: rules, no faults."""


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
    """A file, archive or series that does not go on.

    Attributes:
        reason: the code.
        detail: numbers that explain it; never text from the file.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@contextmanager
def guarded(reason: Reason) -> Iterator[None]:
    """Turn whatever a library raises while it reads hostile or damaged bytes into a reason.

    Which errors these can be is not documented by any of them. Nothing is written inside such a
    block, so that a full disk is never taken for a damaged file.

    Raises:
        OSError: the machine is at fault and not the file.
        SetAside: with this reason and the error's type, whose text may quote the file.
    """
    try:
        yield
    except SetAside:
        raise
    except Exception as error:
        if of_the_machine(error):
            raise
        raise SetAside(reason, type(error).__name__) from None


def of_the_machine(error: Exception) -> bool:
    """Whether a disk, a mount or a right kept a file from being read, and not its bytes.

    Parsers raise ``OSError`` too, without a number or for a place before the file's start.
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)
