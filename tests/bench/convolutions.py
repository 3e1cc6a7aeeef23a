"""The convolutions of a piece of work, alone: what nothing around them can be faster than."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Call:
    """One call of ``conv3d`` and the gradients that come back through it."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    padding: int
    dtype: torch.dtype
    x_grad: bool
    weight_grad: bool


def record(work: Callable[[], object]) -> list[Call]:
    """Run some work and list its convolutions."""
    calls: list[Call] = []
    conv3d = functional.conv3d

    def listening(
        x: Tensor, weight: Tensor, bias: Tensor | None = None, *, padding: int = 0
    ) -> Tensor:
        grad = torch.is_grad_enabled()
        needed = grad and x.requires_grad, grad and weight.requires_grad
        calls.append(Call(tuple(x.shape), tuple(weight.shape), padding, x.dtype, *needed))
        return conv3d(x, weight, bias, padding=padding)

    with mock.patch.object(functional, "conv3d", listening):
        work()
    return calls


class Alone:
    """Recorded calls on random numbers, channels-last, forwards and backwards."""

    def __init__(self, calls: Sequence[Call], device: torch.device) -> None:
        self._work = [(call, self._random(call, device)) for call in calls]

    @staticmethod
    def _random(call: Call, device: torch.device) -> list[Tensor]:
        return [
            torch.randn(shape, device=device)
            .to(call.dtype, memory_format=torch.channels_last_3d)
            .requires_grad_(needed)
            for shape, needed in ((call.x, call.x_grad), (call.weight, call.weight_grad))
        ]

    def __call__(self) -> None:
        """Run them all."""
        for call, operands in self._work:
            y = functional.conv3d(*operands, padding=call.padding)
            if needed := [operand for operand in operands if operand.requires_grad]:
                torch.autograd.grad(y, needed, y.detach())
