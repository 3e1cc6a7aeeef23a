"""Known tissue at known places, in patient space: +x right, +y anterior, +z superior."""

import numpy as np
import pytest

from syda.phantom.organs import kidney_centre, liver_centre
from syda.phantom.skeleton import levels


def around(volume, point, reach=6.0):
    """Voxels within ``reach`` mm of a point along each axis."""
    index = np.linalg.inv(volume.affine) @ [*point, 1]
    half = np.maximum(np.round(reach / np.array(volume.spacing)), 1)
    low = np.round(index[:3] - half).astype(int)
    high = np.round(index[:3] + half).astype(int) + 1
    return volume.hu[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(float)


def coordinates(volume):
    """Patient coordinates of the voxel centres along each axis, mm."""
    step, origin = volume.spacing, volume.affine[:3, 3]
    return [origin[n] + step[n] * np.arange(volume.hu.shape[n]) for n in range(3)]


@pytest.fixture(params=["supine", "prone"])
def scanned(request):
    return request.getfixturevalue(request.param)


def test_liver_on_the_right_at_its_hu(scanned):
    subject, volume = scanned
    x, y, z = liver_centre(subject)
    assert x > 0
    assert np.median(around(volume, (x, y, z), 12)) == pytest.approx(subject.tissue.liver, abs=6)


def test_the_right_side_holds_more_soft_tissue_than_the_left(scanned):
    """The liver decides the side without any landmark: compare fat-free tissue of its height."""
    _, volume = scanned
    x, _, _ = coordinates(volume)
    top = slice(volume.hu.shape[2] * 6 // 10, volume.hu.shape[2] * 8 // 10)
    soft = ((volume.hu > 20) & (volume.hu < 110))[:, :, top].sum(axis=(1, 2))
    assert soft[x > 0].sum() > 1.15 * soft[x < 0].sum()


def test_vertebra_has_marrow_in_a_cortical_shell(scanned):
    subject, volume = scanned
    z = levels(subject)[6]
    y = subject.spine_at(z)
    marrow = np.median(around(volume, (0, y, z), 6))
    assert marrow == pytest.approx(subject.tissue.cancellous, abs=45)
    assert 130 < marrow < 320
    shell = around(volume, (0, y, z), 26)
    assert shell.max() > subject.tissue.cancellous + 150


def test_canal_lies_behind_the_vertebra(scanned):
    subject, volume = scanned
    z = levels(subject)[6]
    canal = around(volume, (0, subject.spine_at(z) - 22.5 * subject.organ, z), 2)
    assert -40 < np.median(canal) < 90


def test_kidneys_hold_no_stones(scanned):
    subject, volume = scanned
    for side in (1.0, -1.0):
        x, y, z = kidney_centre(subject, side)
        block = around(volume, (x + side * 3, y + 3, z), 14)
        assert block.max() < 130
        assert block.min() < 0  # fat in the sinus
        cortex = around(volume, (x + side * 16 * subject.organ, y - 4, z), 4)
        assert np.median(cortex) == pytest.approx(subject.tissue.kidney, abs=12)


def test_fat_under_the_skin(scanned):
    subject, volume = scanned
    depth = subject.half_width - 0.55 * subject.fat_side
    z = subject.level
    flank = around(volume, (0.97 * depth, 0, z), 3)
    assert np.median(flank) == pytest.approx(subject.tissue.fat, abs=15)


def test_gas_rises_against_gravity(scanned):
    """Around the stomach, gas lies higher above the table than content and wall."""
    subject, volume = scanned
    x, y, z = coordinates(volume)
    side = (x < -0.15 * subject.cavity_width) & (x > -0.7 * subject.cavity_width)
    level = (z > subject.level + 10) & (z < subject.level + 85)
    depth = (y > subject.spine + 18) & (y < subject.cavity_front - 6)
    block = volume.hu[np.ix_(side, depth, level)]
    height = np.broadcast_to((subject.up * y[depth])[None, :, None], block.shape)
    gas, content = block < -700, (block > 0) & (block < 80)
    assert gas.sum() * np.prod(volume.spacing) > 2000  # mm3
    assert height[gas].mean() > height[content].mean() + 8


def test_the_table_is_below(scanned):
    subject, volume = scanned
    _, y, _ = coordinates(volume)
    outside = subject.half_depth + 8
    below = volume.hu[:, subject.up * y < -outside, :]
    above = volume.hu[:, subject.up * y > outside, :]
    assert below.max() > -450
    assert above.max() < -850


def test_lung_at_the_top_behind(scanned):
    subject, volume = scanned
    top = volume.hu[:, :, -2]
    x, y, _ = coordinates(volume)
    inside = np.abs(y) < 0.8 * subject.half_depth
    lung = (top < -600)[np.ix_(np.abs(x) < 0.6 * subject.half_width, inside)]
    assert lung.sum() > 150


def test_edges_have_partial_volume(supine):
    """Along a line from air into the flank, some voxel lies well between air and skin."""
    _, volume = supine
    j = round((0 - volume.affine[1, 3]) / volume.affine[1, 1])
    lines = volume.hu[:, j, 10:30].astype(float)
    first = np.argmax(lines > -900, axis=0)
    edge = lines[first, np.arange(lines.shape[1])]
    assert ((edge > -850) & (edge < -150)).mean() > 0.4
