import numpy as np
import pytest
from scipy import ndimage

from abdomens import GRID, abdomens
from syda.metrics.alignment import WINDOW_HU, AlignmentReference, aligned_halves, fit_reference


@pytest.fixture(scope="module")
def hu() -> np.ndarray:
    """An abdomen, ``[32, 32, 32]`` HU."""
    return abdomens(1, seed=3)[0].astype(np.float64) * GRID.hu_per_unit


@pytest.fixture(scope="module")
def reference(hu: np.ndarray) -> AlignmentReference:
    return fit_reference([hu])


def moved_and_scaled(hu: np.ndarray, shift: list[float], scale: list[float]) -> np.ndarray:
    middle = (len(hu) - 1) / 2
    offset = middle - np.array(scale) * middle + np.array(shift)
    return ndimage.affine_transform(hu, scale, offset, order=1, cval=-1000)


def change(volume: np.ndarray, reference: AlignmentReference) -> float:
    """Largest change that is left, as share of the window."""
    return float(np.abs(aligned_halves(volume, reference).mean(axis=0) - reference.image).max())


def test_the_reference_of_one_volume_is_that_volume(
    hu: np.ndarray, reference: AlignmentReference
) -> None:
    assert reference.image.shape == (16, 16, 16)
    assert change(hu, reference) < 1e-3


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param(lambda hu: np.roll(hu, (2, -3, 1), (0, 1, 2)), id="shift"),
        pytest.param(lambda hu: hu + 70, id="offset"),
        pytest.param(lambda hu: 1.2 * hu - 40, id="gain"),
    ],
)
def test_shift_offset_and_gain_are_removed(
    altered, hu: np.ndarray, reference: AlignmentReference
) -> None:
    assert change(altered(hu), reference) < 0.02


def test_scale_is_removed_to_the_blur_of_interpolation(
    hu: np.ndarray, reference: AlignmentReference
) -> None:
    scaled = moved_and_scaled(hu, [0.7, -1.2, 0.4], [0.9, 1.15, 1.05])
    assert change(scaled, reference) < 0.12
    assert np.abs(aligned_halves(scaled, reference) - reference.image).mean() < 0.01


def test_an_organ_elsewhere_is_not_removed(hu: np.ndarray, reference: AlignmentReference) -> None:
    changed = hu.copy()
    changed[14:19, 12:17, 12:17] = -100
    changed[14:19, 12:17, 18:23] = 200
    assert change(changed, reference) > 0.3


def test_the_halves_share_anatomy_and_no_noise(
    hu: np.ndarray, reference: AlignmentReference
) -> None:
    smooth = ndimage.gaussian_filter(hu, 1)
    first, second = aligned_halves(smooth, fit_reference([smooth]))
    np.testing.assert_allclose(first, second, atol=0.02)
    rng = np.random.default_rng(0)
    noise = np.array(
        [aligned_halves(hu + rng.normal(0, 60, hu.shape), reference) for _ in range(6)]
    )
    noise -= noise.mean(axis=0)
    first, second = noise[:, 0].ravel(), noise[:, 1].ravel()
    assert first.std() > 0.005
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2


def test_hu_beyond_the_window_count_as_its_ends(
    hu: np.ndarray, reference: AlignmentReference
) -> None:
    clipped = np.clip(hu, *WINDOW_HU)
    assert change(clipped, reference) < 0.02


@pytest.mark.parametrize("value", [-1000.0, 40.0, 1000.0])
def test_a_volume_without_anatomy_has_finite_halves(
    value: float, reference: AlignmentReference
) -> None:
    assert np.isfinite(aligned_halves(np.full((32, 32, 32), value), reference)).all()
