"""Muon: steps of equal spectral norm for the filters of convolutions, Adam's for all else.

Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024). Adam scales each
weight's step by itself; made orthogonal, a filter's step has all directions at one length. Told
every voxel of 24 scans, the generator learnt in half the images what it had learnt by Adam.
``torch.optim.Muon`` takes matrices only, and leaves all else to a second optimiser.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

BETAS = (0.0, 0.99)
"""Adam's: no momentum in a game whose target moves."""

MOMENTUM = 0.9
"""Of the filters: without it the directions that are rare in a batch are those of its noise."""

STEP = 2.0
"""Of filters: about the singular values of a step, over the rate and the root of the fan-in."""

ITERATION = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial that takes singular values towards 1; after
``ITERATIONS`` of it those above a hundredth of the norm lie between 0.68 and 1.14."""

ITERATIONS = 5
"""How often it is applied."""


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with its singular values brought close to 1, its singular vectors as they are.

    Newton and Schulz's iteration as Muon has it (Jordan et al., 2024), in float32: each ``p = a +
    b s + c s^2`` of ``s = x x'`` takes x to ``p x``, and so s to ``p s p``. All of them are
    polynomials of the first s, a square of the rows alone, so that the columns, which are many
    more, are multiplied twice and not ten times.

    Args:
        matrix: ``[rows, columns]``, cheapest where the rows are fewer.
    """
    a, b, c = ITERATION
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    square = x @ x.T
    one = torch.eye(len(square), dtype=x.dtype, device=x.device)
    whole = one
    for _ in range(ITERATIONS):
        turn = a * one + b * square + c * square @ square
        whole = turn @ whole
        square = turn @ square @ turn
    return whole @ x


class Muon(torch.optim.Adam):
    """Adam, and Muon for the weights of convolutions wider than a voxel.

    Those are taken to be standard normal at the start and scaled where they are used (equalised):
    a step then changes each direction by about ``STEP * lr`` of what it was at the start.

    Args:
        parameters: of a network.
        lr: learning rate.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, lr, BETAS)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; the gradients of the filters are used up."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None and is_filter(p):
                    self._turn(p, p.grad, group["lr"])
                    p.grad = None
        return super().step(closure)

    def _turn(self, filters: Tensor, gradient: Tensor, lr: float) -> None:
        state = self.state[filters]
        if not state:
            # Adam looks for its count of steps in every state that it loads.
            state |= {"step": torch.tensor(0.0), "momentum": torch.zeros_like(filters)}
        momentum = state["momentum"].mul_(MOMENTUM).add_(gradient)
        step = orthogonal(momentum.flatten(1))
        filters.sub_(step.view_as(filters), alpha=STEP * lr * step.shape[1] ** 0.5)


def is_filter(p: Tensor) -> bool:
    """Whether a parameter is the weights of a convolution that looks at neighbours."""
    return p.ndim == 5 and p.shape[-1] > 1
