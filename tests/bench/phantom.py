"""An analytic body whose value is known at every point: blurred balls in a blurred ball of water.

``f = sum of a_i Phi((R_i - |x - c_i|) / s)``, Phi the normal distribution function: sharp balls
seen through a scanner of resolution s, and within the numbers that a scanner writes. It can be
sampled on any grid, so each contender is judged on its own one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from syda.dicom import description, writer
from syda.types import Affine, Volume

BLUR_MM = 0.6
"""s: a scanner's point spread, 1.4 mm at half its height."""
AIR = -1000.0
BOUNDS_HU = (-1024, 3071)


@dataclass(frozen=True)
class Ball:
    """A ball; ``step`` is added inside, HU."""

    centre: NDArray[np.float64]
    radius: float
    step: float


WATER_BALL = [Ball(np.zeros(3), 20.0, 1000.0)]
"""A body for small scans, in air."""


def balls(seed: int, half_extent: NDArray[np.float64]) -> list[Ball]:
    """A water ball that fills most of a field around the origin, and smaller ones in it."""
    rng = np.random.default_rng(seed)
    found = [Ball(np.zeros(3), 0.9 * float(half_extent.min()), 1000.0)]
    for _ in range(40):
        centre = rng.uniform(-0.55, 0.55, 3) * half_extent.min()
        step = float(rng.choice([-900.0, -100.0, 40.0, 60.0, 250.0, 800.0]))
        found.append(Ball(centre, float(rng.uniform(3, 14)), step))
    return found


def sample(
    body: list[Ball], affine: Affine, shape: tuple[int, ...], blur_mm: float = BLUR_MM
) -> NDArray[np.float32]:
    """Values at the voxel centres of an axis-aligned grid, HU."""
    axes = [affine[a, a] * np.arange(shape[a]) + affine[a, 3] for a in range(3)]
    out = np.full(shape, AIR, np.float32, order="F")
    for ball in body:
        reach = ball.radius + 6 * blur_mm
        inside = [
            np.flatnonzero(np.abs(at - c) < reach) for at, c in zip(axes, ball.centre, strict=True)
        ]
        if any(len(found) == 0 for found in inside):
            continue
        x, y, z = (at[found] - c for at, found, c in zip(axes, inside, ball.centre, strict=True))
        box = tuple(slice(found[0], found[-1] + 1) for found in inside)
        for k, height in enumerate(z):  # a plane at a time keeps the memory small
            distance = np.sqrt(x[:, None] ** 2 + y[None, :] ** 2 + height**2)
            out[box][:, :, k] += ball.step * ndtr((ball.radius - distance) / blur_mm)
    return np.clip(out, *BOUNDS_HU, out=out)


def grid(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Affine:
    """Affine of a grid around the origin."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    return affine


def scan(
    body: list[Ball], shape: tuple[int, ...], spacing: tuple[float, ...], noise_hu: float
) -> Volume:
    """Sample the body on a grid around the origin, with white noise, rounded to whole HU."""
    affine = grid(shape, spacing)
    values = sample(body, affine, shape)
    rng = np.random.default_rng(1)
    for k in range(shape[2]):
        values[:, :, k] += rng.normal(0, noise_hu, shape[:2]) if noise_hu else 0
    return Volume(np.clip(np.rint(values), *BOUNDS_HU).astype(np.int16), affine)


def write(volume: Volume, folder: Path, seed: str = "bench") -> None:
    """Write a scan as a DICOM series."""
    series = description.SeriesDescription(
        seed=seed,
        number=1,
        description="BENCHMARK PHANTOM",
        image_type=("DERIVED", "SECONDARY", "AXIAL"),
        patient=description.Patient(f"PHANTOM^{seed.upper()}", f"PHANTOM-{seed.upper()}"),
        study=description.Study(seed, "BENCH", "BENCHMARK", "20000101"),
        equipment=description.Equipment("SYDA", "Benchmark", "1"),
        acquisition=description.AcquisitionParameters("HFS", volume.spacing[2]),
        storage=description.Storage(intercept=-1024, signed=False, bits=12),
        synthesized_by=description.SynthesizingEquipment(
            description.Equipment("SYDA", "Analytic balls", "1"), "Computed. Not for diagnosis."
        ),
    )
    writer.write_series(folder, volume, series)
