"""What the slices of a series must share, and what is noted where they do not."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from syda.dicom.reject import Reason, SetAside

PIXEL_FORMAT = (
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PhotometricInterpretation",
    "PixelPaddingRangeLimit",
    "PixelPaddingValue",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
)
"""Allowed to differ from slice to slice (PS3.3 C.7.6.3, C.11.1), seldom so, and decisive for HU."""


def patient_id(slices: Sequence[Dataset]) -> str:
    """Return what stands for the patient: Patient ID, or the study's UID where there is none.

    Raises:
        SetAside: slices of several patients or studies, or nothing that says whose they are.
    """
    for keyword in ("PatientID", "StudyInstanceUID"):
        if len({str(ds.get(keyword) or "") for ds in slices}) > 1:
            raise SetAside(Reason.MIXED_IDENTITY, keyword)
    found = slices[0].get("PatientID") or slices[0].get("StudyInstanceUID")
    if not found:
        raise SetAside(Reason.MISSING_ATTRIBUTE, "PatientID and StudyInstanceUID")
    return str(found)


def unusual(slices: Sequence[Dataset]) -> list[str]:
    """What decides HU and is not as usual, as keywords.

    Those of :data:`PIXEL_FORMAT` whose values differ among the slices, and ``PixelData`` where it
    is longer than the image: readers pass over the rest.
    """
    found = [k for k in PIXEL_FORMAT if len({str(ds.get(k)) for ds in slices}) > 1]
    return found + ["PixelData"] * any(map(_is_too_long, slices))


def _is_too_long(ds: Dataset) -> bool:
    """Whether uncompressed pixels have more bytes than PS3.5 8.1.1 and 8.2 give them."""
    data, meta = ds.get("PixelData"), getattr(ds, "file_meta", None)
    if data is None or meta is None or meta.TransferSyntaxUID.is_compressed:
        return False
    values = ds.Rows * ds.Columns * ds.SamplesPerPixel * int(ds.get("NumberOfFrames") or 1)
    expected: int = (values * ds.BitsAllocated + 7) // 8
    return bool(len(data) > expected + expected % 2)
