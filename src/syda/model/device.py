"""The device of the networks, and the data type of their feature maps.

bfloat16 halves the memory traffic of a convolution where the device computes in it. A CPU without
AVX-512 (or an Arm without BF16) uses a plain loop: a convolution of 16 channels at 32^3 took 200
times as long as in float32.
"""

from typing import Literal

import torch

Precision = Literal["auto", "bfloat16", "float32"]
"""Of feature maps; ``auto`` depends on the device."""


def default_device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_in_bfloat16(device: torch.device) -> bool:
    """Return whether the device computes convolutions in bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def activation_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the data type of feature maps; ``auto`` is bfloat16 where it is native."""
    if precision == "auto":
        return torch.bfloat16 if computes_in_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def dtype_name(dtype: torch.dtype) -> str:
    """Return ``float32`` or ``bfloat16``."""
    return str(dtype).removeprefix("torch.")
