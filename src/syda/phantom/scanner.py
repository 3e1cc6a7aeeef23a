"""The simulated CT scanner: slice profile, reconstruction kernel, correlated noise, rounding.

The body is sampled on two planes a slice and averaged (the slice profile); in each slice the kernel
shapes signal and noise in the frequency domain: a Gaussian transfer function with an optional edge
boost for the signal, and for the noise the band-pass of filtered backprojection, a ramp under an
apodisation window, whose power falls towards zero frequency (Riederer, Pelc and Chesler 1978).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.phantom import anatomy
from syda.phantom.shapes import Array, Canvas
from syda.phantom.subject import Subject
from syda.types import Volume

_PLANES = 2
"""Planes sampled across a slice."""
_MARGIN = 22.0
"""Air left and right of the patient in the field of view, mm in all."""
_HU_RANGE = (-1024, 3071)


@dataclass(frozen=True)
class ScanProtocol:
    """Parameters of acquisition and reconstruction.

    Attributes:
        matrix: pixels along each side of a slice.
        spacing: distance of slices, and their thickness, mm.
        blur: sigma of the kernel's point spread, mm.
        boost: share by which the kernel lifts edges.
        noise_peak: spatial frequency of the kernel's noise window, 1/mm.
        noise: standard deviation in the middle of an average patient, HU.
    """

    matrix: int
    spacing: float
    blur: float
    boost: float
    noise_peak: float
    noise: float

    def pixel(self, subject: Subject) -> float:
        """Pixel size in mm: the field follows the patient, in steps of 10 mm."""
        field = float(np.ceil((2.12 * subject.half_width + _MARGIN) / 10)) * 10
        return field / self.matrix


def scan(subject: Subject, protocol: ScanProtocol, slices: int, rng: np.random.Generator) -> Volume:
    """Scan a subject on ``slices`` slices.

    Returns:
        int16 HU in [-1024, 3071], RAS+. The same ``rng`` gives the same bytes on one machine with
        one set of libraries; across CPU types float64 may differ in its last place, which
        rounding to int16 hides but for rare ties.
    """
    pixel = protocol.pixel(subject)
    plane = _centred(protocol.matrix, pixel)
    x = plane + rng.uniform(-5, 5)  # patients do not lie exactly in the middle
    y = plane - 0.04 * subject.half_depth * subject.up
    count = slices * _PLANES
    z = _centred(count, protocol.spacing / _PLANES)
    canvas = Canvas(x, y, z, edge=pixel)
    anatomy.paint(canvas, subject, rng)
    ideal = canvas.hu.reshape(slices, _PLANES, *canvas.hu.shape[1:]).mean(axis=1)
    measured = reconstruct(ideal, pixel, protocol, subject.half_width / 175, rng)
    hu = np.clip(np.rint(measured), *_HU_RANGE).astype(np.int16)
    affine = np.diag([pixel, pixel, protocol.spacing, 1.0])
    affine[:3, 3] = x[0], y[0], z[:_PLANES].mean()
    return Volume(hu.transpose(2, 1, 0), affine)


def _centred(count: int, step: float) -> Array:
    return (np.arange(count, dtype=np.float64) - (count - 1) / 2) * step


def reconstruct(
    slices: Array, pixel: float, protocol: ScanProtocol, girth: float, rng: np.random.Generator
) -> Array:
    """Apply the kernel to ideal slices and add its noise.

    Args:
        slices: ``[z, y, x]`` HU.
        pixel: mm.
        protocol: the kernel.
        girth: the patient's width over the average; noise grows with its square.
        rng: source of the noise.
    """
    side = slices.shape[-1]
    frequency = np.hypot(np.fft.fftfreq(side, pixel)[:, None], np.fft.rfftfreq(side, pixel))
    transfer = np.exp(-2 * (np.pi * protocol.blur * frequency) ** 2)
    transfer *= 1 + protocol.boost * (1 - np.exp(-((frequency / 0.08) ** 2)))
    texture = frequency * np.exp(-((frequency / protocol.noise_peak) ** 2))
    texture *= 1 / np.sqrt(np.mean(_full(texture, side) ** 2))
    sd = protocol.noise * girth**2
    result = np.empty_like(slices)
    for image, out in zip(slices, result, strict=True):
        white = rng.standard_normal(image.shape)
        spectrum = np.fft.rfft2(image) * transfer + np.fft.rfft2(white) * (texture * sd)
        out[:] = np.fft.irfft2(spectrum, image.shape)
    return result


def _full(half: Array, side: int) -> NDArray[np.float64]:
    """Magnitudes of the whole spectrum, from the half that a real transform returns."""
    return np.concatenate([half, half[:, 1 : (side + 1) // 2]], axis=1)
