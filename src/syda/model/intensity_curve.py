"""Histogram equalisation of the model range, fitted on the training volumes.

Fat and muscle fill most of a body, and lie 0.07 apart in the model range [-1, 1]. On the equalised
scale, equal steps hold about equal numbers of body voxels. The generator draws on this scale, and
the discriminator sees it as a second channel, like a radiologist's second window.
"""

import torch
from torch import Tensor, nn

BINS = 100
"""Of the histogram, over the model range."""

AIR_BELOW = -0.98
"""Model-range value below which a voxel is air; air is not counted as body."""

AIR_SHARE = 0.05
"""Share of the equalised range that the first bin, air, gets."""

CELLS = 2048
"""Of the table that finds the segment of an equalised value."""

EVEN_SHARE = 0.1
"""Share of the equalised range that is spread evenly, so that the curve rises everywhere."""


class IntensityCurve(nn.Module):
    """A rising, piecewise linear curve from image values to equalised values, both in [-1, 1].

    Attributes:
        knots: ``[BINS + 1]``, equalised values at evenly spaced image values; the identity until
            fitted.

    >>> images = torch.rand(4, 1, 8, 8, 8) - 1  # nothing above 0
    >>> curve = IntensityCurve()
    >>> curve.fit(images)
    >>> bool(curve(torch.tensor(0.0)) > 0.8)  # most of the range is spent below 0
    True
    >>> torch.allclose(curve.inverse(curve(images)), images, atol=1e-5)
    True
    """

    knots: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("knots", torch.linspace(-1, 1, BINS + 1))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Fit the curve to volumes in the model range, of any shape.

        Raises:
            ValueError: every voxel is air.
        """
        counts = torch.histc(images[images > AIR_BELOW].float(), BINS, -1, 1)
        if not counts.any():
            raise ValueError("no body in the training volumes: every voxel is air")
        share = EVEN_SHARE / BINS + (1 - AIR_SHARE - EVEN_SHARE) * counts / counts.sum()
        share[0] += AIR_SHARE
        self.knots[1:] = 2 * share.cumsum(0) - 1
        self.knots[-1] = 1

    def forward(self, image: Tensor) -> Tensor:
        """Return equalised values of image values; the end segments extend beyond [-1, 1]."""
        position = (image + 1) * (BINS / 2)
        segment = position.detach().long().clamp(0, BINS - 1)
        slope = self.knots.diff().take(segment)
        return self.knots.take(segment) + (position - segment) * slope

    def inverse(self, equalized: Tensor) -> Tensor:
        """Return image values of equalised values."""
        flat = equalized.reshape(-1)
        segment = self._segment(flat.detach())
        low = self.knots.index_select(0, segment)
        width = self.knots.diff().index_select(0, segment)
        position = segment + (flat - low) / width
        return (position * (2 / BINS) - 1).reshape(equalized.shape)

    def _segment(self, equalized: Tensor) -> Tensor:
        """Look up the segment of each value of ``[n]``; a search takes several times as long.

        A cell of the table is narrower than half a segment (``EVEN_SHARE``). It holds the segment
        under a point half a cell before it, which is the value's segment or the one before.
        """
        cells = torch.linspace(-1, 1, CELLS + 1, dtype=equalized.dtype, device=equalized.device)
        table = torch.searchsorted(self.knots, cells - 1 / CELLS, right=True) - 1
        table.clamp_(0, BINS - 1)
        ends = self.knots[1:].clone()
        ends[-1] = torch.nan  # no value lies beyond: no segment follows the last
        # Clamped before the cast for infinite values, and after it for NaN.
        cell = ((equalized + 1) * (CELLS / 2)).clamp_(0, CELLS).int().clamp_(0, CELLS)
        next_one = equalized >= ends[table].index_select(0, cell)
        return table.int().index_select(0, cell) + next_one
