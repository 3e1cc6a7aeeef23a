import json
from dataclasses import replace

import numpy as np
import pytest

from syda.errors import CheckFailed, CorruptData
from syda.records import reader, schema, tfrecord, writer
from syda.records.config import PackParams
from syda.records.index import read_index
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
    writer.write(tmp_path, records, PackParams(holdout_share=0.5, shards=3, compression="none"))
    return tmp_path


def test_every_record_comes_back_in_its_split(folder, records):
    index = read_index(folder)
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
    writer.write(again, records, PackParams(holdout_share=0.5, shards=3, compression="none"))
    for file in again.iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes()


def test_one_more_case_leaves_the_other_records_where_they_are(tmp_path, records, ramp):
    before = writer.write(
        _new(tmp_path / "a"),
        records[:-1],
        PackParams(holdout_share=0.5, shards=3, compression="none"),
    )
    after = writer.write(
        _new(tmp_path / "b"), records, PackParams(holdout_share=0.5, shards=3, compression="none")
    )
    assert after[:-1] == before


def test_another_spacing_is_refused_as_the_record_is_extracted(folder):
    named = r"case c\d\d in train-0000\d-of-00003\.tfrecord, record 0: .*expected 2"
    with pytest.raises(CheckFailed, match=named):
        list(reader.read_split(folder, "train", 2.0))


def test_a_lost_shard_a_lost_record_and_a_foreign_one_are_named(folder):
    index = read_index(folder)
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


def test_a_record_of_other_content_under_right_checksums_is_named(folder, records):
    entry = read_index(folder)[0]
    names = [e.case for e in read_index(folder) if e.shard == entry.shard]
    others = [
        schema.Record(replace(r.case, attributes={"kvp": 100.0}), r.volume)
        if r.case.case == names[-1]
        else r
        for r in records
        if r.case.case in names
    ]
    content = b"".join(tfrecord.frame(schema.encode(record)) for record in others)
    (folder / entry.shard).write_bytes(content)
    said = f"{entry.shard}, record {len(names) - 1}: not the bytes that the index has the sha256 of"
    with pytest.raises(CorruptData, match=said):
        list(reader.read_split(folder, entry.split, 1.5))


@pytest.fixture(params=["none", "gzip"])
def small(request, tmp_path):
    """Two small records in one shard: folder, split and shard."""
    hu = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    volume = Volume(hu, np.diag([1.5, 1.5, 1.5, 1.0]))
    records = [schema.Record(Case(f"c{i}", "p", {"sex": "F"}), volume) for i in range(2)]
    first, _ = writer.write(
        tmp_path, records, PackParams(holdout_share=0.5, shards=1, compression=request.param)
    )
    assert len(list(reader.read_split(tmp_path, first.split, 1.5))) == 2
    return tmp_path, first.split, first.shard


def test_a_shard_cut_anywhere_names_shard_and_record(small):
    folder, split, shard = small
    whole = (folder / shard).read_bytes()
    for length in range(len(whole)):
        (folder / shard).write_bytes(whole[:length])
        with pytest.raises(CorruptData, match=rf"^{shard}, record [012]: "):
            list(reader.read_split(folder, split, 1.5))


def test_a_shard_altered_anywhere_names_shard_and_record(small):
    folder, split, shard = small
    whole = (folder / shard).read_bytes()
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 0xFF
        (folder / shard).write_bytes(altered)
        with pytest.raises(CorruptData, match=rf"^{shard}, record [012]: "):
            list(reader.read_split(folder, split, 1.5))


def test_no_index_is_one_line(tmp_path):
    with pytest.raises(CorruptData, match=r"index\.json: not a readable index"):
        read_index(tmp_path)


def _new(folder):
    folder.mkdir()
    return folder
