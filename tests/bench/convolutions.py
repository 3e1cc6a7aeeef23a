"""The convolutions of a piece of work, alone: what nothing around them can be faster than."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional

FORMS = ("conv3d", "conv_transpose3d")


@dataclass(frozen=True)
class Call:
    """One call of a convolution of torch's and the gradients that come back through it.

    Attributes:
        form: one of :data:`FORMS`.
        x: shape.
        weight: shape.
        options: padding, stride and groups, as they were given.
        dtype: of both.
        x_grad: whether x needs a gradient.
        weight_grad: whether the weight does.
    """

    form: str
    x: tuple[int, ...]
    weight: tuple[int, ...]
    options: Mapping[str, Any]
    dtype: torch.dtype
    x_grad: bool
    weight_grad: bool


def record(work: Callable[[], object]) -> list[Call]:
    """Run some work and list its convolutions."""
    calls: list[Call] = []

    def recorded(form: str) -> Callable[..., Tensor]:
        convolve: Callable[..., Tensor] = getattr(functional, form)

        def convolve_and_record(
            x: Tensor, weight: Tensor, bias: Tensor | None = None, **options: Any
        ) -> Tensor:
            grad = torch.is_grad_enabled()
            needed = grad and x.requires_grad, grad and weight.requires_grad
            calls.append(Call(form, tuple(x.shape), tuple(weight.shape), options, x.dtype, *needed))
            return convolve(x, weight, bias, **options)

        return convolve_and_record

    with mock.patch.multiple(functional, **{form: recorded(form) for form in FORMS}):
        work()
    return calls


class Alone:
    """The convolutions of some work on random numbers, channels-last, forwards and backwards.

    Args:
        work: is run and recorded when this is called for the first time.
        device: of the numbers.
    """

    def __init__(self, work: Callable[[], object], device: torch.device) -> None:
        self._work = work
        self._device = device

    @cached_property
    def calls(self) -> list[tuple[Call, list[Tensor]]]:
        """What is run, with its operands."""
        return [(call, self._random(call)) for call in record(self._work)]

    def _random(self, call: Call) -> list[Tensor]:
        return [
            torch.randn(shape, device=self._device)
            .to(call.dtype, memory_format=torch.channels_last_3d)
            .requires_grad_(needed)
            for shape, needed in ((call.x, call.x_grad), (call.weight, call.weight_grad))
        ]

    def __call__(self) -> None:
        """Run them all."""
        for call, operands in self.calls:
            y = getattr(functional, call.form)(*operands, **call.options)
            if needed := [operand for operand in operands if operand.requires_grad]:
                torch.autograd.grad(y, needed, y.detach())
