"""Stored values to Hounsfield units.

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
from syda.dicom.plane import Slice
from syda.dicom.reject import Reason, SetAside
from syda.types import HU

AIR_HU = -1000
"""Written where the scanner measured nothing."""

NOT_MEASURED_BELOW_HU = -1500
"""No attenuation gives such a value: padding outside the field of view, tagged or not."""

DECODERS = {
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
}
"""Library of a transfer syntax, where pydicom would try one after the other: the same file is
decoded by the same code everywhere, or set aside."""


@dataclass
class Planes:
    """HU of slices, a plane at a time; padding becomes air, the rest is clamped and counted.

    A slice gives its packed pixels away as it is decoded, and no plane is kept, so that a long scan
    is in memory once: it can be read once.

    Attributes:
        slices: in order, all of one size.
        hu_min: lower bound, HU.
        hu_max: upper bound, HU.
        clamped: measured voxels so far that lay outside the bounds.
        measured: voxels so far that are no padding.
    """

    slices: Sequence[Slice]
    hu_min: int
    hu_max: int
    clamped: int = 0
    measured: int = 0

    def __iter__(self) -> Iterator[HU]:
        """Yield each slice as ``[column, row]`` int16, within the bounds.

        Raises:
            SetAside: pixels cannot be decoded, or there is no rescale slope or intercept.
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
        """Turn padding to air and clamp the rest, in place, and count."""
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
        """Share of measured voxels that lay outside the bounds."""
        return self.clamped / self.measured if self.measured else 0.0


def same_pixels(one: Slice, other: Slice) -> bool:
    """Whether two slices show the same HU everywhere.

    Raises:
        SetAside: pixels cannot be decoded, or there is no rescale slope or intercept.
    """
    return np.array_equal(_rescaled(one, decode(one)), _rescaled(other, decode(other)))


def decode(one: Slice) -> NDArray[np.integer[Any]]:
    """Stored values ``[row, column]`` of a slice.

    Raises:
        SetAside: they are cut, broken, packed in an unknown way, or not of one sample.
    """
    try:
        size = (int(one.header.Rows), int(one.header.Columns))
        syntax = one.source.file_meta.TransferSyntaxUID
        if DECODERS.get(syntax) == "gdcm" and not is_lossless_frame(_packed(one), *size):
            raise SetAside(Reason.UNDECODABLE_PIXELS, "damaged head of a JPEG frame")
        stored = pixel_array(one.source, index=one.frame, decoding_plugin=DECODERS.get(syntax, ""))
    except SetAside:
        raise
    except Exception as error:  # whatever a decoder makes of broken bytes
        raise SetAside(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error
    if stored.shape != size:
        raise SetAside(Reason.UNDECODABLE_PIXELS, "more than one frame or sample in a slice")
    return stored


def _packed(one: Slice) -> bytes:
    frames = int(one.source.get("NumberOfFrames") or 1)
    return get_frame(one.source.PixelData, one.frame, number_of_frames=frames)


def _rescaled(one: Slice, stored: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    (slope,), (intercept,) = (
        header.numbers(one.header, keyword, 1) for keyword in ("RescaleSlope", "RescaleIntercept")
    )
    values = stored.astype(np.float32)
    values *= np.float32(slope)
    values += np.float32(intercept)
    return values


def _tagged_padding(one: Slice, stored: NDArray[np.integer[Any]]) -> NDArray[np.bool_] | None:
    """Where stored values lie in the padding range, None where there is none.

    The tag may have been written as unsigned beside signed pixels, or the other way round: it is
    read as a stored value is.
    """
    value = header.value(one.header, "PixelPaddingValue")
    if value is None:
        return None
    limit = header.value(one.header, "PixelPaddingRangeLimit")
    ends = (value, value if limit is None else limit)
    low, high = sorted(int(np.array(int(end)).astype(stored.dtype)) for end in ends)
    return np.asarray((stored >= low) & (stored <= high))
