"""Reports attributes that decide HU and are unusual in a series; rejects nothing."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.plane import CTSlice

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
"""These may differ between slices (PS3.3 C.7.6.3, C.11.1), but rarely do."""


def find_unusual_attributes(slices: Sequence[CTSlice]) -> list[str]:
    """Return the keywords of unusual attributes that decide HU.

    They are those of :data:`PIXEL_FORMAT` whose values differ between slices, and ``PixelData`` if
    it is longer than the image: readers ignore the rest. Call this before
    :class:`syda.dicom.pixels.Planes` is read, which releases the pixels.
    """
    found = [k for k in PIXEL_FORMAT if len({header.text(one.header, k) for one in slices}) > 1]
    sources = {id(one.source): one.source for one in slices}  # frames share one
    return found + ["PixelData"] * any(map(_is_too_long, sources.values()))


def _is_too_long(ds: Dataset) -> bool:
    """Return whether uncompressed pixels have more bytes than PS3.5 8.1.1 and 8.2 define."""
    data, meta = ds.get("PixelData"), getattr(ds, "file_meta", None)
    if data is None or meta is None or meta.TransferSyntaxUID.is_compressed:
        return False
    values = ds.Rows * ds.Columns * ds.SamplesPerPixel * int(ds.get("NumberOfFrames") or 1)
    expected: int = (values * ds.BitsAllocated + 7) // 8
    return bool(len(data) > expected + expected % 2)
