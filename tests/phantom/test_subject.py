import numpy as np
import pytest

from syda.phantom.subject import sample_subject

CROWD = [sample_subject(np.random.default_rng(seed), "HFS") for seed in range(200)]


def test_widths_and_tissues_span_what_they_should():
    widths = [2 * s.half_width for s in CROWD]
    assert 300 <= min(widths) < 315
    assert 400 < max(widths) <= 420
    for subject in CROWD:
        tissue = subject.tissue
        assert -110 < tissue.fat < -90
        assert 150 <= tissue.cancellous <= 300
        assert tissue.cortical >= 700
        assert tissue.liver > tissue.kidney
        assert 25 <= subject.age <= 85


def test_both_sexes_and_more_fat_in_the_wide():
    assert {s.sex for s in CROWD} == {"F", "M"}
    fat, width = [s.fat_side for s in CROWD], [s.half_width for s in CROWD]
    assert np.corrcoef(fat, width)[0, 1] > 0.7


@pytest.mark.parametrize(("position", "up"), [("HFS", 1), ("FFS", 1), ("HFP", -1), ("FFP", -1)])
def test_up(position, up):
    assert sample_subject(np.random.default_rng(0), position).up == up


def test_the_spine_is_foremost_near_the_third_lumbar():
    subject = CROWD[0]
    heights = subject.level + np.arange(-100.0, 101, 10)
    assert subject.level - 60 <= max(heights, key=subject.spine_at) <= subject.level - 40
