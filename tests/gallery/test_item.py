import base64
import gzip

import numpy as np
import pytest

from syda.gallery import item
from syda.gallery.item import DisplayScale
from syda.types import Volume


def unpacked(one, scale):
    """Voxels ``[i, j, k]`` in HU, as the page has them."""
    planes = np.frombuffer(gzip.decompress(base64.b64decode(one.voxels)), np.uint8)
    low, high = planes.reshape(2, -1).astype(int)
    counts = low + 256 * high
    return scale.low + scale.step * counts.reshape(one.shape[::-1]).transpose(2, 1, 0)


@pytest.mark.parametrize("step", [1, 4, 7])
def test_voxels_are_rounded_to_the_step_and_cut_at_the_bounds(description, step):
    scale = DisplayScale(-1000, 1000, step)
    hu = np.random.default_rng(0).integers(-890, 1500, (5, 6, 7)).astype(np.int16)
    one = item.synthetic(Volume(hu, np.diag([2.0, 3.0, 4.0, 1.0])), description, scale)
    assert one.shape == (5, 6, 7)
    assert one.spacing == (2, 3, 4)
    assert one.size_mm == (10, 18, 28)
    error = unpacked(one, scale) - hu.clip(-1000, 1000)
    assert np.abs(error).max() <= step / 2
    assert (unpacked(one, scale) - scale.low).max() % step == 0


def test_planes_of_air_are_cropped(blocks, description, scale):
    padded = np.pad(blocks.hu, 3, constant_values=-1000)
    padded[0, 0, 0] = -950
    one = item.synthetic(Volume(padded, blocks.affine), description, scale)
    assert one.shape == blocks.hu.shape
    assert np.array_equal(unpacked(one, scale), blocks.hu)


def test_the_same_volume_gives_the_same_bytes(blocks, description, scale):
    assert item.synthetic(blocks, description, scale) == item.synthetic(blocks, description, scale)


def test_a_synthetic_volume_lists_requested_and_measured_properties(blocks, description, scale):
    one = item.synthetic(blocks, description, scale)
    assert one.kind == "synthetic"
    assert one.name == "Seed 3"
    assert one.facts == ("Seed 3, truncation 0.7", "Weights 0123456789ab", "Voxel 8 mm")
    assert one.columns == ("Property", "Requested", "Measured")
    assert one.rows == (
        ("body width", "330 mm", "318.2 mm"),
        ("fat share", "–", "25 %"),
        ("noise", "–", "–"),
        ("sex", "F", "–"),
        ("voxel", "–", "8 mm"),
    )


def test_a_real_scan_lists_its_pseudonym_split_and_properties(blocks, scale):
    facts = {"body_width_mm": 310.0, "noise_hu": None, "sex": "M", "kvp": 120.0, "contrast": False}
    one = item.real(blocks, "c0", "holdout", facts, scale)
    assert one.kind == "real"
    assert one.name == "Case c0"
    assert one.facts == ("Case c0", "Split holdout", "Voxel 8 mm")
    assert one.rows == (
        ("body width", "310 mm"),
        ("sex", "M"),
        ("tube voltage", "120 kV"),
        ("contrast", "no"),
    )
