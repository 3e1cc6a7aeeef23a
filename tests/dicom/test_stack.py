import numpy as np
import pytest

from syda.dicom import stack
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Irregularity

EVEN = np.arange(6) * 2.0


def points(heights, shear=(0.0, 0.0)):
    return [(-6 + shear[0] * h, -5 + shear[1] * h, 40 + h) for h in heights]


def arrange(slices, fill=False):
    return stack.arrange([CTSlice(ds, ds) for ds in slices], 3, fill)


def test_order_is_by_position_whatever_the_instance_numbers(scan):
    slices = scan(points(EVEN))
    for ds in slices:
        ds.InstanceNumber = 7
    found = arrange([slices[i] for i in (3, 0, 5, 1, 4, 2)])
    assert [s.header for s in found.slices] == slices
    assert found.step == 2.0
    assert found.length == 12.0
    assert found.irregularities == frozenset()


@pytest.mark.parametrize("step", [1 / 3, 0.625, 2.371])
def test_positions_rounded_to_two_decimals_are_regular(scan, step):
    heights = [round(k * step, 2) for k in range(40)]
    found = arrange(scan(points(heights)))
    assert found.irregularities == frozenset()
    assert found.grid_positions.tolist() == list(range(40))
    assert found.step == pytest.approx(step, abs=0.01 / 39)


def test_jitter_of_two_hundredths_is_regular(scan):
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, 6)
    assert arrange(scan(points(EVEN + jitter))).irregularities == frozenset()


@pytest.mark.parametrize("scale", [0.02, 0.3, 1.0])
def test_tolerances_are_shares_of_step_and_pixel(scan, scale):
    """Millimetres would take a gap of half a step for rounding where voxels are small."""
    spacing = (2 * scale, 2 * scale)
    regular, off = EVEN * scale, EVEN * scale + scale * np.array([0, 0, 1, 0, 0, 0])
    positions = [(0, 0.3 * scale * (k % 2), z) for k, z in enumerate(regular)]
    assert arrange(scan(positions, spacing=spacing)).irregularities == frozenset()
    found = arrange(scan([(0, 0, z) for z in off], spacing=spacing))
    assert found.irregularities == {Irregularity.IRREGULAR_SPACING}
    with pytest.raises(InputRejected, match="duplicate_slices: 1 positions"):
        arrange(scan([(0, 0, z) for z in [*regular, regular[2] + 0.02 * scale]], spacing=spacing))


@pytest.mark.parametrize("lost", [[2], [1, 4], [2, 3]])
def test_a_gap_with_room_for_a_slice_means_missing(scan, lost):
    slices = scan(points(np.delete(np.arange(9) * 2.0, lost)))
    for fill in (False, True)[: len(lost)]:
        with pytest.raises(InputRejected, match=f"missing_slices: {len(lost)} missing: gaps 2.00"):
            arrange(slices, fill)


def test_one_missing_slice_may_be_filled(scan):
    found = arrange(scan(points(np.delete(EVEN, 2))), fill=True)
    assert found.irregularities == {Irregularity.MISSING_SLICE_FILLED}
    assert found.grid_positions.tolist() == [0, 1, 3, 4, 5]
    assert found.step == 2.0


@pytest.mark.parametrize(
    ("gaps", "step"),
    [
        ([4.0] * 6 + [7.0] * 6, 66 / 16),  # nearest to 4 that ends on the last slice
        ([7.0] * 6 + [4.0] * 6, 66 / 16),
        ([2.0] * 4 + [0.5, 1.5] + [2.0] * 4, 2.0),  # a slice more does not multiply the rest
        ([1.0, 1.5, 1.0, 1.5, 1.0, 1.5], 7.5 / 8),  # 7.5 spans eight steps, rounded to even
    ],
)
def test_gaps_that_change_by_less_than_a_slice_are_irregular(scan, gaps, step):
    found = arrange(scan(points(np.cumsum([0, *gaps]))))
    assert found.irregularities == {Irregularity.IRREGULAR_SPACING}
    assert found.step == pytest.approx(step)
    assert found.grid_positions[-1] == round(found.grid_positions[-1])


@pytest.mark.parametrize("degrees", [-30.0, -18.5, 1.0, 15.0])
def test_a_tilt_is_measured(scan, degrees):
    shear = np.tan(np.radians(degrees))
    found = arrange(scan(points(EVEN, (0, shear))))
    assert found.irregularities == {Irregularity.GANTRY_TILT}
    assert found.shear == pytest.approx((0, shear), abs=1e-12)
    assert found.tilt_degrees == pytest.approx(abs(degrees))


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (points(EVEN, (0, np.tan(np.radians(40)))), r"gantry_tilt: 40\.0 degrees"),
        ([*points([0, 2]), (-5.5, -5, 44), *points([6])], r"mixed_geometry: .* 0\.50 mm off"),
        (points([0, 2, 2, 4]), "duplicate_slices: 1 positions"),
        (points([0, 0, 0, 0]), "duplicate_slices: 3 positions"),
        (points([0, 2]), "too_few_slices: 2 of at least 3"),
    ],
)
def test_positions_that_are_no_stack_are_rejected(scan, positions, message):
    with pytest.raises(InputRejected, match=message):
        arrange(scan(positions))
