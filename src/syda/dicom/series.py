"""Find the series of a file, and read the slices of a series.

File names, folders, InstanceNumber and SliceThickness are not used: positions decide.

Source: DICOM PS3.3 C.8.2.1 (CT image), A.38.1 (Enhanced CT).
"""

from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.uid import CTImageStorage

from syda.dicom import header, multiframe
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason, is_environment_error

# The warnings of pydicom quote the header, which holds names.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_INDEX_TAGS = ["SOPClassUID", "SeriesInstanceUID", "ImageType"]


def series_uid(path: Path) -> str:
    """Return the SeriesInstanceUID of a CT slice file, or of a multi-frame CT.

    Raises:
        OSError: the environment prevents reading.
        InputRejected: not DICOM, not a CT image, or a localizer.
    """
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_INDEX_TAGS)
    except Exception as error:  # the parser documents no errors for other bytes
        if is_environment_error(error):
            raise
        raise InputRejected(Reason.NOT_DICOM, type(error).__name__) from error
    sop_class, uid = (header.text(dataset, tag) for tag in ("SOPClassUID", "SeriesInstanceUID"))
    if not sop_class:
        raise InputRejected(Reason.NOT_DICOM, "no SOPClassUID")
    if sop_class != CTImageStorage and sop_class not in multiframe.SOP_CLASSES:
        raise InputRejected(Reason.NOT_CT_IMAGE)
    if "LOCALIZER" in header.text(dataset, "ImageType"):
        raise InputRejected(Reason.LOCALIZER)
    if not uid:
        raise InputRejected(Reason.MISSING_ATTRIBUTE, "SeriesInstanceUID")
    return uid


def read_slices(files: Sequence[Path]) -> list[CTSlice]:
    """Read files: one slice each, or the frames of a multi-frame CT.

    Raises:
        InputRejected: a file is cut or damaged, or its frames are not described.
    """
    return [found for file in files for found in _slices(file)]


def patient_id(slices: Sequence[CTSlice]) -> str:
    """Return what identifies the patient of a series: PatientID, otherwise the study.

    Raises:
        InputRejected: both are missing, or slices of several patients or studies share the series.
    """
    found = {
        keyword: {header.text(one.header, keyword) for one in slices}
        for keyword in ("PatientID", "StudyInstanceUID")
    }
    for keyword, values in found.items():
        if len(values) > 1:
            raise InputRejected(Reason.MIXED_IDENTITY, keyword)
    identifiers = [value for values in found.values() for value in values if value]
    if not identifiers:
        raise InputRejected(Reason.MISSING_ATTRIBUTE, "PatientID and StudyInstanceUID")
    return identifiers[0]


def _slices(file: Path) -> list[CTSlice]:
    try:
        dataset = pydicom.dcmread(file)
        if dataset.get("SOPClassUID") in multiframe.SOP_CLASSES:
            return multiframe.slices(dataset)
        frames = int(dataset.get("NumberOfFrames") or 1)
    except InputRejected:
        raise
    except Exception as error:  # as above
        if is_environment_error(error):
            raise
        raise InputRejected(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error
    if frames != 1:
        raise InputRejected(Reason.UNDECODABLE_PIXELS, "more than one frame or sample in a slice")
    return [CTSlice(dataset, dataset)]
