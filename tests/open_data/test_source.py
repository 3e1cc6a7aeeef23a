import shutil

import pytest

from syda.errors import CorruptData, UsageError
from syda.open_data import digests, source

NAME = "c4kc-kits-noncontrast"


def test_the_committed_list_is_the_one_of_the_index(repository):
    pinned = source.load(repository, NAME)
    assert len(pinned.series) == pinned.description.patients == 108
    assert sum(series.files for series in pinned.series) == 13_225
    assert sum(series.size for series in pinned.series) == 6_983_683_356
    assert all(series.size % 2 == 0 for series in pinned.series)  # DICOM has even lengths
    assert len({series.uid for series in pinned.series}) == 108
    assert pinned.description.licence == "CC BY 3.0"
    assert pinned.description.cohort.stones.status == "read by nobody"
    first = pinned.series[0]
    assert (first.folder, first.files) == ("e633e865-6fe4-4b4b-8b22-8680bb30f949", 93)


def test_a_list_comes_back_as_it_was_written(repository):
    text = (repository / f"data/sources/{NAME}.csv").read_text()
    assert source.to_csv(source.load(repository, NAME).series) == text


@pytest.fixture
def root(repository, tmp_path):
    shutil.copytree(repository / "data/sources", tmp_path / "data/sources")
    return tmp_path


def test_an_unknown_list_is_wrong_use_and_the_lists_are_named(root):
    with pytest.raises(UsageError, match=f"no list kits: data/sources has {NAME}"):
        source.load(root, "kits")


@pytest.mark.parametrize(
    ("ending", "old", "new"),
    [
        ("csv", ",93,", ",ninety,"),
        ("csv", ",93,", ",94,"),
        ("csv", "e633e865-6fe4", "../../e633e865"),
        ("csv", "instanceCount", "instances"),
        ("yaml", "licence:", "license:"),
        ("yaml", "108", "109"),
        ("yaml", "title: ", "title: ["),
        ("yaml", "read by nobody  ", "read  "),
        ("yaml", "reader:  ", "reader: a student  "),
    ],
)
def test_a_malformed_list_is_one_line(root, ending, old, new):
    file = root / f"data/sources/{NAME}.{ending}"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(CorruptData, match=f"{NAME}") as error:
        source.load(root, NAME)
    assert "\n" not in str(error.value)


def test_digests_come_back_sorted(tmp_path):
    (tmp_path / "data/sources").mkdir(parents=True)
    file = digests.load(tmp_path, "x")
    rows = [
        digests.FetchedSeries(folder=f, sha256=s * 64, md5_verified=v)
        for f, s, v in (("b", "0", True), ("a", "1", False))
    ]
    for row in rows:
        file.add(row)
    again = digests.load(tmp_path, "x")
    assert again.rows == {"a": rows[1], "b": rows[0]}
    assert file.path.read_text().splitlines()[1] == f"a,{'1' * 64},false"


def test_malformed_digests_are_not_overwritten(tmp_path):
    (tmp_path / "data/sources").mkdir(parents=True)
    (tmp_path / "data/sources/x.digests.csv").write_text("crdc_series_uuid,sha256\na,b\n")
    with pytest.raises(CorruptData, match=r"x\.digests\.csv: malformed"):
        digests.load(tmp_path, "x")
