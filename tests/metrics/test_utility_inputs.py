import numpy as np
import pytest

from syda.metrics.cohorts import Floats, Images, VoxelGrid
from syda.metrics.utility_inputs import features, resized_mean

GRID = VoxelGrid(16, -1000, 1000)


@pytest.mark.parametrize(
    ("hu", "bands"),
    [
        (-1000, [0, 0, 0, 0]),
        (-595, [0.5, 0, 0, 0]),
        (-110, [1, 0.5, 0, 0]),
        (60, [1, 1, 0.5, 0]),
        (1000, [1, 1, 1, 1]),
    ],
)
def test_features_are_the_filled_part_of_each_band(hu: float, bands: list[float]) -> None:
    found = features(np.full((2, 16, 16, 16), hu / 1000, np.float32), GRID)
    np.testing.assert_allclose(found[0].reshape(4, -1), np.tile(np.c_[bands], 512), atol=1e-6)


def test_a_window_without_bone_has_three_bands() -> None:
    grid = VoxelGrid(16, -1000, 150)
    assert features(np.zeros((1, 16, 16, 16), np.float32), grid).shape == (1, 3 * 512)


def extents(image: Images) -> Floats:
    """Sum of a volume's middle lines along k, j and i, above air."""
    middle = image[7:9, 7:9], image[7:9, :, 7:9], image[:, 7:9, 7:9]
    return np.array([(line + 1).sum() / 4 for line in reversed(middle)])


def test_the_mean_scan_is_resized_about_its_centre() -> None:
    image = np.full((1, 16, 16, 16), -1, np.float32)
    image[0, 5:11, 6:10, 4:12] = 0
    same, wider = resized_mean(image, np.array([[1.0, 1.0], [1.5, 0.5]]))
    np.testing.assert_allclose(same, image[0])
    np.testing.assert_allclose(extents(wider) / extents(same), [0.5, 1.5, 1.5], rtol=0.02)
    np.testing.assert_allclose(wider, wider[::-1, ::-1, ::-1], atol=1e-6)
