import warnings

import pytest
import torch

from syda.errors import CorruptData
from syda.metrics import feature_space
from syda.metrics.cohorts import Grid
from syda.metrics.feature_space import IMAGENET_MEAN, IMAGENET_STD, TAPS, FeatureSpace
from syda.metrics.slices import PLANES, Slice

GRID = Grid(16, -1000, 1000)


@pytest.fixture(scope="module")
def space() -> FeatureSpace:
    return FeatureSpace(GRID)


def test_the_id_is_that_of_the_definition(space: FeatureSpace) -> None:
    # Golden: a changed definition is another space, and this line is changed on purpose.
    assert space.id == "imagenet-efflite0-8df8ead7"
    assert space.vector_id == "imagenet-efflite0-04282aff"
    assert FeatureSpace(Grid(32, -1000, 1000)).id != space.id
    assert FeatureSpace(Grid(16, -1000, 1000)).id == space.id


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_space, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(CorruptData, match="not the weights"):
        FeatureSpace(GRID)


def test_slices_are_evenly_placed_in_three_planes(space: FeatureSpace) -> None:
    cuts = space.slices()
    assert [cut.plane for cut in cuts[::8]] == ["axial", "coronal", "sagittal"]
    assert [cut.position for cut in cuts[:8]] == [1, 3, 5, 7, 9, 11, 13, 15]


def test_images_are_windowed_normalised_and_turned_for_display(space: FeatureSpace) -> None:
    volume = torch.full((1, 16, 16, 16), (-200 + 1000) / 1000 - 1)  # -200 HU: black
    volume[0, :, 8:, 8:] = (400 + 1000) / 1000 - 1  # 400 HU, anterior and right: white
    image = space.images(volume, Slice("axial", 8))
    assert image.shape == (1, 3, 96, 96)
    for channel in range(3):
        mean, std = IMAGENET_MEAN[channel], IMAGENET_STD[channel]
        assert image[0, channel, 0, 0].item() == pytest.approx((1 - mean) / std, abs=1e-4)
        assert image[0, channel, 0, -1].item() == pytest.approx(-mean / std, abs=1e-4)
        assert image[0, channel, -1, 0].item() == pytest.approx(-mean / std, abs=1e-4)


def test_each_plane_cuts_its_own_axis(space: FeatureSpace) -> None:
    volume = torch.full((1, 16, 16, 16), -1.0)
    volume[0, 5] = 1
    inside = [space.images(volume, Slice(plane, 5)).mean() for plane in PLANES]
    assert inside[0] > inside[1]
    assert inside[1] == pytest.approx(inside[2].item())


def test_features_are_unit_vectors_of_the_known_maps(space: FeatureSpace) -> None:
    generator = torch.Generator().manual_seed(0)
    volumes = torch.rand(2, 16, 16, 16, generator=generator) - 0.5
    with torch.inference_mode():
        features = space.features(volumes, Slice("axial", 8))
    assert [tuple(t.shape[1:]) for t in features.taps] == [
        (channels, 96 >> level, 96 >> level)
        for level, channels in enumerate(TAPS.values(), start=1)
    ]
    assert features.head.shape == (2, 1280)
    for maps in features.taps:
        torch.testing.assert_close(maps.norm(dim=1), torch.ones_like(maps[:, 0]))


def test_loading_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FeatureSpace(GRID)
