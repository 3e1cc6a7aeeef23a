import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import published_networks as published
from syda.errors import CorruptData, SydaError, UsageError
from syda.metrics import weights

Change = Callable[[dict[str, torch.Tensor]], object]


def pinned(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return published.medicalnet(10).state_dict()


def refusal(error: type[SydaError], path: Path, sha256: str, name: str) -> str:
    """What a refusal says; it is one line."""
    with pytest.raises(error) as refused:
        weights.load(name, path, sha256)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"evaluate.extractors.{name}: {path}")
    return line


def test_a_missing_file_is_wrong_use_and_nothing_takes_its_place(tmp_path: Path) -> None:
    line = refusal(UsageError, tmp_path / "resnet_10.pth", "0" * 64, "medicalnet-resnet10")
    assert "No such file" in line
    assert line.endswith(
        "put the file of MedicalNet ResNet-10 there or take the entry out; "
        "nothing is used in its place"
    )


def test_another_file_than_the_pinned_one_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "resnet_10.pth"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    line = refusal(CorruptData, path, "0" * 64, "medicalnet-resnet10")
    assert f"has sha256 {pinned(path)}, params.yaml pins {'0' * 64}: get the pinned file" in line


class Trap:
    """What runs where a pickle is simply loaded."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.made,)


@pytest.mark.parametrize("saved", ["pickle", "torch"])
def test_a_file_that_would_run_code_does_not(tmp_path: Path, saved: str) -> None:
    path, made = tmp_path / "resnet_10.pth", tmp_path / "ran"
    if saved == "pickle":
        path.write_bytes(pickle.dumps(Trap(made)))
    else:
        torch.save({"state_dict": Trap(made)}, path)
    line = refusal(CorruptData, path, pinned(path), "medicalnet-resnet10")
    assert "no file of tensors alone (UnpicklingError)" in line
    assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 torn", b"\x80\x02}q\x00."])
def test_a_file_of_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "resnet_10.pth"
    path.write_bytes(content)
    line = refusal(CorruptData, path, pinned(path), "medicalnet-resnet10")
    assert line.endswith("get the file as its authors published it")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("medicalnet-resnet10", torch.zeros(3)),
        ("medicalnet-resnet10", {"weights": {}}),
        ("medicalnet-resnet10", {"state_dict": [torch.zeros(3)]}),
        ("radimagenet-resnet50", torch.zeros(3)),
        ("radimagenet-resnet50", {3: torch.zeros(3)}),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, name: str, content: object) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    line = refusal(CorruptData, path, pinned(path), name)
    assert "not laid out as" in line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("bn1.weight"), "lacks bn1.weight (1 in all)"),
        (lambda s: s.update({"fc.weight": torch.zeros(1)}), "has besides fc.weight (1 in all)"),
        (
            lambda s: s.update({"conv1.weight": torch.zeros(64, 3, 7, 7, 7)}),
            "has of another shape conv1.weight (1 in all)",
        ),
        (lambda s: s.update({"bn1.bias": 0.5}), "has of another shape bn1.bias (1 in all)"),
        (
            lambda s: (s.pop("bn1.weight"), s.update({"fc.weight": torch.zeros(1)})),
            "lacks bn1.weight; has besides fc.weight (2 in all)",
        ),
    ],
)
def test_every_weight_must_be_there_and_no_other(
    tmp_path: Path, state: dict[str, torch.Tensor], change: Change, told: str
) -> None:
    changed = dict(state)
    change(changed)
    path = tmp_path / "resnet_10.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in changed.items()}}, path)
    line = refusal(CorruptData, path, pinned(path), "medicalnet-resnet10")
    assert f"not the weights of this network: {told}: get the file" in line


def test_the_file_of_another_network_is_refused(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "resnet_10.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    line = refusal(CorruptData, path, pinned(path), "medicalnet-resnet18")
    assert "or name the network that it is of" in line


def test_old_files_without_counts_of_batches_are_read(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "resnet_10.pth"
    kept = {n: value for n, value in state.items() if not n.endswith("num_batches_tracked")}
    torch.save({"state_dict": {f"module.{name}": value for name, value in kept.items()}}, path)
    network = weights.load("medicalnet-resnet10", path, pinned(path))
    for name, value in kept.items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=0, atol=0)
    assert not network.training
