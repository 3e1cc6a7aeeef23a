"""A new list from an index: a small one with the columns of the real one, and the real one."""

import importlib
from importlib import metadata

import pandas as pd
import pytest

from syda.errors import CheckFailed, UsageError
from syda.open_data import index_query, source

NAME = "c4kc-kits-noncontrast"
COLUMNS = """
    collection_id analysis_result_id PatientID SeriesInstanceUID StudyInstanceUID source_DOI
    PatientAge PatientSex StudyDate StudyDescription BodyPartExamined Modality SOPClassUID
    sop_class_name TransferSyntaxUID transfer_syntax_name PhotometricInterpretation
    PixelRepresentation Manufacturer ManufacturerModelName SeriesDate SeriesDescription SeriesNumber
    instanceCount license_short_name series_init_idc_version series_revised_idc_version aws_bucket
    crdc_series_uuid series_aws_url series_size_MB
"""
"""Of idc-index-data 25.0.5."""

COLON = {
    "collection_id": "colon",
    "source_DOI": "10.0/colon",
    "Modality": "CT",
    "license_short_name": "CC BY 3.0",
    "aws_bucket": "idc-open-data",
    "instanceCount": 400,
    "series_size_MB": 210.123456,
}


def rows():
    """Two patients, prone and supine; a supine one without a description; another collection."""
    described = [
        ("CANARY-B", "supine"), ("CANARY-B", "prone"), ("CANARY-B", "scout"),
        ("CANARY-A", "Supine"), ("CANARY-A", "prone"), ("CANARY-C", None),
    ]  # fmt: skip
    every = [
        COLON | {"PatientID": patient, "SeriesDescription": text} for patient, text in described
    ]
    every.append(every[0] | {"collection_id": "other", "license_short_name": "CC BY-NC 4.0"})
    for number, row in enumerate(every):
        row["SeriesInstanceUID"] = f"1.2.{number}"
        row["crdc_series_uuid"] = f"00000000-0000-0000-0000-{number:012}"
    return every


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Plant a package idc-index-data of version 25, and return an empty repository."""
    packages = tmp_path / "packages"
    for folder in ("idc_index_data", "idc_index_data-25.0.5.dist-info"):
        (packages / folder).mkdir(parents=True)
    about = "Metadata-Version: 2.1\nName: idc-index-data\nVersion: 25.0.5\n"
    (packages / "idc_index_data-25.0.5.dist-info/METADATA").write_text(about)
    table = pd.DataFrame(rows(), columns=COLUMNS.split())
    table.to_parquet(packages / "idc_index_data/idc_index.parquet")
    monkeypatch.syspath_prepend(packages)
    importlib.invalidate_caches()
    (tmp_path / "data/sources").mkdir(parents=True)
    return tmp_path


SUPINE = "collection_id = 'colon' AND SeriesDescription ILIKE 'supine'"


def test_a_new_list_has_one_series_of_each_patient_by_patient(index):
    lines = index_query.new(index, "colon-supine", SUPINE)
    pinned = source.load(index, "colon-supine")
    assert [series.model_dump() for series in pinned.series] == [
        {"uid": f"1.2.{number}", "folder": f"00000000-0000-0000-0000-{number:012}"}
        | {"files": 400, "size": 210_123_456}
        for number in (3, 0)
    ]
    described = pinned.description
    assert described.query == SUPINE
    assert described.title == "colon-supine"
    assert (described.licence, described.doi) == ("CC BY 3.0", "10.0/colon")
    assert (described.bucket, described.index_version) == ("idc-open-data", "v25")
    assert (described.patients, described.files, described.bytes) == (2, 800, 420_246_912)
    assert described.citation is None
    assert described.cohort.model_dump() == {
        "disease": None,
        "consent": None,
        "contrast": None,
        "stones": {"status": "read by nobody", "reader": None, "note": None},
    }
    assert [line.strip() for line in lines] == [
        "fetch: 2 series of as many patients, 420 MB, CC BY 3.0: data/sources/colon-supine.csv",
        "next:",
        "fill in the empty keys of data/sources/colon-supine.yaml",
        "git add data/sources",
        "syda fetch colon-supine --version v2 --limit 3",
    ]


def test_a_query_may_take_one_of_several_series(index):
    """The form that docs/open-data.md shows."""
    first = "SELECT min(SeriesInstanceUID) FROM index WHERE collection_id = 'colon'"
    index_query.new(index, "colon", f"SeriesInstanceUID IN ({first} GROUP BY PatientID)")
    assert [one.uid for one in source.load(index, "colon").series] == ["1.2.3", "1.2.0", "1.2.5"]


def test_no_patient_id_is_in_the_files(index):
    index_query.new(index, "colon-supine", SUPINE)
    files = list((index / "data/sources").iterdir())
    assert len(files) == 2
    assert not [file for file in files if "CANARY" in file.read_text()]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("collection_id = 'colon'", "6 series of 3 patients, 2 of them with several"),
        ("SeriesDescription = 'supine'", "2 values of collection_id, .*: colon, other"),
        ("SeriesDescription = 'nothing'", "no series of the index fulfils it"),
    ],
)
def test_a_query_that_selects_no_list_is_refused(index, query, words):
    with pytest.raises(CheckFailed, match=words):
        index_query.new(index, "colon", query)
    assert list((index / "data/sources").iterdir()) == []


@pytest.mark.parametrize("query", ["no_such_column = 1", "collection_id = ", "true; DROP x", "'a'"])
def test_a_wrong_query_is_one_line(index, query):
    with pytest.raises(UsageError, match=r"^fetch: --query: no condition on the index") as error:
        index_query.new(index, "colon", query)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../up", "Über", "", "a.digests"])
def test_a_wrong_name(index, name):
    with pytest.raises(UsageError, match="a name has"):
        index_query.new(index, name, SUPINE)


def test_a_list_is_not_overwritten(index):
    index_query.new(index, "colon", SUPINE)
    with pytest.raises(UsageError, match="data/sources has colon already"):
        index_query.new(index, "colon", SUPINE)


def test_without_the_index_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(UsageError, match=r"no idc-index-data: `pip install -e '\.\[idc\]'`"):
        index_query.new(tmp_path, "colon", SUPINE)


def test_the_committed_query_gives_the_committed_list(repository, tmp_path):
    try:
        metadata.distribution("idc-index-data")
    except metadata.PackageNotFoundError:
        pytest.skip("no idc-index-data (79 MB): `pip install -e '.[idc]'`")
    description = source.load(repository, NAME).description
    index_query.new(tmp_path, NAME, description.query)
    made = source.load(tmp_path, NAME)
    assert made.series == source.load(repository, NAME).series
    for key in ("bucket", "licence", "doi", "query", "index_version", "patients"):
        assert getattr(made.description, key) == getattr(description, key)
