"""Slices of a ramp of HU at any position and angle, and their conversion to a volume."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from pydicom.dataset import Dataset

from syda.dicom import acquisitions, pixels, regrid, stack
from syda.dicom.plane import CTSlice
from syda.types import Volume
from syda.volume import geometry

RAMP = np.array([3.0, 5.0, 7.0])
"""HU a mm of R, A, S: HU = 3x + 5y + 7z."""


@pytest.fixture
def scan(make_slice) -> Callable[..., list[Dataset]]:
    """Slices of the ramp: (centres of their first voxels, LPS mm; orientation, spacing, size)."""

    def scan(
        points: Sequence[Sequence[float]],
        orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
        spacing: tuple[float, float] = (1.5, 2.0),
        size: tuple[int, int] = (9, 7),
    ) -> list[Dataset]:
        row, column = np.array(orientation[:3]), np.array(orientation[3:])
        r, c = np.mgrid[: size[0], : size[1]]
        slices = []
        for number, point in enumerate(np.asarray(points, dtype=float)):
            lps = point + c[..., None] * row * spacing[1] + r[..., None] * column * spacing[0]
            slices.append(
                make_slice(
                    np.rint(lps @ (RAMP * [-1, -1, 1])),
                    tuple(point),
                    orientation=tuple(orientation),
                    spacing=spacing,
                    number=number + 1,
                )
            )
        return slices

    return scan


@pytest.fixture
def as_volume() -> Callable[..., Volume]:
    """Convert one acquisition: data sets or slices in any order to a RAS+ volume."""

    def as_volume(slices: Sequence[Dataset | CTSlice], *, fill: bool = False) -> Volume:
        wrapped = [s if isinstance(s, CTSlice) else CTSlice(s, s) for s in slices]
        (acquisition,) = acquisitions.separate(wrapped, 3)
        found = stack.arrange(acquisition.slices, 3, fill)
        planes = pixels.Planes(found.slices, -1024, 3071)
        return geometry.to_ras(*regrid.to_grid(planes, found))

    return as_volume


@pytest.fixture
def off_ramp() -> Callable[[Volume], tuple[float, float]]:
    """Largest error (HU) of the voxels that are not air, by their position; share of air."""

    def off_ramp(volume: Volume) -> tuple[float, float]:
        index = np.stack(np.meshgrid(*map(np.arange, volume.hu.shape), indexing="ij"), axis=-1)
        world = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        air = volume.hu == pixels.AIR_HU
        return float(np.abs(volume.hu - world @ RAMP)[~air].max()), float(air.mean())

    return off_ramp
