"""What the slices of a series must share, and what is noted where they do not."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.plane import Slice

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


def unusual(slices: Sequence[Slice]) -> list[str]:
    """What decides HU and is not as usual, as keywords.

    Those of :data:`PIXEL_FORMAT` whose values differ among the slices, and ``PixelData`` where it
    is longer than the image: readers pass over the rest. To be asked before
    :class:`syda.dicom.pixels.Planes` is read, which takes the pixels away.
    """
    found = [k for k in PIXEL_FORMAT if len({header.text(one.header, k) for one in slices}) > 1]
    sources = {id(one.source): one.source for one in slices}  # frames share one
    return found + ["PixelData"] * any(map(_is_too_long, sources.values()))


def _is_too_long(ds: Dataset) -> bool:
    """Whether uncompressed pixels have more bytes than PS3.5 8.1.1 and 8.2 give them."""
    data, meta = ds.get("PixelData"), getattr(ds, "file_meta", None)
    if data is None or meta is None or meta.TransferSyntaxUID.is_compressed:
        return False
    values = ds.Rows * ds.Columns * ds.SamplesPerPixel * int(ds.get("NumberOfFrames") or 1)
    expected: int = (values * ds.BitsAllocated + 7) // 8
    return bool(len(data) > expected + expected % 2)
