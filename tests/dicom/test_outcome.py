from collections import Counter

from syda.dicom import outcome
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Irregularity

ATTRIBUTES = dict.fromkeys(
    ["sex", "age_band", "manufacturer", "pixel_spacing_mm", "slice_spacing_mm", "scan_length_mm"]
)


def report(tilted, noisy, total):
    """Report of a case for each patient, some tilted and some with a share of clamped voxels."""
    cases = [
        Outcome(
            f"c{number}",
            f"p{number}",
            attributes=dict(ATTRIBUTES),
            clamped_share=0.1 * number if number < noisy else 0.0,
            irregularities=(Irregularity.GANTRY_TILT,) if number < tilted else (),
            unusual=("PixelData",) if number < tilted else (),
        )
        for number in range(total)
    ]
    return outcome.report(cases, Counter())


def test_counts_of_few_patients_are_suppressed():
    found = report(tilted=4, noisy=4, total=20)
    assert found["irregularities"] == {"gantry_tilt": "not told"}
    assert found["unusual"] == {"PixelData": "not told"}
    assert found["clamped_share_max"] == 0.0  # five patients have no less


def test_counts_of_many_are_shown_unless_few_are_left():
    found = report(tilted=8, noisy=9, total=20)
    assert found["irregularities"] == {"gantry_tilt": 8}
    assert found["unusual"] == {"PixelData": 8}
    assert found["clamped_share_max"] == 0.4  # five patients reach it
    assert report(tilted=18, noisy=0, total=20)["irregularities"] == {"gantry_tilt": "not told"}


def test_a_handful_of_patients_has_no_figures():
    found = report(tilted=0, noisy=0, total=4)
    assert (found["irregularities"], found["clamped_share_max"]) == ({}, "not told")
