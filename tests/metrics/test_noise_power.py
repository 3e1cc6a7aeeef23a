from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid
from syda.metrics.metric import MetricContext
from syda.metrics.noise_power import (
    ROUNDING,
    NoisePower,
    bands,
    blocks,
    decibels,
    detrended,
    log_spectral_distance,
    noise_power,
)

MakeCohort = Callable[..., Cohort]
GRID = VoxelGrid(16, -1000, 1000)
SAMPLING = Sampling(0, 10, 200)


@pytest.mark.parametrize("side", [4, 8])
def test_the_mean_over_a_spectrum_is_the_variance(side: int) -> None:
    """Parseval; places in no band hold the mean, which the trend took."""
    found = np.random.default_rng(0).normal(50, 20, (7, side, side))
    places = np.bincount(bands(side).ravel())[1:]
    total = (noise_power(found) * places).sum(axis=1) / side**2
    assert places.sum() == side**2 - 1
    np.testing.assert_allclose(total, detrended(found).var(axis=(1, 2)))


def test_white_noise_is_flat_at_its_variance() -> None:
    found = np.random.default_rng(1).normal(50, 12, (20000, 8, 8))
    spectrum = noise_power(found).mean(axis=0)
    np.testing.assert_allclose(spectrum[1:], 144, rtol=0.04)
    # of a plane two directions are the trend's, nearly all of it in the first band of eight places
    assert spectrum[0] < 144 * 0.9


def test_one_wave_is_one_band() -> None:
    row = 10 * np.cos(2 * np.pi * 2 * np.arange(8) / 8)
    spectrum = noise_power(np.broadcast_to(row, (1, 8, 8)))[0]
    places = np.bincount(bands(8).ravel())[1:]
    assert np.argmax(spectrum) == 1
    flat = row - np.polyval(np.polyfit(np.arange(8), row, 1), np.arange(8))
    assert (spectrum * places).sum() / 64 == pytest.approx(flat.var())


def test_a_plane_has_no_noise() -> None:
    y, x = np.mgrid[:8, :8]
    np.testing.assert_allclose(noise_power((40 + 3 * x - 2.0 * y)[None]), 0, atol=1e-20)


def test_blocks_are_those_whose_quarters_are_soft() -> None:
    hu = np.full((2, 16, 16), 50.0)
    hu[0, :, 12:] = -100  # fat
    hu[1] = -1000
    assert len(blocks(hu, 8)) == 3 * 2  # three rows of blocks that end before the fat
    assert len(blocks(np.full((1, 17, 17), 50.0), 8)) == 9
    rng = np.random.default_rng(2)
    noisy = blocks(50 + rng.normal(0, 60, (1, 64, 64)), 8)  # single voxels are far from soft
    assert len(noisy) > 150  # of 225


def tissue(count: int, seed: int, sd: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hu = 60 + sd * rng.standard_normal((count, 16, 16, 16))
    return (hu / 1000).astype(np.float32)


def test_twice_the_noise_is_six_decibels() -> None:
    """But for the variance of rounding, which is added to both."""
    one, two = (decibels(tissue(3, 0, sd), GRID, 4, "test") for sd in (10.0, 20.0))
    np.testing.assert_allclose(two - one, 20 * np.log10(2), atol=0.2)
    none = decibels(tissue(3, 0, 0), GRID, 4, "test")
    np.testing.assert_allclose(none, 10 * np.log10(ROUNDING), atol=1e-6)


def test_a_distance_by_hand() -> None:
    first, second = np.array([1.0, 2.0]), np.array([[4.0, 6.0], [1.0, 2.0]])
    assert log_spectral_distance(first, second) == pytest.approx([np.sqrt((9 + 16) / 2), 0])


def test_noise_and_blur_are_above_the_floor_and_in_their_direction(
    as_cohort: MakeCohort,
) -> None:
    real = {
        "train": as_cohort("train", tissue(6, 1, 8)),
        "holdout": as_cohort("holdout", tissue(6, 2, 8)),
    }

    def measure(images: np.ndarray) -> tuple[dict[str, float | int], dict[str, float]]:
        cohorts = Cohorts(as_cohort("synthetic", images), real)
        figure = NoisePower(MetricContext(GRID)).measure(cohorts, SAMPLING)["holdout"]
        return figure.summary(), figure.synthetic.spread

    same, _ = measure(tissue(6, 3, 8))
    assert same["synthetic"] < 0.3
    assert same["difference_low"] < 0 < same["difference_high"]
    noise, louder = measure(tissue(6, 3, 16))
    assert noise["synthetic"] == pytest.approx(20 * np.log10(2), abs=0.2)
    assert noise["difference_low"] > 0
    assert all(louder[f"dB_band_{band}"] > 5 for band in (1, 2, 3))
    sharp = tissue(6, 3, 8)
    soft = (sharp + np.roll(sharp, 1, axis=3)) / 2
    blur, quieter = measure(soft)
    assert blur["difference_low"] > 0
    assert quieter["dB_band_3"] < quieter["dB_band_1"] < 0


def test_without_soft_tissue_there_is_no_figure(as_cohort: MakeCohort) -> None:
    air = np.full((3, 16, 16, 16), -1, np.float32)
    real = {split: as_cohort(split, tissue(3, 1, 8)) for split in ("train", "holdout")}
    assert np.isnan(decibels(air, GRID, 4, "test")).all()
    assert (
        NoisePower(MetricContext(GRID)).measure(
            Cohorts(as_cohort("synthetic", air), real), SAMPLING
        )
        == {}
    )


@pytest.mark.parametrize(("size", "side"), [(16, 4), (32, 4), (64, 8), (128, 8)])
def test_the_block_is_in_the_key(size: int, side: int) -> None:
    metric = NoisePower(MetricContext(VoxelGrid(size, -1000, 1000)))
    assert metric.key == f"noise_power_lsd_b{side}"
