"""Reports attributes that decide HU and are unusual in a series; rejects nothing."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from syda.dicom import header, padding
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

_FORMAT_TAGS = [Tag(keyword) for keyword in PIXEL_FORMAT]


def find_unusual_attributes(slices: Sequence[CTSlice]) -> list[str]:
    """Return the keywords of unusual attributes that decide HU.

    They are those of :data:`PIXEL_FORMAT` whose values differ between slices, ``PixelData`` if it
    is longer than the image: readers ignore the rest, and ``PixelPaddingValue`` if it is a value of
    tissue: it is then no padding. Call this before :class:`syda.dicom.pixels.Planes` is read, which
    releases the pixels.
    """
    formats = _formats(slices)
    found = {k for k in PIXEL_FORMAT if len({_number(one, k) for one in formats}) > 1}
    sources = {id(one.source): one.source for one in slices}  # frames share one
    found |= {"PixelData"} if any(map(_is_too_long, sources.values())) else set()
    found |= {"PixelPaddingValue"} if any(map(_pads_tissue, formats)) else set()
    return sorted(found)


def _number(dataset: Dataset, keyword: str) -> float | str:
    """Return a value that is the same however it is written: 1 and 1.000000."""
    text = header.text(dataset, keyword)
    try:
        return float(text)
    except ValueError:
        return text


def _formats(slices: Sequence[CTSlice]) -> list[Dataset]:
    """Return one header for each pixel format of the slices."""
    found = {header.unparsed(one.header, _FORMAT_TAGS): one.header for one in slices}
    return list(found.values())


def _pads_tissue(dataset: Dataset) -> bool:
    signed = header.value(dataset, "PixelRepresentation") == 1
    bits = 8 * -(-int(dataset.BitsAllocated) // 8)
    ends = padding.padding_range(dataset, np.dtype(f"{'int' if signed else 'uint'}{bits}"))
    return ends is not None and padding.names_tissue(dataset, ends)


def _is_too_long(ds: Dataset) -> bool:
    """Return whether uncompressed pixels have more bytes than PS3.5 8.1.1 and 8.2 define."""
    data, meta = ds.get("PixelData"), getattr(ds, "file_meta", None)
    if data is None or meta is None or meta.TransferSyntaxUID.is_compressed:
        return False
    values = ds.Rows * ds.Columns * ds.SamplesPerPixel * int(ds.get("NumberOfFrames") or 1)
    expected: int = (values * ds.BitsAllocated + 7) // 8
    return bool(len(data) > expected + expected % 2)
