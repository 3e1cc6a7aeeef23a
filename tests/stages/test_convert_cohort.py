"""What the cohort is: regions, contrast agent, several series of a scan, and the way back."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from syda.types import Volume

REPOSITORY = Path(__file__).parents[2]


def trunk(hu, width=300):
    """An ellipse of tissue at some HU."""
    x, y = np.meshgrid(np.linspace(-1.1, 1.1, 64), np.linspace(-1.1, 1.1, 64), indexing="ij")
    plane = np.where(x**2 + y**2 < 1, hu, -1000).astype(np.int16)
    affine = np.diag([width / 64, width / 80, 5.0, 1.0])
    return Volume(np.repeat(plane[..., None], 16, axis=2), affine)


def add(scans, number, volume, **tags):
    volume = Volume(volume.hu + np.int16(number), volume.affine)  # no two series are copies
    series = scans.series(number, volume, PatientID=f"p{number}", **tags)
    return scans.add(f"{number}", series)


def test_the_report_counts_what_the_cohort_is(scans, capsys):
    for number in range(18):
        head = number < 6
        tags = {"BodyPartExamined": "HEAD"} if head else {"SeriesDescription": "native"}
        add(scans, number, trunk(140 if 6 <= number < 12 else 45), **tags)
    report = scans.run({"select.voxel_contrast": "warn"})
    assert report["body_part"] == {"HEAD": 6, "not stated": 12}
    assert report["contrast"] == {"not given": 12, "not stated": 6}
    assert report["enhancement"] == {"enhanced": 6, "not enhanced": 12}
    assert report["contrast_differs"] == 6
    assert report["not_intended"] == {"region": 6, "contrast": 6, "patients": 12}
    assert report["recognizable_features"] == {"not stated": 18}
    assert report["synthetic_data"] == {"not stated": 18}
    said = capsys.readouterr().err
    assert "warning: 6 of 18 cases are not of the abdomen" in said
    assert "warning: 6 of 18 cases show or state contrast agent" in said
    assert "enhanced" not in json.dumps(scans.cases())  # nothing of it reaches the records

    report = scans.run({"select.voxel_contrast": "exclude"})
    assert report["excluded"] == {"contrast_differs": 6, "total": 6}
    assert (report["converted"], len(scans.case_ids())) == (12, 12)


def test_a_limb_is_known_by_its_size_where_the_header_is_silent(scans, capsys):
    add(scans, 1, trunk(45, width=150))
    add(scans, 2, trunk(45))
    assert scans.run()["not_intended"]["region"] == "not told"
    assert "warning: 1 of 2 cases are not of the abdomen" in capsys.readouterr().err
    assert scans.run({"select.intended_region": "any"})["not_intended"]["region"] == 0


def test_pixels_that_may_show_who_it_is_are_refused(scans):
    scans.add("plain")
    for number, keyword in ((1, "BurnedInAnnotation"), (2, "RecognizableVisualFeatures")):
        add(scans, number, trunk(45), **{keyword: "YES"})
    assert scans.run()["converted"] == 1
    reasons = sorted(entry["reason"] for entry in scans.excluded())
    assert reasons == ["burned_in_annotation", "recognizable_features"]


def test_one_series_of_a_scan_is_taken_and_the_rule_changes_without_conversion(scans):
    tags = {"PatientID": "p", "FrameOfReferenceUID": "1.5", "AcquisitionNumber": 2}
    for number, kernel in enumerate(("B70f", "B30f"), start=1):
        series = scans.series(number, trunk(45 + number), ConvolutionKernel=kernel, **tags)
        scans.add(f"{number}", series)
    assert scans.run()["converted"] == 1
    (case,) = scans.cases()
    assert case["attributes"]["kernel"] == "B30f"
    assert [entry["reason"] for entry in scans.excluded()] == ["same_scan"]
    assert scans.run({"select.series_of_scan": "all"})["converted"] == 2


def test_a_coronal_reformat_is_excluded(scans):
    slices = scans.series(1, trunk(45), PatientID="p1")
    for number, ds in enumerate(slices):
        ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        ds.ImagePositionPatient = [0, 5 * number, 0]
    scans.add("coronal", slices)
    scans.add("axial")
    assert scans.run()["converted"] == 1
    assert scans.excluded()[0]["reason"] == "reformat"
    assert scans.run({"select.reformats": "any"})["converted"] == 2


@pytest.mark.slow
def test_who_leads_from_a_patient_to_cases_and_files(scans):
    add(scans, 1, trunk(45))
    folder = scans.add("a", scans.series(2, PatientID="MILLER"))
    with zipfile.ZipFile(scans.raw / "z.zip", "w") as opened:
        for file in folder.iterdir():
            opened.write(file, f"in/{file.name}")
            file.unlink()
    with zipfile.ZipFile(scans.raw / "bad.zip", "w") as opened:
        opened.writestr("../x", "x")
    report = scans.run({"max_rejected_share": 1.0})

    def who(name, code=0):
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
        command = [sys.executable, "-m", "syda", "who", name]
        done = subprocess.run(
            command, cwd=scans.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout.split() if code == 0 else done.stderr

    case, state, where, first = who("MILLER")
    assert case in scans.case_ids()
    assert (state, where) == ("converted", "data/raw/v0/z.zip")
    assert first.startswith("z.zip/")  # a number: names of members are not kept
    (archive,) = report["rejected"]
    assert who(archive["id"])[1:] == ["archive_path", "data/raw/v0", "bad.zip"]
    assert "MEYER" not in who("MEYER", code=2)
