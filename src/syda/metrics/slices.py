"""Slices through volumes, windowed and turned for display: what a 2D network sees of a volume."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)

from syda.metrics.cohorts import Grid

WINDOW_HU = (-200, 400)
"""Mapped to [0, 1] and clipped: in the full window organs differ by too little to be seen."""

SLICES = 8
"""Of each plane, at even distances."""

SMALLEST_SIDE = 96
"""Pixels; smaller slices are enlarged, since the networks halve their maps five times."""

PLANES = {"axial": -3, "coronal": -2, "sagittal": -1}
"""Plane to the axis of ``[V, D, H, W]`` that it cuts."""


@dataclass(frozen=True)
class Slice:
    """One cut through every volume."""

    plane: str
    position: int


class Slices:
    """The cuts through volumes on a grid."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._side = max(SMALLEST_SIDE, grid.size)

    @property
    def definition(self) -> dict[str, Any]:
        """Every choice that they depend on."""
        return {
            "grid": self._grid.size,
            "model_window_hu": [self._grid.window_min, self._grid.window_max],
            "window_hu": list(WINDOW_HU),
            "planes": list(PLANES),
            "orientation": "patient right at the left; anterior or superior at the top",
            "slices_each_plane": min(SLICES, self._grid.size),
            "side": self._side,
            "enlargement": "bilinear",
        }

    def cuts(self) -> list[Slice]:
        """Return the cuts, plane by plane."""
        count = min(SLICES, self._grid.size)
        positions = [(2 * number + 1) * self._grid.size // (2 * count) for number in range(count)]
        return [Slice(plane, position) for plane in PLANES for position in positions]

    def grey(self, volumes: torch.Tensor, cut: Slice) -> torch.Tensor:
        """Cut, window, orient for display and enlarge.

        Args:
            volumes: ``[V, D, H, W]`` in the model range.
            cut: plane and position.

        Returns:
            ``[V, 1, side, side]`` in [0, 1].
        """
        low, high = WINDOW_HU
        sliced = volumes.select(PLANES[cut.plane], cut.position).flip(-1, -2)
        hu = (sliced + 1) * self._grid.hu_per_unit + self._grid.window_min
        grey = ((hu - low) / (high - low)).clamp(0, 1)[:, None]
        if self._side != self._grid.size:
            grey = F.interpolate(grey, size=(self._side, self._side), mode="bilinear")
        return grey
