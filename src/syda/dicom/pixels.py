"""Convert stored pixel values to Hounsfield units.

Source: DICOM PS3.3 C.11.1.1.2 (Modality LUT: HU = stored x RescaleSlope + RescaleIntercept) and
C.7.5.1.1.2 (pixel padding).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array

from syda.dicom import header
from syda.dicom.jpeg import is_lossless_frame
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason
from syda.types import HU

AIR_HU = -1000
"""Value of voxels that the scanner did not measure."""

NOT_MEASURED_BELOW_HU = -1500
"""No attenuation gives such a value. It is padding outside the field of view, tagged or not."""

DECODERS = {
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
}
"""Decoder of each transfer syntax. pydicom would try several. With one, every machine decodes the
same values or rejects the file."""


@dataclass
class Planes:
    """HU of slices, one plane at a time. Padding becomes air, other values are clamped and counted.

    A slice releases its packed pixels when it is decoded, and no plane is stored: a long scan is in
    memory once. Therefore it can be iterated once.

    Attributes:
        slices: slices in order, all of one size.
        hu_min: lower bound, HU.
        hu_max: upper bound, HU.
        clamped: number of measured voxels so far outside the bounds.
        measured: number of voxels so far that are no padding.
    """

    slices: Sequence[CTSlice]
    hu_min: int
    hu_max: int
    clamped: int = 0
    measured: int = 0

    def __iter__(self) -> Iterator[HU]:
        """Yield each slice as ``[column, row]`` int16, within the bounds.

        Raises:
            InputRejected: pixels cannot be decoded, or the rescale slope or intercept is missing.
        """
        for one in self.slices:
            stored = decode(one)
            values = _rescaled(one, stored)
            tagged = _tagged_padding(one, stored)
            self.measured += values.size
            if tagged is not None or values.min() < self.hu_min or values.max() > self.hu_max:
                self._bound(values, tagged)
            if one.header is one.source:
                del one.header.PixelData
            yield np.rint(values, out=values).T.astype(np.int16)

    def _bound(self, values: NDArray[np.float32], tagged: NDArray[np.bool_] | None) -> None:
        """Set padding to air and clamp other values in place, and count both."""
        padding = values < NOT_MEASURED_BELOW_HU
        if tagged is not None:
            padding |= tagged
        outside = ((values < self.hu_min) | (values > self.hu_max)) & ~padding
        self.clamped += int(outside.sum())
        self.measured -= int(padding.sum())
        values[padding] = AIR_HU
        np.clip(values, self.hu_min, self.hu_max, out=values)

    @property
    def clamped_share(self) -> float:
        """Share of measured voxels outside the bounds."""
        return self.clamped / self.measured if self.measured else 0.0


def same_pixels(one: CTSlice, other: CTSlice) -> bool:
    """Return whether all HU of two slices are the same.

    Raises:
        InputRejected: pixels cannot be decoded, or the rescale slope or intercept is missing.
    """
    return np.array_equal(_rescaled(one, decode(one)), _rescaled(other, decode(other)))


def decode(one: CTSlice) -> NDArray[np.integer[Any]]:
    """Return the stored values ``[row, column]`` of a slice.

    Raises:
        InputRejected: the values are cut, damaged, of an unknown transfer syntax, or have several
            samples.
    """
    try:
        size = (int(one.header.Rows), int(one.header.Columns))
        syntax = one.source.file_meta.TransferSyntaxUID
        if DECODERS.get(syntax) == "gdcm" and not is_lossless_frame(_packed(one), *size):
            raise InputRejected(Reason.UNDECODABLE_PIXELS, "damaged head of a JPEG frame")
        stored = pixel_array(one.source, index=one.frame, decoding_plugin=DECODERS.get(syntax, ""))
    except InputRejected:
        raise
    except Exception as error:  # decoders document no errors for damaged bytes
        raise InputRejected(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error
    if stored.shape != size:
        raise InputRejected(Reason.UNDECODABLE_PIXELS, "more than one frame or sample in a slice")
    return stored


def _packed(one: CTSlice) -> bytes:
    frames = int(one.source.get("NumberOfFrames") or 1)
    return get_frame(one.source.PixelData, one.frame, number_of_frames=frames)


def _rescaled(one: CTSlice, stored: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    (slope,), (intercept,) = (
        header.numbers(one.header, keyword, 1) for keyword in ("RescaleSlope", "RescaleIntercept")
    )
    values = stored.astype(np.float32)
    values *= np.float32(slope)
    values += np.float32(intercept)
    return values


def _tagged_padding(one: CTSlice, stored: NDArray[np.integer[Any]]) -> NDArray[np.bool_] | None:
    """Return where stored values are in the padding range, or None if there is no such tag.

    The tag may be written as unsigned for signed pixels, or the other way round. It is read like a
    stored value.
    """
    value = header.value(one.header, "PixelPaddingValue")
    if value is None:
        return None
    limit = header.value(one.header, "PixelPaddingRangeLimit")
    ends = (value, value if limit is None else limit)
    low, high = sorted(int(np.array(int(end)).astype(stored.dtype)) for end in ends)
    return np.asarray((stored >= low) & (stored <= high))
