"""Convert stored pixel values to Hounsfield units.

Source: DICOM PS3.3 C.11.1.1.2 (Modality LUT: HU = stored x RescaleSlope + RescaleIntercept) and
PS3.5 8.1.1 (High Bit).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array
from scipy.ndimage import uniform_filter

from syda.dicom import header, padding
from syda.dicom.jpeg import is_lossless_frame
from syda.dicom.plane import CTSlice
from syda.dicom.quantity import AIR_BELOW_HU, rescale
from syda.dicom.reject import InputRejected, Reason
from syda.types import HU

AIR_HU = -1000
"""Value of voxels that the scanner did not measure."""

NOT_MEASURED_BELOW_HU = -1500
"""No attenuation gives such a value. It is padding outside the field of view, tagged or not."""

AIR_HU_BELOW = -500
"""Voxels below are air, gas or lung. Noise of air is judged by these around it."""

AIR_NEIGHBOURHOOD = 5
"""Side of the square around a voxel of noise, pixels."""

AIR_NEIGHBOURS = 9
"""Fewest voxels of air in that square. Fewer mean a dark streak inside the body."""

AIR_OFFSET_HU = 40
"""Noise of air has a mean of -1000 HU. A mean this far below the lower bound is something else."""

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
        air_noise: those of ``clamped`` that are noise of air below the lower bound.
        measured: number of voxels so far that are no padding.
        has_air: whether a measured voxel so far is below :data:`syda.dicom.quantity.AIR_BELOW_HU`.
    """

    slices: Sequence[CTSlice]
    hu_min: int
    hu_max: int
    clamped: int = 0
    air_noise: int = 0
    measured: int = 0
    has_air: bool = False
    _moments: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

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
            flat = values.ravel()
            self._moments += (flat.size, flat.sum(dtype=np.float64), np.dot(flat, flat))
            if one.header is one.source:
                del one.header.PixelData
            yield np.rint(values, out=values).T.astype(np.int16)

    def _bound(self, values: NDArray[np.float32], tagged: NDArray[np.bool_] | None) -> None:
        """Set padding to air and clamp other values in place, and count both."""
        unmeasured = values < NOT_MEASURED_BELOW_HU
        if tagged is not None:
            unmeasured |= tagged
        below = (values < self.hu_min) & ~unmeasured
        self.has_air = self.has_air or bool(((values < AIR_BELOW_HU) & ~unmeasured).any())
        self.clamped += int(below.sum()) + int(((values > self.hu_max) & ~unmeasured).sum())
        if below.any():
            self.air_noise += int((below & self._is_air(values, unmeasured)).sum())
        self.measured -= int(unmeasured.sum())
        values[unmeasured] = AIR_HU
        np.clip(values, self.hu_min, self.hu_max, out=values)

    def _is_air(
        self, values: NDArray[np.float32], unmeasured: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return where the air around a voxel has the mean of air."""
        air = (values < AIR_HU_BELOW) & ~unmeasured
        share = uniform_filter(air.astype(np.float32), AIR_NEIGHBOURHOOD)
        mean = uniform_filter(np.where(air, values, 0), AIR_NEIGHBOURHOOD)
        enough = share * AIR_NEIGHBOURHOOD**2 > AIR_NEIGHBOURS - 0.5
        return np.asarray(enough & (mean >= (self.hu_min - AIR_OFFSET_HU) * share))

    @property
    def clamped_share(self) -> float:
        """Share of measured voxels outside the bounds."""
        return self.clamped / self.measured if self.measured else 0.0

    @property
    def fault_share(self) -> float:
        """Share of measured voxels outside the bounds that are no noise of air."""
        return (self.clamped - self.air_noise) / self.measured if self.measured else 0.0

    @property
    def std_hu(self) -> float:
        """Standard deviation of all voxels so far, HU."""
        count, total, squares = self._moments
        return float(np.sqrt(max(0.0, squares / count - (total / count) ** 2))) if count else 0.0


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
