"""Vertebrae in planted spines, in phantoms, and in the mean of phantoms."""

import numpy as np
import pytest

from abdomens import GRID, abdomens
from degraded import blurred, noisy
from syda.metrics.anatomy import measure
from syda.metrics.anatomy_rules import AnatomyRule
from syda.metrics.utility_inputs import resized_mean
from syda.metrics.vertebrae import FINE, PERIOD, WINDOW, vertebrae

WIDTH = 52
"""Of the planted body, voxels."""


def planted(period: float, contrast: float = 100.0, bend: float = 0.0) -> np.ndarray:
    """A box of fat with a spine: ``[64, 64, 64]`` HU.

    Args:
        period: of bone along k, widths of the body.
        contrast: root mean square of it, HU.
        bend: largest move of the spine to the front, voxels.
    """
    k, j, i = np.indices((64, 64, 64))
    hu = np.where((k >= 8) & (k < 56) & (abs(j - 31.5) < 18) & (abs(i - 31.5) < 26), -100.0, -1000)
    bone = 300 + np.sqrt(2) * contrast * np.cos(2 * np.pi * (k - 8) / (period * WIDTH))
    front = np.rint(bend * np.sin(np.pi * (k - 8) / 48))
    return np.where((hu > -500) & (abs(j - 22 - front) <= 4) & (abs(i - 31.5) < 5), bone, hu)


@pytest.fixture(scope="module")
def scans() -> np.ndarray:
    return abdomens(24, 1)


def passing(images: np.ndarray) -> int:
    """Volumes that pass the rule."""
    (rule,) = (spec for spec in AnatomyRule.SPECS if spec.key.startswith("anatomy_vertebrae"))
    return sum(rule.holds(measure(image * GRID.hu_per_unit)) for image in images.astype(float))


@pytest.mark.parametrize("contrast", [20.0, 100.0])
def test_contrast_is_the_root_mean_square_of_bone(contrast: float) -> None:
    regularity, found = vertebrae(planted(0.1, contrast))
    assert found == pytest.approx(contrast, rel=0.1)
    assert regularity > 0.9


@pytest.mark.parametrize("period", [PERIOD[0] / 2, PERIOD[1] * 2])
def test_bone_that_alternates_at_another_period_has_little_contrast(period: float) -> None:
    assert vertebrae(planted(period))[1] < 0.3 * vertebrae(planted(0.1))[1]


def test_a_bent_spine_has_the_figures_of_a_straight_one() -> None:
    assert vertebrae(planted(0.1, bend=5)) == pytest.approx(vertebrae(planted(0.1)), rel=0.1)


def test_a_finer_cube_is_measured_on_the_fine_grid() -> None:
    hu = planted(0.1)
    assert len(hu) == FINE
    finer = hu.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    assert vertebrae(finer) == pytest.approx(vertebrae(hu))


def test_a_body_shorter_than_a_window_or_too_narrow_has_none() -> None:
    hu = planted(0.1)
    hu[8 + round(WINDOW * WIDTH) :] = -1000
    assert vertebrae(hu) == (0, 0)
    assert vertebrae(planted(0.1)[::4, ::4, ::4]) == (0, 0)


def test_four_slices_of_a_fine_cube_are_padding() -> None:
    hu = planted(0.1)
    hu[12:] = -1000
    assert vertebrae(hu) == (0, 0)


@pytest.mark.slow
def test_phantoms_pass_and_their_mean_fails_resized_and_with_noise(scans: np.ndarray) -> None:
    zoom = np.exp(np.random.default_rng(0).uniform(-0.2, 0.2, (12, 2)))
    template = resized_mean(scans, zoom)
    assert passing(scans) >= 22
    assert passing(scans.mean(axis=0, keepdims=True)) == 0
    assert passing(template) == passing(noisy(template, 0.02)) == 0
    assert passing(blurred(blurred(scans))) == 0
