import json
import statistics
from dataclasses import asdict

import numpy as np
import pytest

import changed_params
from syda import disclosure_control
from syda.errors import CheckFailed, CorruptData
from syda.params import load
from syda.properties.measured import measure_properties
from syda.records import reader
from syda.records.config import PackParams
from syda.records.index import read_index
from syda.stages import pack
from syda.types import Volume
from syda.volume import nifti


def attributes(i):
    return {"kvp": 120.0, "sex": "FM"[i % 3 == 0], "age_band": ("50-54", "70-74")[i % 2]}


def add(root, i, patient, **more):
    """Case ``c<i>`` among the resampled scans, ``4 + i`` slices long."""
    rng = np.random.default_rng(i)
    hu = rng.integers(-1024, 1200, (10, 8, 4 + i)).astype(np.int16)
    folder = root / "data" / "resampled"
    nifti.write(folder / f"c{i}.nii.gz", Volume(hu, np.diag([1.5, 1.5, 1.5, 1])))
    facts = {"case": f"c{i}", "patient": patient, "attributes": attributes(i) | more}
    (folder / f"c{i}.json").write_text(json.dumps(facts))


@pytest.fixture
def root(workspace):
    root = workspace({"pack.holdout_share": 0.5, "pack.shards": 2})
    for i in range(8):
        add(root, i, patient=f"p{i // 2}")
    gate = root / "reports" / "validation" / "resampled.json"
    gate.parent.mkdir(parents=True)
    gate.write_text("{}")
    return root


def test_records_equal_the_resampled_scans(root):
    pack.run(root)
    found = {}
    for side in ("train", "holdout"):
        for record in reader.read_split(root / "data" / "records", side, 1.5):
            found[record.case.case] = record
    assert len(found) == 8
    for case, record in found.items():
        source = nifti.read(root / "data" / "resampled" / f"{case}.nii.gz")
        np.testing.assert_array_equal(record.volume.hu, source.hu)
        np.testing.assert_array_equal(record.volume.affine, source.affine)
        assert record.case.attributes == attributes(int(case[1:]))
        expected = asdict(measure_properties(source))
        assert asdict(record.properties) == {
            name: None if value is None else float(np.float32(value))
            for name, value in expected.items()
        }
        assert record.properties.scan_length_mm == 1.5 * source.hu.shape[2]


def test_a_third_is_held_out_by_default(repository):
    assert load(repository).section("pack", PackParams).holdout_share == pytest.approx(1 / 3, 1e-3)


def test_the_scans_of_a_patient_are_on_one_side(root):
    pack.run(root)
    sides = {}
    for entry in read_index(root / "data" / "records"):
        sides.setdefault(entry.patient, set()).add(entry.split)
    assert sorted(sides) == ["p0", "p1", "p2", "p3"]  # two scans each
    assert all(len(found) == 1 for found in sides.values())


def test_the_report_counts_what_the_index_lists(root):
    pack.run(root)
    report = json.loads((root / "reports" / "pack.json").read_text())
    index = read_index(root / "data" / "records")
    for side in ("train", "holdout"):
        entries = [entry for entry in index if entry.split == side]
        assert report["cases"][side] == len(entries) > 0
        assert report["patients"][side] == len({entry.patient for entry in entries})
        sides = [entry.longest_side for entry in entries]
        assert report["longest_sides"][side] == {
            "n": len(sides),
            "min": min(sides),
            "median": statistics.median(sides),
            "max": max(sides),
        }
        shares = []
        for entry in entries:
            hu = nifti.read(root / "data" / "resampled" / f"{entry.case}.nii.gz").hu
            shares.append(np.mean((hu < -1000) | (hu > 1000)))
        assert report["clipped_share"][side] == pytest.approx(np.mean(shares), abs=1e-6)


def test_facts_of_another_case_are_refused(root):
    (root / "data" / "resampled" / "c3.json").write_text(
        json.dumps({"case": "c4", "patient": "p", "attributes": {}})
    )
    with pytest.raises(CorruptData, match=r"c3\.nii\.gz: its JSON is of case c4"):
        pack.run(root)
    assert not (root / "data" / "records").exists()


def test_properties_are_summarised_but_not_those_of_a_few_patients(root):
    for i in range(8, 30):  # a patient each: enough on both sides
        add(root, i, patient=f"p{i}")
    pack.run(root)
    report = json.loads((root / "reports" / "pack.json").read_text())
    index = read_index(root / "data" / "records")
    for side in ("train", "holdout"):
        lengths = sorted(1.5 * (4 + int(e.case[1:])) for e in index if e.split == side)
        assert report["patients"][side] >= disclosure_control.MIN_CELL_SIZE
        assert report["properties"][side]["scan_length_mm"] == {
            "n": len(lengths),
            "min": lengths[0],
            "median": statistics.median(lengths),
            "max": lengths[-1],
        }
        assert report["properties"][side]["noise_hu"] == "not measured"


def test_properties_of_few_patients_are_suppressed(root):
    pack.run(root)  # four patients
    report = json.loads((root / "reports" / "pack.json").read_text())
    for side in ("train", "holdout"):
        assert report["properties"][side]["scan_length_mm"] == "not told"


def test_held_out_people_are_counted_where_that_tells_of_nobody(root):
    pack.run(root)  # four patients
    path = root / "reports" / "pack.json"
    few = json.loads(path.read_text())
    assert few["holdout_people"] == {"sex": "not told", "age": "not told"}
    assert few["acquisition"]["kvp"] == {"120.0": "not told", "total": "not told"}
    for i in range(8, 80):
        add(root, i, patient=f"p{i}")
    pack.run(root)
    report = json.loads(path.read_text())
    held = {entry.patient for entry in read_index(root / "data" / "records")
            if entry.split == "holdout"}  # fmt: skip
    for counts in report["holdout_people"].values():
        assert sum(counts.values()) == len(held)
        assert min(counts.values()) >= disclosure_control.MIN_CELL_SIZE
    assert set(report["holdout_people"]["age"]) == {"under 60", "60 and over"}
    assert report["acquisition"]["kvp"] == {"120.0": 80, "total": 80}
    assert report["acquisition"]["kernel"] == {"not stated": 80, "total": 80}


def test_gzip_holds_the_same_records_and_the_same_bytes_each_time(root):
    folder = root / "data" / "records"
    pack.run(root)
    plain = read_index(folder)
    changed_params.write(root, {"pack.compression": "gzip"}, source=root)
    pack.run(root)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert read_index(folder) == plain
    read = [
        r.case.case for side in ("train", "holdout") for r in reader.read_split(folder, side, 1.5)
    ]
    assert sorted(read) == sorted(entry.case for entry in plain)
    assert {data[:2] for name, data in first.items() if name != "index.json"} == {b"\x1f\x8b"}
    pack.run(root)
    assert first == {file.name: file.read_bytes() for file in folder.iterdir()}


def test_an_empty_split_says_that_all_cases_have_one_patient(root):
    for i in range(8):
        add(root, i, patient="p-anonymous")
    with pytest.raises(CheckFailed, match="split is empty, because all 8 cases have one patient"):
        pack.run(root)
    assert not (root / "data" / "records").exists()


def test_a_holdout_of_another_body_part_is_warned_about(root, capsys):
    for i in range(8):  # p1 is for training, the others are held out
        add(root, i, patient=f"p{i // 2}", body_part="ABDOMEN" if i < 4 else "HEAD")
    pack.run(root)
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "warning" in one]
    assert line.startswith("pack: warning: 4 of 6 holdout cases are of a body part that no")
    assert "(HEAD)" in line
    for i in range(8):
        add(root, i, patient=f"p{i // 2}", body_part="ABDOMEN" if i % 2 else "HEAD")
    pack.run(root)
    assert "warning" not in capsys.readouterr().err
