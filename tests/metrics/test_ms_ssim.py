from collections.abc import Callable

import numpy as np
import pytest
import torch

from syda.errors import UsageError
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid
from syda.metrics.estimate import Pairs
from syda.metrics.metric import MetricContext
from syda.metrics.ms_ssim import MsSsimDiversity, MsSsimProtocol, ms_ssim, of_pairs

MakeVolumes = Callable[..., np.ndarray]


def noisy_pairs(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three pairs: much alike, somewhat alike, independent."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(3, size, size, size, generator=generator) * 0.4).clamp(-1, 1)
    noise = torch.randn(x.shape, generator=generator) * 0.4
    share = torch.tensor([0.1, 0.6, 1.0]).view(3, 1, 1, 1)
    return x, ((1 - share) * x + share * noise).clamp(-1, 1)


def monai_ms_ssim(x: torch.Tensor, y: torch.Tensor, protocol: MsSsimProtocol) -> torch.Tensor:
    from monai.metrics import MultiScaleSSIMMetric

    metric = MultiScaleSSIMMetric(
        spatial_dims=3,
        data_range=protocol.data_range,
        kernel_size=protocol.kernel,
        kernel_sigma=protocol.sigma,
        weights=protocol.weights,
        reduction="none",
    )
    return metric(x[:, None], y[:, None]).flatten()


@pytest.mark.parametrize(
    ("size", "key"),
    [
        (8, "ms_ssim_3d_L1_k7_s1.5_dr2"),
        (32, "ms_ssim_3d_L3_k7_s1.5_dr2"),
        (111, "ms_ssim_3d_L3_k7_s1.5_dr2"),
        (128, "ms_ssim_3d_L5_k7_s1.5_dr2"),
    ],
)
def test_protocol_of_a_size(size: int, key: str) -> None:
    protocol = MsSsimProtocol.of_size(size)
    assert protocol.key == key
    assert sum(protocol.weights) == pytest.approx(1)


def test_smaller_than_the_kernel_is_refused() -> None:
    with pytest.raises(UsageError, match=r"ct\.size is 6"):
        MsSsimProtocol.of_size(6)


def test_equals_monai_at_32() -> None:
    x, y = noisy_pairs(32)
    protocol = MsSsimProtocol.of_size(32)
    ours = ms_ssim(x, y, protocol)
    torch.testing.assert_close(ours, monai_ms_ssim(x, y, protocol), rtol=0, atol=1e-4)
    assert ours[0] > 0.9 > ours[1] > 0.3 > ours[2] > 0


@pytest.mark.slow
def test_equals_monai_at_128() -> None:
    x, y = noisy_pairs(128)
    protocol = MsSsimProtocol.of_size(128)
    expected = monai_ms_ssim(x, y, protocol)
    torch.testing.assert_close(ms_ssim(x, y, protocol), expected, rtol=0, atol=1e-4)


def test_one_scale_equals_monai_ssim() -> None:
    from monai.metrics import SSIMMetric

    x, y = noisy_pairs(16)
    metric = SSIMMetric(spatial_dims=3, data_range=2.0, win_size=7, reduction="none")
    expected = metric(x[:, None], y[:, None]).flatten()
    torch.testing.assert_close(ms_ssim(x, y, MsSsimProtocol(1)), expected, rtol=0, atol=1e-4)


def test_identical_volumes_score_one_and_order_does_not_matter() -> None:
    x, y = noisy_pairs(32)
    protocol = MsSsimProtocol.of_size(32)
    torch.testing.assert_close(ms_ssim(x, x, protocol), torch.ones(3), rtol=0, atol=1e-6)
    torch.testing.assert_close(ms_ssim(x, y, protocol), ms_ssim(y, x, protocol))


def test_constant_volumes_differ_by_luminance_of_the_last_scale_alone() -> None:
    protocol = MsSsimProtocol.of_size(32)
    a, b = torch.full((1, 32, 32, 32), 0.5), torch.full((1, 32, 32, 32), -0.25)
    opposite = ms_ssim(a, b, protocol)
    assert opposite.item() == 0  # negative luminance is cut
    c1 = 0.02**2
    luminance = (2 * 0.5 * 0.25 + c1) / (0.5**2 + 0.25**2 + c1)
    expected = luminance ** protocol.weights[-1]
    assert ms_ssim(a, -b, protocol).item() == pytest.approx(expected, abs=1e-4)


def test_pairs_in_batches_equal_pairs_one_by_one(
    smooth: MakeVolumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = smooth(4, 32)
    pairs = Pairs(np.array([0, 0, 1, 2, 3]), np.array([1, 2, 3, 3, 3]))
    protocol = MsSsimProtocol.of_size(32)
    together = of_pairs(images, pairs, protocol, "test")
    monkeypatch.setattr("syda.metrics.ms_ssim._VOXELS_AT_ONCE", 2 * 32**3)
    np.testing.assert_allclose(of_pairs(images, pairs, protocol, "test"), together, atol=1e-6)
    assert together[-1] == pytest.approx(1)


def test_mode_loss_raises_the_figure_above_real_and_noise_lowers_it(
    smooth: MakeVolumes, as_cohort: Callable[..., Cohort]
) -> None:
    real = {"train": as_cohort("train", smooth(6, 32, seed=1))}
    metric = MsSsimDiversity(MetricContext(VoxelGrid(32, -1000, 1000)))
    sampling = Sampling(0, 10, 100)
    copies = as_cohort("synthetic", np.repeat(smooth(1, 32, seed=2), 6, axis=0))
    collapsed = metric.measure(Cohorts(copies, real), sampling)["train"].summary()
    assert collapsed["synthetic"] == pytest.approx(1)
    assert collapsed["difference_low"] > 0
    rng = np.random.default_rng(3)
    noise = (smooth(6, 32, seed=2) + rng.normal(0, 0.2, (6, 32, 32, 32))).astype(np.float32)
    noisy = metric.measure(Cohorts(as_cohort("synthetic", noise), real), sampling)["train"]
    assert noisy.summary()["difference_high"] < 0
    assert noisy.summary()["n_synthetic"] == 10
    assert len(noisy.synthetic.listing) == 10
