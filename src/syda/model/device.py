"""The device that networks run on, and the type of their feature maps there.

bfloat16 halves what a convolution moves, where the device computes in it. A CPU without AVX-512 (or
an Arm without BF16) does so in a plain loop: a convolution of 16 channels at 32^3 took 200 times as
long there as in float32.
"""

from typing import Literal

import torch

Precision = Literal["auto", "bfloat16", "float32"]
"""Of feature maps; ``auto`` is settled by the device."""


def present() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether convolutions in bfloat16 are no slower there than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def type_of_maps(precision: Precision, device: torch.device) -> torch.dtype:
    """Settle ``auto``: bfloat16 where the device computes in it, float32 elsewhere."""
    if precision == "auto":
        return torch.bfloat16 if computes_in_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def named(dtype: torch.dtype) -> str:
    """``float32`` or ``bfloat16``."""
    return str(dtype).removeprefix("torch.")
