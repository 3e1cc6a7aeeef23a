import json

import numpy as np
import pytest

from syda.expectations import shards
from syda.records import writer
from syda.records.config import PackParams
from syda.records.schema import Record
from syda.types import Case, Volume

WINDOW = (-1000, 1000)
REQUIRED = ("kvp", "sex")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    records = [
        Record(
            Case(f"case{n}", f"patient{n}", {"kvp": 120.0} | ({"sex": "F"} if n else {})),
            Volume(
                rng.integers(-1000, 1000, (4, 5, 6), dtype=np.int16), np.diag([1.5, 1.5, 1.5, 1])
            ),
        )
        for n in range(8)
    ]
    writer.write(tmp_path, records, PackParams(holdout_share=0.5, shards=1, compression="none"))
    return tmp_path


def read(folder):
    entries, rows = shards.record_index(folder)
    for shard in shards.shard_files(folder, entries):
        rows += shards.shard_rows(shard, entries, WINDOW, REQUIRED)
    return {row.case: row for row in rows}


def edit_index(folder, change):
    path = folder / "index.json"
    index = json.loads(path.read_text())
    change(index["records"])
    path.write_text(json.dumps(index))


def test_each_record_is_a_row_with_patient_and_split(folder):
    rows = read(folder)
    assert sorted(rows) == [f"case{n}" for n in range(8)]
    assert rows["case3"].patient == "patient3"
    assert {row.split for row in rows.values()} == {"train", "holdout"}
    assert {row.fault for row in rows.values()} == {None}
    assert rows["case0"].spacing_k == 1.5
    assert rows["case0"].attributes_missing == "sex"
    assert rows["case1"].attributes_missing is None


def test_a_flipped_bit_names_the_shard_and_the_cases_behind_it(folder):
    path = folder / "train-00000-of-00001.tfrecord"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    faults = {case: row.fault for case, row in read(folder).items() if row.fault}
    assert "checksum" in faults[path.name]
    assert len(faults) == 2  # the shard, and its last case


def test_a_missing_shard_names_its_cases(folder):
    path = folder / "holdout-00000-of-00001.tfrecord"
    path.unlink()
    rows = read(folder)
    assert "does not exist" in rows[path.name].fault
    assert sum(row.fault is not None for row in rows.values()) > 1


def test_a_missing_index_is_a_fault(folder):
    (folder / "index.json").unlink()
    rows = read(folder)
    assert "index" in rows["index.json"].fault
    assert "does not name it" in rows["case0"].fault


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [("patient", "other", "another patient"), ("sha256", "0" * 64, "sha256")],
)
def test_a_record_that_differs_from_the_index_is_a_fault(folder, key, value, fault):
    edit_index(folder, lambda lines: lines[0].update({key: value}))
    rows = read(folder)
    assert fault in rows["case0"].fault
    assert rows["case1"].fault is None


def test_a_record_that_the_index_leaves_out_is_a_fault(folder):
    edit_index(folder, lambda lines: lines.pop(0))
    assert "does not name it" in read(folder)["case0"].fault


def test_a_missing_folder_has_no_rows(tmp_path):
    assert read(tmp_path / "none") == {}
