"""Tone: the scale on which equal steps mean equal shares of the body.

A CT spends most of its range on values that hardly occur: fat and muscle, which fill the body, lie
a fourteenth of [-1, 1] apart. On the tone scale, histogram equalisation of the training volumes,
they lie as far apart as their number of voxels says. The generator draws tones and the
discriminator sees them beside the image: what a radiologist's window does, read from the data.
"""

import torch
from torch import Tensor, nn

BINS = 100
"""Of the curve, over the model range."""

AIR_BELOW = -0.98
"""Image value under which a voxel is air; it does not count as body."""

AIR_SHARE = 0.05
"""Share of the tones that air gets: its first bin."""

CELLS = 2048
"""Of the table that finds the piece of the curve under a tone."""

EVEN_SHARE = 0.1
"""Share of the tones spread evenly, so that no image value is out of reach."""


class Tone(nn.Module):
    """A rising, piecewise linear curve from image values to tones, both in [-1, 1].

    Attributes:
        knots: ``[BINS + 1]``, tones of evenly spaced image values; a straight line until fitted.
    """

    knots: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("knots", torch.linspace(-1, 1, BINS + 1))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Take the curve from volumes in the model range, any shape.

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
        """Return the tones of image values; the end pieces go on beyond the ends."""
        along = (image + 1) * (BINS / 2)
        piece = along.detach().long().clamp(0, BINS - 1)
        return self.knots.take(piece) + (along - piece) * self.knots.diff().take(piece)

    def inverse(self, tone: Tensor) -> Tensor:
        """Return the image values of tones."""
        flat = tone.reshape(-1)
        piece = self._piece(flat.detach())
        low, width = self.knots.index_select(0, piece), self.knots.diff().index_select(0, piece)
        along = piece + (flat - low) / width
        return (along * (2 / BINS) - 1).reshape(tone.shape)

    def _piece(self, tone: Tensor) -> Tensor:
        """Which piece each tone ``[n]`` lies on, from a table: a search costs several times that.

        A cell of the table is narrower than half a piece (``EVEN_SHARE``), so that what it holds,
        the piece under a point half a cell before it, is the tone's own or the one before.
        """
        cells = torch.linspace(-1, 1, CELLS + 1, dtype=tone.dtype, device=tone.device)
        table = torch.searchsorted(self.knots, cells - 1 / CELLS, right=True) - 1
        table.clamp_(0, BINS - 1)
        ends = self.knots[1:].clone()
        ends[-1] = torch.nan  # no tone is beyond: no piece comes after the last
        # Held to the table before the cast for what is infinite, and after it for what is NaN.
        cell = ((tone + 1) * (CELLS / 2)).clamp_(0, CELLS).int().clamp_(0, CELLS)
        return table.int().index_select(0, cell) + (tone >= ends[table].index_select(0, cell))
