import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import published_networks as published
from degraded import noisy
from syda.metrics import registry
from syda.metrics.cohorts import Cohort, Cohorts, Grid, Sampling
from syda.metrics.extractors import Extractor
from syda.metrics.kid import KernelDistance
from syda.metrics.perception import Perception
from syda.metrics.slices import PLANES, Slices

GRID = Grid(32, -1000, 1000)
MakeVolumes = Callable[..., np.ndarray]


def given(name: str, path: Path, grid: Grid = GRID) -> Extractor:
    return Extractor(name, path, hashlib.sha256(path.read_bytes()).hexdigest(), grid)


@pytest.fixture(scope="module")
def medicalnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet_10_23dataset.pth"
    published.save_medicalnet(published.medicalnet(10), path)
    return path


def test_medicalnet_sees_a_volume_of_mean_0_and_deviation_1(
    smooth: MakeVolumes, medicalnet: Path
) -> None:
    images, reference = smooth(2, 32), published.medicalnet(10)
    volumes = torch.from_numpy(images)[:, None]
    with torch.inference_mode():
        expected = [reference((one - one.mean()) / one.std())[0] for one in volumes.split(1)]
    extractor = given("medicalnet-resnet10", medicalnet)
    found = extractor.see(images).vectors
    np.testing.assert_allclose(found, torch.stack(expected), rtol=1e-4, atol=1e-5)
    brighter = extractor.see((images * 0.5 + 0.3).astype(np.float32)).vectors
    np.testing.assert_allclose(brighter, found, rtol=1e-3, atol=1e-4)
    assert np.isfinite(extractor.see(np.zeros((1, 32, 32, 32), np.float32)).vectors).all()


def test_radimagenet_sees_the_slices_as_its_authors_scaled_them(
    smooth: MakeVolumes, tmp_path: Path
) -> None:
    path, reference = tmp_path / "ResNet50.pt", published.RadImageNet()
    published.save_radimagenet(reference, path)
    images = smooth(2, 16)
    slices, grid = Slices(Grid(16, -1000, 1000)), Grid(16, -1000, 1000)
    expected: dict[str, list[torch.Tensor]] = {plane: [] for plane in PLANES}
    with torch.inference_mode():
        for cut in slices.cuts():
            bytes_ = slices.grey(torch.from_numpy(images), cut) * 255
            scaled = (bytes_ - 127.5) * 2 / 255
            expected[cut.plane].append(reference(scaled.repeat(1, 3, 1, 1)))
    planes = [torch.stack(found).mean(dim=0) for found in expected.values()]
    extractor = given("radimagenet-resnet50", path, grid)
    found = extractor.see(images).vectors
    assert found.shape == (2, extractor.space.vector_definition["dimensions"])
    np.testing.assert_allclose(found, torch.cat(planes, dim=1), rtol=1e-4, atol=1e-5)


def test_other_weights_are_another_key(medicalnet: Path, tmp_path: Path) -> None:
    path = tmp_path / "resnet_10.pth"
    published.save_medicalnet(published.medicalnet(10, seed=1), path)
    first, same, other = (
        given("medicalnet-resnet10", file).space for file in (medicalnet, medicalnet, path)
    )
    assert first.vector_id.startswith("medicalnet-resnet10-")
    assert first == same
    assert first.vector_id != other.vector_id
    sha256 = hashlib.sha256(medicalnet.read_bytes()).hexdigest()
    assert first.vector_definition["weights_sha256"] == sha256
    assert given("medicalnet-resnet10", medicalnet, Grid(16, -1000, 1000)).space != first


def test_an_extractor_adds_the_distributions_metrics_and_changes_none(medicalnet: Path) -> None:
    perception = Perception(GRID)
    extractor = given("medicalnet-resnet10", medicalnet)
    alone = [metric.about for metric in registry.build(GRID, perception)]
    both = [metric.about for metric in registry.build(GRID, perception, [extractor])]
    assert both[: len(alone)] == alone
    added = both[len(alone) :]
    space = extractor.space.vector_id
    assert [about.key for about in added] == [
        f"{name}_{space}"
        for name in ("kid_poly3", "fd_ratio", "precision_k3", "recall_k3", "density_k5",
                     "coverage_k5")
    ]  # fmt: skip
    assert len({about.title for about in both}) == len(both)
    assert added[0].title == "KID, MedicalNet ResNet-10"
    assert added[0].protocol["network"] == "medicalnet-resnet10"


def test_noise_moves_kid_away(
    smooth: MakeVolumes, as_cohort: Callable[..., Cohort], medicalnet: Path
) -> None:
    """Even in features of random weights."""
    images = smooth(24, 32)
    real = {"train": as_cohort("train", images[:8]), "holdout": as_cohort("holdout", images[8:16])}
    metric = KernelDistance(given("medicalnet-resnet10", medicalnet))
    figures = [
        metric.measure(Cohorts(as_cohort("synthetic", some), real), Sampling(0, 10, 100))["holdout"]
        for some in (images[16:], noisy(images[16:], 0.1))
    ]
    assert figures[0].synthetic.value < figures[1].synthetic.value
