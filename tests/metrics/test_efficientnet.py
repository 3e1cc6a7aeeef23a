import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from syda.errors import CorruptData
from syda.metrics import efficientnet
from syda.metrics.cohorts import VoxelGrid
from syda.metrics.efficientnet import (
    FEATURE_LAYERS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    EfficientNetFeatures,
    normalised,
)
from syda.metrics.slices import PLANES, SliceCut, SliceSampler

GRID = VoxelGrid(16, -1000, 1000)
MakeVolumes = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def extractor() -> EfficientNetFeatures:
    """The network, loaded without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return EfficientNetFeatures(GRID)


def test_the_ids_are_those_of_the_definitions(extractor: EfficientNetFeatures) -> None:
    # Golden: a changed definition is another space, and these lines are changed on purpose.
    assert extractor.map_space == "imagenet-efflite0-8df8ead7"
    assert extractor.space == "imagenet-efflite0-04282aff"
    assert EfficientNetFeatures(VoxelGrid(32, -1000, 1000)).space != extractor.space


def test_embedded_volumes_are_as_far_apart_as_the_perceptual_distance_says(
    extractor: EfficientNetFeatures, smooth: MakeVolumes
) -> None:
    images = smooth(3, 16)
    vectors = extractor.embed(images)
    np.testing.assert_allclose(
        torch.cdist(vectors, vectors).square(), extractor.extract(images).distances, atol=1e-4
    )
    torch.testing.assert_close(extractor.embed(images[1:2])[0], vectors[1])


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(CorruptData, match="not the pinned weights"):
        EfficientNetFeatures(GRID)


def test_slices_are_windowed_normalised_and_turned_for_display() -> None:
    volume = torch.full((1, 16, 16, 16), (-200 + 1000) / 1000 - 1)  # -200 HU: black
    volume[0, :, 8:, 8:] = (400 + 1000) / 1000 - 1  # 400 HU, anterior and right: white
    image = normalised(SliceSampler(GRID).grey(volume, SliceCut("axial", 8)))
    assert image.shape == (1, 3, 96, 96)
    for channel in range(3):
        mean, std = IMAGENET_MEAN[channel], IMAGENET_STD[channel]
        corners = image[0, channel, [0, 0, -1], [0, -1, 0]].tolist()
        black = -mean / std
        assert corners == pytest.approx([(1 - mean) / std, black, black], abs=1e-4)


def test_each_plane_cuts_another_axis() -> None:
    volume = torch.full((1, 16, 16, 16), -1.0)
    volume[0, 5] = 1
    sampler = SliceSampler(GRID)
    assert [cut.plane for cut in sampler.cuts()[::8]] == list(PLANES)
    axial, *others = (sampler.grey(volume, SliceCut(plane, 5)).mean() for plane in PLANES)
    assert axial == 1
    assert others[0] == others[1] < 0.2


def test_maps_are_unit_vectors_of_the_known_layers(extractor: EfficientNetFeatures) -> None:
    generator = torch.Generator().manual_seed(0)
    volumes = torch.rand(2, 16, 16, 16, generator=generator) - 0.5
    with torch.inference_mode():
        maps, last = extractor.slice_features(volumes, SliceCut("axial", 8))
    assert [tuple(layer.shape[1:]) for layer in maps] == [
        (channels, 96 >> level, 96 >> level)
        for level, channels in enumerate(FEATURE_LAYERS.values(), start=1)
    ]
    assert last.shape == (2, 1280)
    for layer in maps:
        torch.testing.assert_close(layer.norm(dim=1), torch.ones_like(layer[:, 0]))


def test_vectors_are_the_classifiers_input_averaged_over_each_planes_slices(
    extractor: EfficientNetFeatures, smooth: MakeVolumes
) -> None:
    images = smooth(2, 16)
    vectors = extractor.extract(images).vectors
    expected = []
    with torch.inference_mode():
        for start in range(0, 24, 8):
            heads = [
                extractor._network.extract_features(
                    normalised(extractor.slices.grey(torch.from_numpy(images), cut))
                )
                for cut in extractor.slices.cuts()[start : start + 8]
            ]
            expected.append(torch.stack(heads).mean(dim=(0, 3, 4)))
    np.testing.assert_allclose(vectors, torch.cat(expected, dim=1), atol=1e-5)


def test_a_volumes_vector_does_not_depend_on_the_others(
    extractor: EfficientNetFeatures, smooth: MakeVolumes
) -> None:
    images = smooth(5, 16)
    alone, all_of_them = (extractor.extract(some).vectors for some in (images[3:4], images))
    np.testing.assert_allclose(alone, all_of_them[3:4], atol=1e-5)


def test_the_same_arrays_pass_the_network_once(
    extractor: EfficientNetFeatures, smooth: MakeVolumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = smooth(4, 16)
    parts = images[:1], images[1:]
    first = extractor.extract(*parts)
    np.testing.assert_array_equal(first.vectors, extractor.extract(images).vectors)
    extractor.extract(*parts)
    monkeypatch.setattr(EfficientNetFeatures, "_run", lambda *_: "run")
    assert extractor.extract(*parts).vectors.shape == (4, 3840)
    assert extractor.extract(parts[0]) == "run"


def test_distances_are_symmetric_and_zero_between_equal_volumes(
    extractor: EfficientNetFeatures, smooth: MakeVolumes
) -> None:
    matrix = extractor.extract(smooth(3, 16)[[0, 1, 2, 0]]).distances
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(matrix.diagonal(), 0)
    assert matrix[0, 3] == pytest.approx(0, abs=1e-5)
    assert matrix[0, 1] > 0.01


def test_the_matrix_product_equals_the_definition(
    extractor: EfficientNetFeatures, smooth: MakeVolumes
) -> None:
    images = smooth(2, 16)
    terms = []
    with torch.inference_mode():
        for cut in extractor.slices.cuts():
            maps, _ = extractor.slice_features(torch.from_numpy(images), cut)
            terms += [(one[0] - one[1]).square().sum(dim=0).mean().item() for one in maps]
    assert extractor.extract(images).distances[0, 1] == pytest.approx(np.mean(terms), abs=1e-5)
