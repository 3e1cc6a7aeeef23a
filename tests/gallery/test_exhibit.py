import base64
import gzip

import numpy as np
import pytest

from syda.gallery import exhibit
from syda.gallery.exhibit import Scale
from syda.types import Volume


def unpacked(one, scale):
    """Voxels ``[i, j, k]`` in HU, as the page has them."""
    planes = np.frombuffer(gzip.decompress(base64.b64decode(one.voxels)), np.uint8)
    low, high = planes.reshape(2, -1).astype(int)
    counts = low + 256 * high
    return scale.low + scale.step * counts.reshape(one.shape[::-1]).transpose(2, 1, 0)


@pytest.mark.parametrize("step", [1, 4, 7])
def test_voxels_are_rounded_to_the_step_and_cut_at_the_bounds(told, step):
    scale = Scale(-1000, 1000, step)
    hu = np.random.default_rng(0).integers(-890, 1500, (5, 6, 7)).astype(np.int16)
    one = exhibit.synthetic(Volume(hu, np.diag([2.0, 3.0, 4.0, 1.0])), told, scale)
    assert one.shape == (5, 6, 7)
    assert one.spacing == (2, 3, 4)
    assert one.size_mm == (10, 18, 28)
    error = unpacked(one, scale) - hu.clip(-1000, 1000)
    assert np.abs(error).max() <= step / 2
    assert (unpacked(one, scale) - scale.low).max() % step == 0


def test_planes_of_air_are_left_out(blocks, told, scale):
    padded = np.pad(blocks.hu, 3, constant_values=-1000)
    padded[0, 0, 0] = -950
    one = exhibit.synthetic(Volume(padded, blocks.affine), told, scale)
    assert one.shape == blocks.hu.shape
    assert np.array_equal(unpacked(one, scale), blocks.hu)


def test_the_same_volume_gives_the_same_bytes(blocks, told, scale):
    assert exhibit.synthetic(blocks, told, scale) == exhibit.synthetic(blocks, told, scale)


def test_beside_a_synthetic_volume_stands_what_was_asked_and_what_is_measured(blocks, told, scale):
    one = exhibit.synthetic(blocks, told, scale)
    assert one.kind == "synthetic"
    assert one.name == "Seed 3"
    assert one.facts == ("Seed 3, truncation 0.7", "Weights 0123456789ab", "Voxel 8 mm")
    assert one.columns == ("Property", "Asked", "Measured")
    assert one.rows == (
        ("body width", "330 mm", "318.2 mm"),
        ("fat share", "–", "25 %"),
        ("noise", "–", "–"),
        ("sex", "F", "–"),
        ("voxel", "–", "8 mm"),
    )


def test_beside_a_real_scan_stand_its_pseudonym_its_split_and_what_is_known(blocks, scale):
    facts = {"body_width_mm": 310.0, "noise_hu": None, "sex": "M", "kvp": 120.0, "contrast": False}
    one = exhibit.real(blocks, "c0", "holdout", facts, scale)
    assert one.kind == "real"
    assert one.name == "Case c0"
    assert one.facts == ("Case c0", "Split holdout", "Voxel 8 mm")
    assert one.rows == (
        ("body width", "310 mm"),
        ("sex", "M"),
        ("tube voltage", "120 kV"),
        ("contrast", "no"),
    )
