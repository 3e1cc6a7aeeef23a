"""Find the series of a file, and read the slices of a series.

File names, folders, InstanceNumber and SliceThickness are not used: positions decide.

A data set without preamble, File Meta Information, TransferSyntaxUID, SOPClassUID or
SamplesPerPixel is read all the same: old archives and anonymisers leave them out.

Source: DICOM PS3.3 C.8.2.1 (CT image), A.38.1 (Enhanced CT), PS3.10 7.1 (file format).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from syda.dicom import bare, header, multiframe
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason, is_environment_error

# The warnings of pydicom quote the header, which holds names.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_INDEX_TAGS = ["SOPClassUID", "SeriesInstanceUID", "ImageType", "Modality"]


def series_uid(path: Path) -> str:
    """Return the SeriesInstanceUID of a CT slice file, or of a multi-frame CT.

    Raises:
        OSError: the environment prevents reading.
        InputRejected: not DICOM, not a CT image, or a localizer.
    """
    try:
        dataset = _read(path, stop_before_pixels=True, specific_tags=_INDEX_TAGS)
    except Exception as error:  # the parser documents no errors for other bytes
        if is_environment_error(error):
            raise
        raise InputRejected(Reason.NOT_DICOM, type(error).__name__) from error
    sop_class, modality = _sop_class(dataset), header.text(dataset, "Modality")
    if not dataset and not sop_class:
        raise InputRejected(Reason.NOT_DICOM, "none of the attributes of an image")
    if not _is_ct(sop_class, modality):
        raise InputRejected(Reason.NOT_CT_IMAGE)
    if "LOCALIZER" in header.text(dataset, "ImageType"):
        raise InputRejected(Reason.LOCALIZER)
    uid = header.text(dataset, "SeriesInstanceUID")
    if not uid:
        raise InputRejected(Reason.NO_SERIES_UID)
    return uid


def _is_ct(sop_class: str, modality: str) -> bool:
    if not sop_class:
        return modality == "CT"
    return sop_class == CTImageStorage or sop_class in multiframe.SOP_CLASSES


def _sop_class(dataset: Dataset) -> str:
    """Return the SOP class of the image, or that of its file."""
    meta = getattr(dataset, "file_meta", None) or Dataset()
    return header.text(dataset, "SOPClassUID") or header.text(meta, "MediaStorageSOPClassUID")


def _read(path: Path, **options: Any) -> Dataset:
    """Read a file, also a data set without the preamble and prefix of PS3.10 7.1."""
    try:
        return pydicom.dcmread(path, **options)
    except InvalidDicomError:
        with path.open("rb") as stream:
            head = stream.read(bare.HEAD_BYTES)
        if not bare.is_data_set(head):
            raise
        return pydicom.dcmread(path, force=True, **options)


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
        dataset = _completed(_read(file))
        if _sop_class(dataset) in multiframe.SOP_CLASSES:
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


def _completed(dataset: Dataset) -> Dataset:
    """Set what readers need and a data set may lack: its transfer syntax, and one sample a pixel.

    Raises:
        InputRejected: the pixels are packed, and nothing says how.
    """
    meta = getattr(dataset, "file_meta", None)
    if meta is None:
        meta = dataset.file_meta = FileMetaDataset()
    if not header.text(meta, "TransferSyntaxUID"):
        if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
            raise InputRejected(Reason.MISSING_ATTRIBUTE, "TransferSyntaxUID")
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    if header.value(dataset, "SamplesPerPixel") is None and "PixelData" in dataset:
        dataset.SamplesPerPixel = 1
    return dataset
