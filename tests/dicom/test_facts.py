import json
from dataclasses import asdict

import numpy as np
import pytest

from syda.dicom import facts, reformat, stack
from syda.dicom.facts import CohortFacts
from syda.dicom.plane import CTSlice


@pytest.fixture
def slices(make_slice):
    """Five slices 5 mm apart along their normal, with an orientation and tags."""

    def slices(orientation=(1, 0, 0, 0, 1, 0), along=None, **tags):
        normal = np.cross(orientation[:3], orientation[3:]) if along is None else np.array(along)
        made = []
        for number in range(5):
            ds = make_slice(np.zeros((4, 4)), tuple(normal * 5 * number), orientation=orientation)
            for keyword, value in tags.items():
                setattr(ds, keyword, value)
            made.append(CTSlice(ds, ds))
        return made

    return slices


def of(slices):
    return facts.of_header(slices, b"key", "MILLER", "1.2.3", separated=False)


def angle(slices):
    return reformat.oblique_degrees(stack.arrange(slices, 3, False))


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ((1, 0, 0, 0, 1, 0), 0),
        ((-1, 0, 0, 0, -1, 0), 0),
        ((1, 0, 0, 0, 0, -1), 90),  # coronal
        ((0, 1, 0, 0, 0, -1), 90),  # sagittal
        ((1, 0, 0, 0, np.cos(0.3), np.sin(0.3)), np.degrees(0.3)),
    ],
)
def test_the_angle_to_the_planes_of_a_gantry(slices, orientation, expected):
    assert angle(slices(orientation)) == pytest.approx(expected, abs=1e-3)


def test_a_tilted_gantry_acquires_its_slices(slices):
    orientation = (1, 0, 0, 0, np.cos(0.3), np.sin(0.3))
    assert angle(slices(orientation, along=(0, 0, 1))) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, False),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]}, True),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MIP"]}, True),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, False),
        ({"SeriesDescription": "ABD MPR_COR 3.0"}, True),
        ({"SeriesDescription": "MIP 10mm"}, True),
        ({"SeriesDescription": "ABD 3.0 IMPROVED"}, False),
    ],
)
def test_what_names_a_reformat(slices, tags, expected):
    assert of(slices(**tags)).named_reformat is expected


def test_derived_and_the_statements_about_identity(slices):
    several = slices(ImageType=["DERIVED", "SECONDARY", "AXIAL"], BurnedInAnnotation="NO")
    several[2].header.RecognizableVisualFeatures = "YES"
    found = of(several)
    assert (found.derived, found.burned_in, found.recognizable) == (True, "NO", "YES")
    del several[1].header.BurnedInAnnotation
    assert of(several).burned_in == ""


@pytest.mark.parametrize(
    ("marks", "expected"),
    [(["YES"] * 3, "YES"), (["NO"] * 3, "NO"), (["YES", "", "YES"], "in part"),
     (["NO", "", "NO"], ""), ([""] * 3, "")],
)  # fmt: skip
def test_a_scan_is_marked_as_synthetic_if_every_slice_is(slices, marks, expected):
    several = slices()[:3]
    for one, mark in zip(several, marks, strict=True):
        if mark:
            one.header.SyntheticData = mark
    assert of(several).synthetic == expected


def test_facts_come_back_from_json_and_hold_no_text_of_the_header(slices):
    tags = {"IrradiationEventUID": "1.2.77777", "FrameOfReferenceUID": "1.2.88888"}
    several = slices(AcquisitionNumber=4, AcquisitionTime="120000.5", **tags)
    several[0].header.Modality = "MILLERISACT"
    found = of(several).with_geometry(stack.arrange(several, 3, False))
    assert found.times_s == (43200.5, 43200.5)
    assert found.extent_mm == pytest.approx((-2.5, 22.5))
    text = json.dumps(asdict(found))
    assert CohortFacts.from_json(json.loads(text)) == found
    assert not [word for word in ("MILLER", "77777", "88888") if word in text]
