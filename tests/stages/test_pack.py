import json

import numpy as np
import pytest

from syda.errors import CorruptData
from syda.records import reader
from syda.stages import pack
from syda.types import Volume
from syda.volume import nifti


@pytest.fixture
def root(workspace):
    root = workspace({"pack.holdout_share": 0.5, "pack.shards": 2})
    rng = np.random.default_rng(0)
    for i in range(8):
        hu = rng.integers(-1024, 1200, (10, 8, 4 + i)).astype(np.int16)
        folder = root / "data" / "resampled"
        nifti.write(folder / f"c{i}.nii.gz", Volume(hu, np.diag([1.5, 1.5, 1.5, 1])))
        facts = {"case": f"c{i}", "patient": f"p{i // 2}", "attributes": {"kvp": 120.0}}
        (folder / f"c{i}.json").write_text(json.dumps(facts))
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
        assert record.case.attributes == {"kvp": 120.0}


def test_the_report_counts_what_the_index_lists(root):
    pack.run(root)
    report = json.loads((root / "reports" / "pack.json").read_text())
    index = reader.read_index(root / "data" / "records")
    for side in ("train", "holdout"):
        entries = [entry for entry in index if entry.split == side]
        assert report["cases"][side] == len(entries) > 0
        assert report["patients"][side] == len({entry.patient for entry in entries})
        assert report["longest_sides"][side] == sorted(e.longest_side for e in entries)
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
