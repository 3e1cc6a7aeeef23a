"""Files to series, and a series' files to slices.

Source: DICOM PS3.3 C.8.2.1 (CT image), A.38.1 (Enhanced CT). Neither file names, folders,
InstanceNumber nor SliceThickness are trusted: positions decide.
"""

from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.uid import CTImageStorage

from syda.dicom import header, multiframe
from syda.dicom.plane import Slice
from syda.dicom.reject import Reason, SetAside, of_the_machine

# pydicom's warnings about odd values quote the header, and headers hold names.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_INDEX_TAGS = ["SOPClassUID", "SeriesInstanceUID", "ImageType"]


def series_uid(path: Path) -> str:
    """Return the SeriesInstanceUID of a CT slice file, or of a multi-frame CT.

    Raises:
        OSError: the file cannot be read for no fault of its own.
        SetAside: not DICOM, not a CT image, or a localizer.
    """
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_INDEX_TAGS)
    except Exception as error:  # whatever a parser makes of bytes that are no DICOM
        if of_the_machine(error):
            raise
        raise SetAside(Reason.NOT_DICOM, type(error).__name__) from error
    sop_class, uid = (header.text(dataset, tag) for tag in ("SOPClassUID", "SeriesInstanceUID"))
    if not sop_class:
        raise SetAside(Reason.NOT_DICOM, "no SOPClassUID")
    if sop_class != CTImageStorage and sop_class not in multiframe.SOP_CLASSES:
        raise SetAside(Reason.NOT_CT_IMAGE)
    if "LOCALIZER" in header.text(dataset, "ImageType"):
        raise SetAside(Reason.LOCALIZER)
    if not uid:
        raise SetAside(Reason.MISSING_ATTRIBUTE, "SeriesInstanceUID")
    return uid


def read_slices(files: Sequence[Path]) -> list[Slice]:
    """Read whole files: one slice each, or the frames of a multi-frame CT.

    Raises:
        SetAside: a file cannot be read to its end, or its frames are not described.
    """
    return [found for file in files for found in _slices(file)]


def patient_id(slices: Sequence[Slice]) -> str:
    """Return what tells the patient of a series from others: PatientID, or else the study.

    Raises:
        SetAside: there is neither, or slices of several patients or studies share the series.
    """
    found = {
        keyword: {header.text(one.header, keyword) for one in slices}
        for keyword in ("PatientID", "StudyInstanceUID")
    }
    for keyword, values in found.items():
        if len(values) > 1:
            raise SetAside(Reason.MIXED_IDENTITY, keyword)
    told = [value for values in found.values() for value in values if value]
    if not told:
        raise SetAside(Reason.MISSING_ATTRIBUTE, "PatientID and StudyInstanceUID")
    return told[0]


def _slices(file: Path) -> list[Slice]:
    try:
        dataset = pydicom.dcmread(file)
        if dataset.get("SOPClassUID") in multiframe.SOP_CLASSES:
            return multiframe.slices(dataset)
        frames = int(dataset.get("NumberOfFrames") or 1)
    except SetAside:
        raise
    except Exception as error:  # as above: a cut or broken file
        if of_the_machine(error):
            raise
        raise SetAside(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error
    if frames != 1:
        raise SetAside(Reason.UNDECODABLE_PIXELS, "more than one frame or sample in a slice")
    return [Slice(dataset, dataset)]
