"""Slices in order along their normal, and the regular, upright grid that they prove or span.

A gap is compared with the regular gap, the lower quartile of all: the finest one that a quarter of
the gaps have, so that a finely scanned part is not blurred to the coarser rest, and one stray short
gap does not multiply the slices. A gap of two regular ones or more has room for a slice: slices are
missing. Gaps that differ by less were scanned so: the spacing is irregular.

Source: DICOM PS3.3 C.7.6.2.1.1 (image position and orientation), C.8.2.1 (CT image: slices of a
tilted gantry lie at an angle to the line that joins their positions).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.dicom import plane
from syda.dicom.plane import Plane, Slice
from syda.dicom.reject import Irregularity, Reason, SetAside

POSITION_TOLERANCE_MM = 0.05
POSITION_TOLERANCE_SHARE = 0.02
"""A slice may lie this far, or this share of the step, from its place on the regular grid:
positions rounded to two decimals pass, a missing slice does not."""

DRIFT_TOLERANCE_MM = 0.05
"""The last slice may lie this far beside the first one's normal; more is a gantry tilt."""

MAX_TILT_DEGREES = 35.0
"""Gantries tilt by 30 degrees at most; more is a header that contradicts itself."""

REGULAR_QUANTILE = 0.25
"""Of the gaps, from the smallest: the regular gap."""


@dataclass(frozen=True)
class Stack:
    """Slices from first to last along the normal, and the grid they are to lie on.

    Attributes:
        slices: in order.
        plane: of each of them.
        origin: centre of the first slice's first voxel, LPS mm.
        places: of the slices above the first one along the normal, ``[slice]`` in steps; whole
            numbers for those that lie on the grid within the tolerance.
        step: of the grid, mm.
        lean: drift of the slices along ``plane.row`` and ``plane.column``, mm for each mm of
            height; zero for an upright gantry.
        irregularities: of these slices.
    """

    slices: list[Slice]
    plane: Plane
    origin: NDArray[np.float64]
    places: NDArray[np.float64]
    step: float
    lean: tuple[float, float]
    irregularities: frozenset[Irregularity]

    @property
    def length(self) -> float:
        """Of the grid along the normal, from face to face, mm."""
        return float((self.places[-1] + 1) * self.step)

    @property
    def tilt_degrees(self) -> float:
        """Angle between the slice normal and the line through the slices' positions."""
        return float(np.degrees(np.arctan(np.hypot(*self.lean))))


def arrange(slices: Sequence[Slice], min_slices: int, fill_one_missing_slice: bool) -> Stack:
    """Sort slices along their normal and find the regular grid they lie on or span.

    Args:
        slices: of one acquisition, in any order.
        min_slices: fewer are set aside.
        fill_one_missing_slice: go on where exactly one slice is missing.

    Raises:
        SetAside: too few slices, several at one place, slices missing, or positions that no gantry
            gives.
    """
    if len(slices) < min_slices:
        raise SetAside(Reason.TOO_FEW_SLICES, f"{len(slices)} of at least {min_slices}")
    shared = plane.common(slices)
    positions = plane.positions(slices)
    along = np.argsort(positions @ shared.normal, kind="stable")
    offsets = positions[along] - positions[along[0]]
    heights = offsets @ shared.normal
    step, spacing = _step(heights, fill_one_missing_slice)
    lean = _lean(offsets, heights, shared)
    return Stack(
        slices=[slices[i] for i in along],
        plane=shared,
        origin=positions[along[0]],
        places=_places(heights, step),
        step=step,
        lean=lean,
        irregularities=spacing | ({Irregularity.GANTRY_TILT} if any(lean) else frozenset()),
    )


def _step(
    heights: NDArray[np.float64], fill_one_missing_slice: bool
) -> tuple[float, frozenset[Irregularity]]:
    """Distance of the grid's slices in mm, and what is irregular about the heights."""
    gaps = np.diff(heights)
    if gaps.min() < POSITION_TOLERANCE_MM:
        repeated = int((gaps < POSITION_TOLERANCE_MM).sum())
        raise SetAside(Reason.DUPLICATE_SLICES, f"{repeated} places with more than one")
    step = float(heights[-1] / len(gaps))
    if _lie_on_grid(heights, step):
        return step, frozenset()
    regular = float(np.quantile(gaps, REGULAR_QUANTILE, method="lower"))
    wide = gaps[gaps >= 2 * regular - _tolerance(regular)]
    missing = int(np.rint(wide / regular - 1).sum())
    if missing > 1 or (missing == 1 and not fill_one_missing_slice):
        raise SetAside(
            Reason.MISSING_SLICES,
            f"{missing} missing: gaps {gaps.min():.2f} to {gaps.max():.2f} mm",
        )
    step = float(heights[-1] / np.rint(heights[-1] / regular))
    found = {Irregularity.MISSING_SLICE_FILLED} if missing else set()
    if not _lie_on_grid(heights, step):
        found.add(Irregularity.IRREGULAR_SPACING)
    return step, frozenset(found)


def _lean(
    offsets: NDArray[np.float64], heights: NDArray[np.float64], shared: Plane
) -> tuple[float, float]:
    """Drift along row and column for each mm of height, after proof that it is constant."""
    drift = offsets[-1] - heights[-1] * shared.normal
    upright = float(np.linalg.norm(drift)) <= DRIFT_TOLERANCE_MM
    lean = np.zeros(3) if upright else drift / heights[-1]
    beside = np.linalg.norm(offsets - np.outer(heights, shared.normal + lean), axis=1).max()
    if beside > POSITION_TOLERANCE_MM:
        raise SetAside(
            Reason.MIXED_GEOMETRY, f"positions up to {beside:.2f} mm off a straight line"
        )
    angle = float(np.degrees(np.arctan(np.linalg.norm(lean))))
    if angle > MAX_TILT_DEGREES:
        raise SetAside(Reason.GANTRY_TILT, f"{angle:.1f} degrees")
    return float(lean @ shared.row), float(lean @ shared.column)


def _tolerance(step: float) -> float:
    return max(POSITION_TOLERANCE_MM, POSITION_TOLERANCE_SHARE * step)


def _places(heights: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Heights in steps, whole where they are so within the tolerance."""
    whole = np.rint(heights / step)
    return np.where(np.abs(heights - whole * step) <= _tolerance(step), whole, heights / step)


def _lie_on_grid(heights: NDArray[np.float64], step: float) -> bool:
    places = _places(heights, step)
    return bool((places == np.rint(places)).all() and (np.diff(places) > 0).all())
