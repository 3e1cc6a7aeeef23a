"""Files of MedicalNet and RadImageNet: their features, and every file that is refused."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import published_networks as published
from degraded import noisy
from syda.errors import CorruptData, SydaError, UsageError
from syda.metrics import registry
from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.kid import KernelDistance
from syda.metrics.metric import MetricContext
from syda.metrics.published import build_network, load_extractor
from syda.metrics.slices import PLANES, SliceSampler

GRID = VoxelGrid(32, -1000, 1000)
RESNET10 = "medicalnet-resnet10"
Change = Callable[[dict[str, torch.Tensor]], object]


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return published.weights(RESNET10)


@pytest.fixture(scope="module")
def medicalnet(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet_10_23dataset.pth"
    published.save(RESNET10, state, path)
    return path


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_medicalnets_layers_have_its_strides_and_dilations(depth: int) -> None:
    name = f"medicalnet-resnet{depth}"
    weights, network = published.weights(name), build_network(name).eval()
    network.load_state_dict(weights)
    volumes = torch.randn(2, 1, 20, 24, 28, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(network(volumes), published.forward(name, weights, volumes))


def test_medicalnet_takes_a_volume_of_mean_0_and_deviation_1(
    smooth: Callable[..., np.ndarray], medicalnet: Path, state: dict[str, torch.Tensor]
) -> None:
    images = smooth(2, 32)
    volumes = torch.from_numpy(images)[:, None]
    normal = [(one - one.mean()) / one.std() for one in volumes.split(1)]
    with torch.inference_mode():
        expected = published.forward(RESNET10, state, torch.cat(normal))
    extractor = published.load(RESNET10, medicalnet, GRID)
    found = extractor.extract(images).vectors
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    brighter = extractor.extract((images * 0.5 + 0.3).astype(np.float32)).vectors
    np.testing.assert_allclose(brighter, found, rtol=1e-3, atol=1e-4)
    assert np.isfinite(extractor.extract(np.zeros((1, 32, 32, 32), np.float32)).vectors).all()


def test_radimagenet_takes_the_slices_as_its_authors_scaled_them(
    smooth: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    name, path, grid = "radimagenet-resnet50", tmp_path / "ResNet50.pt", VoxelGrid(16, -1000, 1000)
    weights = published.weights(name)
    published.save(name, weights, path)
    images = smooth(2, 16)
    sampler = SliceSampler(grid)
    expected: dict[str, list[torch.Tensor]] = {plane: [] for plane in PLANES}
    with torch.inference_mode():
        for cut in sampler.cuts():
            bytes_ = sampler.grey(torch.from_numpy(images), cut) * 255
            scaled = (bytes_ - 127.5) * 2 / 255
            found = published.forward(name, weights, scaled.repeat(1, 3, 1, 1))
            expected[cut.plane].append(found)
    planes = [torch.stack(found).mean(dim=0) for found in expected.values()]
    extractor = published.load(name, path, grid)
    vectors = extractor.extract(images).vectors
    assert vectors.shape == (2, extractor.definition["dimensions"])
    np.testing.assert_allclose(vectors, torch.cat(planes, dim=1), rtol=1e-4, atol=1e-5)


def test_other_weights_and_another_grid_are_another_space(medicalnet: Path, tmp_path: Path) -> None:
    path = tmp_path / "resnet_10.pth"
    published.save(RESNET10, published.weights(RESNET10, seed=1), path)
    files = ((medicalnet, GRID), (medicalnet, GRID), (path, GRID),
             (medicalnet, VoxelGrid(16, -1000, 1000)))  # fmt: skip
    first, same, *others = (published.load(RESNET10, file, grid) for file, grid in files)
    assert first.space.startswith("medicalnet-resnet10-")
    assert first.space == same.space
    assert first.space not in {other.space for other in others}
    assert first.definition["weights_sha256"] == published.sha256(medicalnet)


def test_an_extractor_adds_the_metrics_of_distributions_and_changes_none(medicalnet: Path) -> None:
    extractor = published.load(RESNET10, medicalnet, GRID)
    context = MetricContext(GRID)
    alone = [metric.describe() for metric in registry.build(context)]
    both = [metric.describe() for metric in registry.build(context, [extractor])]
    assert both[: len(alone)] == alone
    added = {entry["key"]: entry for entry in both[len(alone) :]}
    names = ("kid_poly3", "fd_ratio", "precision_k3", "recall_k3", "density_k5", "coverage_k5")
    assert set(added) == {f"{name}_{extractor.space}" for name in names}
    assert len({entry["title"] for entry in both}) == len(both)
    kid = added[f"kid_poly3_{extractor.space}"]
    assert (kid["title"], kid["protocol"]["network"]) == ("KID, MedicalNet ResNet-10", RESNET10)


def test_noise_moves_kid_away_even_with_random_weights(
    smooth: Callable[..., np.ndarray], as_cohorts: Callable[..., Cohorts], medicalnet: Path
) -> None:
    images = smooth(24, 32)
    extractor = published.load(RESNET10, medicalnet, GRID)
    metric = KernelDistance(MetricContext(GRID, extractor))
    sound, worse = (
        metric.measure(as_cohorts(some, images[:8], images[8:16]), Sampling(0, 10, 100))["holdout"]
        for some in (images[16:], noisy(images[16:], 0.1))
    )
    assert sound.synthetic.value < worse.synthetic.value


def refusal(error: type[SydaError], path: Path, sha256: str, name: str = RESNET10) -> str:
    """The message of a refusal; it is one line."""
    with pytest.raises(error) as refused:
        load_extractor(name, path, sha256, GRID)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"evaluate.extractors.{name}: {path}")
    return line


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    line = refusal(UsageError, tmp_path / "resnet_10.pth", "0" * 64)
    assert "No such file" in line
    assert line.endswith(
        "put the file of MedicalNet ResNet-10 there or take the entry out; "
        "nothing is used in its place"
    )


class Trap:
    """A pickle of it runs code where it is simply loaded."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.made,)


def test_a_file_with_another_digest_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "resnet_10.pth"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    line = refusal(CorruptData, path, "0" * 64)
    found = f"has sha256 {published.sha256(path)}, params.yaml pins {'0' * 64}"
    assert f"{found}: get the pinned file" in line


@pytest.mark.parametrize("saved", ["pickle", "torch"])
def test_a_file_that_would_run_code_does_not(tmp_path: Path, saved: str) -> None:
    path, made = tmp_path / "resnet_10.pth", tmp_path / "ran"
    if saved == "pickle":
        path.write_bytes(pickle.dumps(Trap(made)))
    else:
        torch.save({"state_dict": Trap(made)}, path)
    line = refusal(CorruptData, path, published.sha256(path))
    assert "not a file of tensors alone (UnpicklingError)" in line
    assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 torn", b"\x80\x02}q\x00."])
def test_a_file_of_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "resnet_10.pth"
    path.write_bytes(content)
    line = refusal(CorruptData, path, published.sha256(path))
    assert line.endswith("get the file as its authors published it")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (RESNET10, torch.zeros(3)),
        (RESNET10, {"weights": {}}),
        (RESNET10, {"state_dict": [torch.zeros(3)]}),
        ("radimagenet-resnet50", torch.zeros(3)),
        ("radimagenet-resnet50", {3: torch.zeros(3)}),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, name: str, content: object) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    assert "not laid out as" in refusal(CorruptData, path, published.sha256(path), name)


@pytest.mark.parametrize(
    ("change", "fault"),
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
    tmp_path: Path, state: dict[str, torch.Tensor], change: Change, fault: str
) -> None:
    changed = dict(state)
    change(changed)
    path = tmp_path / "resnet_10.pth"
    published.save(RESNET10, changed, path)
    line = refusal(CorruptData, path, published.sha256(path))
    assert f"not the weights of this network: {fault}: get the file" in line


def test_the_file_of_another_network_is_refused(medicalnet: Path) -> None:
    sha256 = published.sha256(medicalnet)
    line = refusal(CorruptData, medicalnet, sha256, "medicalnet-resnet18")
    assert "or name the network that it is of" in line


def test_old_files_without_counts_of_batches_are_read(
    smooth: Callable[..., np.ndarray],
    tmp_path: Path,
    medicalnet: Path,
    state: dict[str, torch.Tensor],
) -> None:
    path, images = tmp_path / "resnet_10.pth", smooth(1, 32)
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    published.save(RESNET10, old, path)
    found, expected = (
        published.load(RESNET10, file, GRID).extract(images).vectors for file in (path, medicalnet)
    )
    np.testing.assert_array_equal(found, expected)
