import numpy as np
import pytest

from syda.dicom import cross_section, enhancement
from syda.types import Volume


def scan(hu, spacing, *, size_mm=(300, 200, 150), noise=10.0):
    """An ellipse of tissue in air: one half at 40 HU, a share of the other at ``hu``."""
    shape = [round(side / step) for side, step in zip(size_mm, spacing, strict=True)]
    x, y = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:2]), indexing="ij")
    tissue = np.where(x > 0, hu, 40.0)
    plane = np.where(x**2 + y**2 < 0.8, tissue, -1000.0)
    volume = np.repeat(plane[..., None], shape[2], axis=2)
    volume += np.random.default_rng(0).normal(0, noise, shape)
    return Volume(volume.round().astype(np.int16), np.diag([*spacing, 1.0]))


def share(volume):
    return enhancement.enhanced_share(*enhancement.averaged(volume))


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.0), (0.98, 0.98, 5.0), (3, 3, 3), (2.4, 2.4, 7)])
def test_half_of_the_tissue_is_enhanced_at_any_spacing(spacing):
    assert share(scan(140, spacing)) == pytest.approx(0.5, abs=0.06)
    assert share(scan(55, spacing)) == 0.0


def test_the_bounds_of_the_verdict():
    found = [enhancement.is_enhanced(x) for x in (None, 0.0, 0.05, 0.1, 0.2, 0.9)]
    assert found == [None, False, False, None, True, True]


def test_uneven_and_dense_tissue_is_not_measured():
    assert share(scan(140, (3, 3, 3), noise=60)) is None
    assert share(scan(900, (3, 3, 3))) == 0.0


@pytest.mark.parametrize("shape", [(12, 10, 8), (1, 1, 1), (40, 40, 2), (4, 400, 400)])
def test_a_volume_of_too_few_cubes_has_no_share(shape):
    volume = Volume(np.full(shape, 40, np.int16), np.diag([1.0, 1.0, 1.0, 1.0]))
    assert share(volume) is None


def test_a_trunk_a_head_and_two_legs_by_their_cross_section():
    def area(volume):
        return cross_section.cross_section_mm2(*enhancement.averaged(volume))

    trunk = scan(40, (1, 1, 5))
    exact = 0.8 * np.pi / 4 * 300 * 200
    assert area(trunk) == pytest.approx(exact, rel=0.03)
    assert not cross_section.is_narrow(area(trunk))
    assert cross_section.is_narrow(area(scan(40, (1, 1, 5), size_mm=(180, 210, 150))))
    leg = scan(40, (1, 1, 5), size_mm=(180, 200, 150)).hu
    both = Volume(np.concatenate([leg, leg]), trunk.affine)
    assert cross_section.is_narrow(area(both))
    assert not cross_section.is_narrow(None)
