import json

import pytest

from syda.errors import CheckFailed, CorruptData
from syda.records import reader, schema, writer
from syda.types import Case, Volume
from syda.volume.resample import to_spacing


@pytest.fixture
def records(ramp: Volume) -> list[schema.Record]:
    volume = to_spacing(ramp, 1.5)
    return [
        schema.Record(Case(f"c{i:02d}", f"p{i // 2}", {"kvp": 120.0}), volume) for i in range(20)
    ]


@pytest.fixture
def folder(tmp_path, records):
    writer.write(tmp_path, records, holdout_share=0.5, shards=3)
    return tmp_path


def test_every_record_comes_back_in_its_split(folder, records):
    index = reader.read_index(folder)
    assert [entry.case for entry in index] == [r.case.case for r in records]
    sides = {}
    for side in ("train", "holdout"):
        found = {record.case.case: record for record in reader.read_split(folder, side, 1.5)}
        assert set(found) == {entry.case for entry in index if entry.split == side}
        sides[side] = {record.case.patient for record in found.values()}
    assert all(sides.values())
    assert not sides["train"] & sides["holdout"]


def test_same_records_same_bytes(tmp_path, folder, records):
    again = tmp_path / "again"
    again.mkdir()
    writer.write(again, records, holdout_share=0.5, shards=3)
    for file in again.iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes()


def test_one_more_case_leaves_the_other_records_where_they_are(tmp_path, records, ramp):
    before = writer.write(_new(tmp_path / "a"), records[:-1], holdout_share=0.5, shards=3)
    after = writer.write(_new(tmp_path / "b"), records, holdout_share=0.5, shards=3)
    assert after[:-1] == before


def test_another_spacing_is_refused_as_the_record_is_extracted(folder):
    named = r"case c\d\d in train-0000\d-of-00003\.tfrecord, record 0: .*expected 2"
    with pytest.raises(CheckFailed, match=named):
        list(reader.read_split(folder, "train", 2.0))


def test_a_lost_shard_a_lost_record_and_a_foreign_one_are_named(folder):
    index = reader.read_index(folder)
    shard = next(entry.shard for entry in index if entry.split == "train")
    whole = (folder / shard).read_bytes()
    lines = json.loads((folder / "index.json").read_text())

    (folder / shard).unlink()
    with pytest.raises(CorruptData, match=f"{shard}: missing"):
        list(reader.read_split(folder, "train", 1.5))

    (folder / shard).write_bytes(b"")
    with pytest.raises(CorruptData, match=f"{shard}, record 0: missing, the index has case c"):
        list(reader.read_split(folder, "train", 1.5))

    (folder / shard).write_bytes(whole)
    lines["records"] = [line for line in lines["records"] if line["case"] != index[0].case]
    (folder / "index.json").write_text(json.dumps(lines))
    with pytest.raises(CorruptData, match="case not in the index"):
        list(reader.read_split(folder, index[0].split, 1.5))


def test_no_index_is_one_line(tmp_path):
    with pytest.raises(CorruptData, match=r"index\.json: not a readable index"):
        reader.read_index(tmp_path)


def _new(folder):
    folder.mkdir()
    return folder
