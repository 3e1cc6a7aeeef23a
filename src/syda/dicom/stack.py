"""Order slices along their normal, and find the regular, upright grid that they lie on or span.

The regular gap is the lower quartile of all gaps. A finely scanned part is then not blurred to the
coarser rest, and one short gap does not multiply the slices. In a gap of at least two regular gaps
slices are missing, unless the slice distance changes once for all. Smaller differences mean an
irregular spacing.

Some scanners write positions with few decimals. Positions that are the rounded ones of a regular
stack are taken for regular, and the step is that of the line through all of them.

Source: DICOM PS3.3 C.7.6.2.1.1 (image position and orientation), C.8.2.1 (CT image: slices of a
tilted gantry lie at an angle to the line that joins their positions).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.dicom import plane
from syda.dicom.plane import CTSlice, Plane
from syda.dicom.reject import InputRejected, Irregularity, Reason

TOLERANCE_STEPS, TOLERANCE_VOXELS, MOST_TOLERANCE_STEPS = 0.02, 0.05, 0.1
"""Largest distance of a slice from the regular grid: a share of the step or of the pixel spacing,
the larger one, but never more than the last share of the step."""

COARSEST_DECIMALS = (1.0, 0.1, 0.01)
"""Units to which positions may have been rounded, mm."""

ROUNDING_SHARE = 0.6
"""Largest distance from a regular grid that rounding explains, as a share of its unit. It is
half the unit, and a little because the grid is fitted to rounded positions."""

UPRIGHT_VOXELS = 0.1
"""Largest drift along the whole stack, in voxels, of an upright gantry. A couch may sag so far."""

MAX_TILT_DEGREES = 35.0
"""Gantries tilt by at most 30 degrees. A larger tilt is a contradiction in the header."""

REGULAR_QUANTILE = 0.25
"""Quantile of the gaps that is the regular gap."""

FEWEST_GAPS_OF_A_PART = 2
"""A slice distance that changes once has this many gaps on each side. Fewer are missing slices."""

GAPS_OF_A_PART = 0.25
"""Largest deviation of these gaps from their mean, as a share of it."""


@dataclass(frozen=True)
class Stack:
    """Slices ordered along the normal, and the grid to which they are resampled.

    Attributes:
        slices: slices in order.
        plane: orientation and spacing of every slice.
        origin: centre of the first voxel of the first slice, LPS mm.
        grid_positions: positions of the slices along the normal, ``[slice]`` in steps from the
            first. Those on the grid within the tolerance are whole numbers.
        step: slice distance of the grid, mm.
        shear: drift of the slices along ``plane.row`` and ``plane.column``, mm for each mm of
            height. It is zero for an upright gantry.
        irregularities: what the grid corrects.
    """

    slices: list[CTSlice]
    plane: Plane
    origin: NDArray[np.float64]
    grid_positions: NDArray[np.float64]
    step: float
    shear: tuple[float, float]
    irregularities: frozenset[Irregularity]

    @property
    def length(self) -> float:
        """Length of the grid along the normal, from face to face, mm."""
        return float((self.grid_positions[-1] + 1) * self.step)

    @property
    def tilt_degrees(self) -> float:
        """Angle between the slice normal and the line through the positions of the slices."""
        return float(np.degrees(np.arctan(np.hypot(*self.shear))))


def arrange(slices: Sequence[CTSlice], min_slices: int, fill_one_missing_slice: bool) -> Stack:
    """Sort slices along their normal and find the regular grid they lie on or span.

    Args:
        slices: slices of one acquisition, in any order.
        min_slices: smallest number of slices.
        fill_one_missing_slice: accept a stack in which exactly one slice is missing.

    Raises:
        InputRejected: too few slices, several at one position, slices missing, or positions that
            no gantry gives.
    """
    if len(slices) < min_slices:
        raise InputRejected(Reason.TOO_FEW_SLICES, f"{len(slices)} of at least {min_slices}")
    shared = plane.common_plane(slices)
    positions = plane.positions(slices)
    along = np.argsort(positions @ shared.normal, kind="stable")
    offsets = positions[along] - positions[along[0]]
    heights = offsets @ shared.normal
    _check_for_duplicates(np.diff(heights))
    voxel = min(shared.spacing)
    rounded = _step_of_rounded(positions[along], heights, shared.normal, voxel)
    if rounded is None:
        step, spacing = _step(heights, voxel, fill_one_missing_slice)
        grid_positions = _grid_positions(heights, step, voxel)
    else:
        step, spacing = rounded, frozenset()
        grid_positions = np.arange(len(heights), dtype=np.float64)
    shear = _shear(offsets, heights, shared)
    return Stack(
        slices=[slices[i] for i in along],
        plane=shared,
        origin=positions[along[0]],
        grid_positions=grid_positions,
        step=step,
        shear=shear,
        irregularities=spacing | ({Irregularity.GANTRY_TILT} if any(shear) else frozenset()),
    )


def _check_for_duplicates(gaps: NDArray[np.float64]) -> None:
    repeated = int((gaps <= TOLERANCE_STEPS * gaps.mean()).sum())
    if repeated:
        raise InputRejected(Reason.DUPLICATE_SLICES, f"{repeated} positions with more than one")


def _step(
    heights: NDArray[np.float64], voxel: float, fill_one_missing_slice: bool
) -> tuple[float, frozenset[Irregularity]]:
    """Return the slice distance of the grid in mm, and what is irregular about the heights."""
    gaps = np.diff(heights)
    step = float(heights[-1] / len(gaps))
    if _lie_on_grid(heights, step, voxel):
        return step, frozenset()
    regular = float(np.quantile(gaps, REGULAR_QUANTILE, method="lower"))
    _check_for_parts(gaps)
    wide = gaps[gaps >= 2 * regular - _tolerance(regular, voxel)]
    missing = int(np.rint(wide / regular - 1).sum())
    if missing > 1 or (missing == 1 and not fill_one_missing_slice):
        raise InputRejected(
            Reason.MISSING_SLICES,
            f"{missing} missing: gaps {gaps.min():.2f} to {gaps.max():.2f} mm",
        )
    step = float(heights[-1] / np.rint(heights[-1] / regular))
    found = {Irregularity.MISSING_SLICE_FILLED} if missing else set()
    if not _lie_on_grid(heights, step, voxel):
        found.add(Irregularity.IRREGULAR_SPACING)
    return step, frozenset(found)


def _check_for_parts(gaps: NDArray[np.float64]) -> None:
    """Check that the slice distance does not change once to at least twice its value."""
    few = FEWEST_GAPS_OF_A_PART
    for end in range(few, len(gaps) - few + 1):
        parts = gaps[:end], gaps[end:]
        one, other = sorted(float(part.mean()) for part in parts)
        even = all(np.abs(p - p.mean()).max() <= GAPS_OF_A_PART * p.mean() for p in parts)
        if even and other >= (2 - MOST_TOLERANCE_STEPS) * one:
            raise InputRejected(Reason.CHANGING_SLICE_DISTANCE, f"{one:.2f} mm and {other:.2f} mm")


def _step_of_rounded(
    positions: NDArray[np.float64],
    heights: NDArray[np.float64],
    normal: NDArray[np.float64],
    voxel: float,
) -> float | None:
    """Return the step of a stack whose positions are rounded, or None.

    Args:
        positions: ``[slice, 3]`` LPS mm, in order.
        heights: the same along the normal, from the first.
        normal: unit vector.
        voxel: pixel spacing, mm.

    Returns:
        mm. None for a stack that is regular as it is, and for one that rounding does not explain.
    """
    count = len(heights)
    if _lie_on_grid(heights, float(heights[-1] / (count - 1)), voxel):
        return None
    units = np.array([_rounding_unit(values) for values in positions.T])
    tolerance = ROUNDING_SHARE * float(np.abs(normal) @ units)
    step, start = np.polyfit(np.arange(count), heights, 1)
    off_line = np.abs(heights - start - step * np.arange(count)).max()
    return float(step) if off_line <= tolerance < step / 2 else None


def _rounding_unit(values: NDArray[np.float64]) -> float:
    """Return the largest of :data:`COARSEST_DECIMALS` that all values are multiples of, or 0."""
    for unit in COARSEST_DECIMALS:
        if np.abs(values / unit - np.rint(values / unit)).max() < 1e-6:
            return unit
    return 0.0


def _shear(
    offsets: NDArray[np.float64], heights: NDArray[np.float64], shared: Plane
) -> tuple[float, float]:
    """Return the drift along row and column for each mm of height. Check that it is constant."""
    voxel = min(shared.spacing)
    aside = offsets - np.outer(heights, shared.normal)
    drift = np.linalg.norm(np.polyfit(heights, aside, 1)[0] * heights[-1])
    shear = aside[-1] / heights[-1] if drift > UPRIGHT_VOXELS * voxel else np.zeros(3)
    off_line = np.linalg.norm(aside - np.outer(heights, shear), axis=1).max()
    if off_line > plane.SAME_PLANE_VOXELS * voxel:
        raise InputRejected(
            Reason.MIXED_GEOMETRY, f"positions up to {off_line:.2f} mm off a straight line"
        )
    angle = float(np.degrees(np.arctan(np.linalg.norm(shear))))
    if angle > MAX_TILT_DEGREES:
        raise InputRejected(Reason.GANTRY_TILT, f"{angle:.1f} degrees")
    return float(shear @ shared.row), float(shear @ shared.column)


def _tolerance(step: float, voxel: float) -> float:
    tolerance = max(TOLERANCE_STEPS * step, TOLERANCE_VOXELS * voxel)
    return min(tolerance, MOST_TOLERANCE_STEPS * step)


def _grid_positions(heights: NDArray[np.float64], step: float, voxel: float) -> NDArray[np.float64]:
    """Return heights in steps, rounded to whole numbers within the tolerance."""
    whole = np.rint(heights / step)
    near = np.abs(heights - whole * step) <= _tolerance(step, voxel)
    return np.where(near, whole, heights / step)


def _lie_on_grid(heights: NDArray[np.float64], step: float, voxel: float) -> bool:
    positions = _grid_positions(heights, step, voxel)
    return bool((positions == np.rint(positions)).all() and (np.diff(positions) > 0).all())
