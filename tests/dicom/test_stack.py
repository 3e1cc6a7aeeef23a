import numpy as np
import pytest

from syda.dicom import stack
from syda.dicom.plane import Slice
from syda.dicom.reject import Irregularity, Reason, SetAside

EVEN = np.arange(6) * 2.0


def points(heights, lean=(0.0, 0.0)):
    return [(-6 + lean[0] * h, -5 + lean[1] * h, 40 + h) for h in heights]


def arrange(slices, min_slices=3, fill=False):
    return stack.arrange([Slice(ds, ds) for ds in slices], min_slices, fill)


def reason_of(slices, **options):
    with pytest.raises(SetAside) as fault:
        arrange(slices, **options)
    return fault.value.reason


def test_order_is_by_place_whatever_the_instance_numbers(scan):
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
    assert found.places.tolist() == list(range(40))
    assert found.step == pytest.approx(step, abs=0.01 / 39)


def test_jitter_of_two_hundredths_is_regular(scan):
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, 6)
    assert arrange(scan(points(EVEN + jitter))).irregularities == frozenset()


@pytest.mark.parametrize("lost", [[2], [1, 4], [2, 3]])
def test_a_gap_with_room_for_a_slice_means_missing(scan, lost):
    slices = scan(points(np.delete(np.arange(9) * 2.0, lost)))
    with pytest.raises(SetAside, match=f"missing_slices: {len(lost)} missing: gaps 2.00 to "):
        arrange(slices)
    if len(lost) > 1:
        assert reason_of(slices, fill=True) is Reason.MISSING_SLICES


def test_one_missing_slice_may_be_filled(scan):
    found = arrange(scan(points(np.delete(EVEN, 2))), fill=True)
    assert found.irregularities == {Irregularity.MISSING_SLICE_FILLED}
    assert found.places.tolist() == [0, 1, 3, 4, 5]
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
    assert found.places[-1] == round(found.places[-1])


@pytest.mark.parametrize("degrees", [-30.0, -18.5, 0.3, 15.0])
def test_a_tilt_is_measured(scan, degrees):
    lean = np.tan(np.radians(degrees))
    found = arrange(scan(points(EVEN, (0, lean))))
    assert found.irregularities == {Irregularity.GANTRY_TILT}
    assert found.lean == pytest.approx((0, lean), abs=1e-12)
    assert found.tilt_degrees == pytest.approx(abs(degrees))


def test_no_gantry_tilts_by_40_degrees(scan):
    slices = scan(points(EVEN, (0, np.tan(np.radians(40)))))
    with pytest.raises(SetAside, match=r"gantry_tilt: 40\.0 degrees"):
        arrange(slices)


def test_positions_off_one_line_are_set_aside(scan):
    slices = scan(points(EVEN))
    slices[2].ImagePositionPatient = [-5.9, -5, 44]
    with pytest.raises(SetAside, match=r"mixed_geometry: positions up to 0\.10 mm off"):
        arrange(slices)


def test_several_slices_at_one_place_are_no_stack(scan):
    assert reason_of(scan(points([0, 2, 2, 4]))) is Reason.DUPLICATE_SLICES
    assert reason_of(scan(points([0, 0, 0, 0]))) is Reason.DUPLICATE_SLICES


def test_too_few_slices(scan):
    assert reason_of(scan(points(EVEN)), min_slices=7) is Reason.TOO_FEW_SLICES
