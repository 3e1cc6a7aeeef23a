import time

import pytest
import torch
from torch.nn import functional

from syda.model import device
from syda.model.device import activation_dtype, default_device, dtype_name

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("precision", "native", "dtype"),
    [
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
        ("bfloat16", False, torch.bfloat16),
        ("float32", True, torch.float32),
    ],
)
def test_auto_is_bfloat16_only_where_the_device_computes_in_it(
    monkeypatch, precision, native, dtype
):
    monkeypatch.setattr(device, "computes_in_bfloat16", lambda _: native)
    assert activation_dtype(precision, CPU) is dtype


@pytest.mark.parametrize("onednn", [False, True])
def test_a_cpu_without_onednn_does_not_compute_in_bfloat16(monkeypatch, onednn):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    assert device.computes_in_bfloat16(CPU) is onednn


def test_emulated_bfloat16_does_not_count(monkeypatch):
    requested = {}
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda **how: requested.update(how) or False
    )
    assert not device.computes_in_bfloat16(torch.device("cuda"))
    assert requested == {"including_emulation": False}


def test_the_default_device_is_the_gpu_if_there_is_one(monkeypatch):
    for there, kind in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert default_device() == torch.device(kind)


def test_types_are_named_as_in_params():
    assert [dtype_name(dtype) for dtype in (torch.float32, torch.bfloat16)] == [
        "float32",
        "bfloat16",
    ]


def test_auto_is_fast_on_this_cpu():
    """Emulated, a convolution takes some 200 times as long as in float32."""

    def seconds(dtype):
        x = torch.zeros(1, 16, 16, 16, 16, dtype=dtype)
        x, weight = x.contiguous(memory_format=torch.channels_last_3d), torch.zeros(16, 16, 3, 3, 3)
        times = []
        for _ in range(4):
            begun = time.perf_counter()
            functional.conv3d(x, weight.to(dtype), padding=1)
            times.append(time.perf_counter() - begun)
        return min(times[1:])

    assert seconds(activation_dtype("auto", CPU)) < 10 * seconds(torch.float32)
