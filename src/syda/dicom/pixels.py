"""Convert stored pixel values to Hounsfield units.

Source: DICOM PS3.3 C.11.1.1.2 (Modality LUT: HU = stored x RescaleSlope + RescaleIntercept) and
PS3.5 8.1.1 (High Bit).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array

from syda.dicom import air_noise, header, padding
from syda.dicom.jpeg import is_lossless_frame
from syda.dicom.plane import CTSlice
from syda.dicom.quantity import AIR_BELOW_HU, rescale
from syda.dicom.reject import InputRejected, Reason
from syda.types import HU
from syda.volume.body import TISSUE_ABOVE_HU

AIR_HU = -1000
"""Value of voxels that the scanner did not measure."""

NOT_MEASURED_BELOW_HU = -1500
"""No attenuation gives such a value. Outside the body it is padding, tagged or not."""

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
        noise: those of ``clamped`` that are noise of air below the lower bound.
        measured: number of voxels so far that are no padding.
        has_air: whether a voxel so far is below :data:`syda.dicom.quantity.AIR_BELOW_HU`, and not
            so far below that only padding is.
    """

    slices: Sequence[CTSlice]
    hu_min: int
    hu_max: int
    clamped: int = 0
    noise: int = 0
    measured: int = 0
    has_air: bool = False

    def __iter__(self) -> Iterator[HU]:
        """Yield each slice as ``[column, row]`` int16, within the bounds.

        Raises:
            InputRejected: pixels cannot be decoded, or the rescale slope or intercept is missing.
        """
        for one in self.slices:
            stored = decode(one)
            values = _rescaled(one, stored)
            tagged = padding.tagged(one.header, stored)
            self.measured += values.size
            lowest = values.min()
            if tagged is not None or lowest < self.hu_min or values.max() > self.hu_max:
                self._bound(values, tagged)
            else:
                self.has_air = self.has_air or bool(lowest < AIR_BELOW_HU)
            if one.header is one.source:
                del one.header.PixelData
            yield np.rint(values, out=values).T.astype(np.int16)

    def _bound(self, values: NDArray[np.float32], tagged: NDArray[np.bool_] | None) -> None:
        """Set padding to air and clamp other values in place, and count both."""
        unmeasured = values < NOT_MEASURED_BELOW_HU
        self.has_air = self.has_air or bool(((values < AIR_BELOW_HU) & ~unmeasured).any())
        if tagged is not None:
            unmeasured &= ~tagged
        if unmeasured.any():
            tissue = values > TISSUE_ABOVE_HU
            unmeasured &= ~air_noise.between_tissue(tissue if tagged is None else tissue & ~tagged)
        if tagged is not None:
            unmeasured |= tagged
        below = (values < self.hu_min) & ~unmeasured
        self.clamped += int(below.sum()) + int(((values > self.hu_max) & ~unmeasured).sum())
        self.measured -= int(unmeasured.sum())
        values[unmeasured] = AIR_HU
        if below.any():
            self.noise += int((below & air_noise.is_noise(values, self.hu_min)).sum())
        np.clip(values, self.hu_min, self.hu_max, out=values)

    @property
    def clamped_share(self) -> float:
        """Share of measured voxels outside the bounds."""
        return self.clamped / self.measured if self.measured else 0.0

    @property
    def fault_share(self) -> float:
        """Share of measured voxels outside the bounds that are no noise of air."""
        return (self.clamped - self.noise) / self.measured if self.measured else 0.0


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
        shift = _unused_low_bits(one.header)
        whole: dict[str, Any] = {"bits_stored": int(one.header.BitsAllocated)} if shift else {}
        stored = pixel_array(
            one.source, index=one.frame, decoding_plugin=DECODERS.get(syntax, ""), **whole
        )
        if shift:
            stored = _shifted(stored, one, shift)
    except InputRejected:
        raise
    except Exception as error:  # decoders document no errors for damaged bytes
        raise InputRejected(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error
    if stored.shape != size:
        raise InputRejected(Reason.UNDECODABLE_PIXELS, "more than one frame or sample in a slice")
    return stored


def _unused_low_bits(dataset: Dataset) -> int:
    """Return how many bits lie below the stored ones. HighBit may be missing."""
    high = header.value(dataset, "HighBit")
    return 0 if high is None else int(high) + 1 - int(dataset.BitsStored)


def _shifted(stored: NDArray[Any], one: CTSlice, shift: int) -> NDArray[Any]:
    """Move the stored bits down to the lowest ones.

    Raises:
        InputRejected: the bits are packed, outside the value, or in use: HighBit is then wrong.
    """
    bits = int(one.header.BitsAllocated)
    above = bits - 1 - int(one.header.HighBit)
    packed = one.source.file_meta.TransferSyntaxUID.is_compressed
    if shift < 0 or above < 0 or packed or stored.dtype.itemsize * 8 != bits:
        raise InputRejected(Reason.UNDECODABLE_PIXELS, "HighBit")
    if (stored & ((1 << shift) - 1)).any():
        raise InputRejected(Reason.UNDECODABLE_PIXELS, "HighBit: the bits below are in use")
    return np.asarray((stored << above) >> (above + shift))


def _packed(one: CTSlice) -> bytes:
    frames = int(one.source.get("NumberOfFrames") or 1)
    return get_frame(one.source.PixelData, one.frame, number_of_frames=frames)


def _rescaled(one: CTSlice, stored: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    slope, intercept = rescale(one.header)
    values = stored.astype(np.float32)
    values *= np.float32(slope)
    values += np.float32(intercept)
    return values
