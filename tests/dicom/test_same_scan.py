from dataclasses import replace

import pytest

from syda.dicom import same_scan
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Reason

FACTS = CohortFacts("c", "p1", 40, acquisition_key="g1", extent_mm=(0, 200), times_s=(100, 108))


def series(label, spacing=5.0, kernel="B30f", **facts):
    described = {"kernel": kernel, "slice_spacing_mm": spacing, "pixel_spacing_mm": 0.8}
    described["slice_thickness_mm"] = spacing
    described_facts = replace(FACTS, case=label, **facts)
    return Outcome(label, described_facts.patient, described, facts=described_facts)


@pytest.fixture
def taken(convert_params):
    def taken(*several, rule="thin"):
        rules = convert_params({"select.series_of_scan": rule})[0].select
        found = same_scan.choose(several, rules)
        assert [one.label for one in found] == [one.label for one in several]
        assert {one.reason for one in found} <= {None, Reason.SAME_SCAN}
        return [one.label for one in found if one.reason is None]

    return taken


def test_one_of_several_kernels_and_thicknesses_is_taken(taken):
    several = series("a"), series("b", 1.0), series("c", 1.0, "B70f")
    assert taken(*several) == ["b"]
    assert taken(*several, rule="thick") == ["a"]
    assert taken(*several, rule="all") == ["a", "b", "c"]
    assert taken(series("a", 0.5, "B70f"), series("b", 3.0)) == ["b"]  # a soft kernel first


@pytest.mark.parametrize(
    "other",
    [
        {"acquisition_key": "g2"},
        {"acquisition_key": ""},
        {"patient": "p2"},
        {"times_s": (130, 138)},  # a later phase
        {"extent_mm": (150, 350)},
    ],
    ids=str,
)
def test_other_scans_and_phases_are_kept(taken, other):
    assert taken(series("a"), series("b", 1.0, **other)) == ["a", "b"]


def test_repetitions_are_kept_and_an_irradiation_event_decides(taken):
    assert taken(series("a"), series("b")) == ["a", "b"]
    one, same, another = ({"irradiation": x, "acquisition_key": "", "times_s": ()} for x in "xxy")
    assert taken(series("a", **one), series("b", 1.0, **same)) == ["b"]
    assert taken(series("a", **one), series("b", 1.0, **another)) == ["a", "b"]
    assert taken(series("a", times_s=()), series("b", 1.0)) == ["b"]


@pytest.mark.parametrize(
    ("kernel", "sharp"),
    [("B30f", False), ("B70f", True), ("Br40d", False), ("BONE", True), ("STANDARD", False),
     ("FC08", False), ("FC51", True), ("YA", False), ("D", True), ("", False)],
)  # fmt: skip
def test_sharp_kernels(kernel, sharp):
    assert same_scan.is_sharp(kernel) is sharp
