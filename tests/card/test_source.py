"""What the card says of a data version that was fetched."""

import shutil

import pytest

from card_reports import REPOSITORY, fill, prepare, run
from syda import paths
from syda.card import inputs
from syda.card.explain import explain
from syda.errors import CorruptData, UsageError
from syda.open_data import data_version, digests, source

NAME = "c4kc-kits-noncontrast"
DESCRIPTION = source.description_path(NAME)


@pytest.fixture
def root(tmp_path):
    """A run on a fetched version, whose patients are not artificial."""
    root = prepare(tmp_path)
    fill(root, lambda contents: contents[paths.CONVERT_REPORT].update(artificial=False))
    for file in (DESCRIPTION, DESCRIPTION.with_suffix(".csv")):
        shutil.copy(REPOSITORY / file, root / file)
    about_other_data(root, "v0", "v1")
    (root / paths.RAW).mkdir()
    data_version.register(root, "v0", NAME)
    recorded = digests.load(root, NAME)
    for number, verified in enumerate((True, False, True)):
        row = digests.FetchedSeries(folder=str(number), sha256="0" * 64, md5_verified=verified)
        recorded.add(row)
    return root


def about_other_data(root, old, new):
    """Let the declared texts be about another data version."""
    text = (root / paths.DECLARED).read_text()
    assert f"data_version: {old}" in text
    (root / paths.DECLARED).write_text(text.replace(f"data_version: {old}", f"data_version: {new}"))


def describe(root, *changes):
    text = (root / DESCRIPTION).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (root / DESCRIPTION).write_text(text)


@pytest.mark.parametrize(
    ("section", "name", "pointer"),
    [
        ("2.1", "source", "title"),
        ("2.1", "source_doi", "doi"),
        ("2.1", "source_query", "query"),
        ("2.1", "source_index", "index_version"),
        ("2.1", "source_patients", "patients"),
        ("2.1", "source_files", "files"),
        ("2.1", "source_disease", "cohort/disease"),
        ("2.2", "stones_status", "cohort/stones/status"),
        ("2.2", "source_contrast", "cohort/contrast"),
        ("9", "source_consent", "cohort/consent"),
        ("10", "data_license", "licence"),
        ("10", "source_licence_text", "licence_url"),
        ("10", "attribution", "citation"),
    ],
)
def test_a_fact_is_the_value_of_the_description(root, section, name, pointer):
    _, document = run(root)
    fact = document["sections"][section]["facts"][name]
    value = source.load(root, NAME).description
    for key in pointer.split("/"):
        value = getattr(value, key)
    assert value
    assert (fact["value"], fact["kind"]) == (value, "declared")
    assert fact["sources"] == [f"{DESCRIPTION}#/{pointer}"]


def test_list_and_verified_series_are_those_of_the_fetch(root):
    _, document = run(root)
    facts = document["sections"]["2.1"]["facts"]
    assert facts["source_list"]["value"] == NAME
    assert facts["source_list"]["sources"] == ["data/sources/versions.json#/v0"]
    assert facts["source_verified"]["value"] == 2
    assert facts["source_verified"]["sources"] == [f"data/sources/{NAME}.digests.csv#/md5_verified"]
    assert "  written   by `syda fetch`: no stage makes it" in explain(root, "2.1.source_list")


def test_the_pages_have_patients_licence_and_attribution(root):
    page, _ = run(root)
    assert "kidney tumour" in page
    terms = (root / paths.DATA_PAGE).read_text().partition("## 10 Terms of use")[2]
    assert "CC BY 3.0" in terms
    assert "Heller" in terms
    assert "Apache" not in terms  # that is the code's


def test_the_basis_of_consent_does_not_stand_for_the_data_owners_word(root):
    _, document = run(root)
    assert document["sections"]["9"]["facts"]["consent"]["kind"] == "absent"


def test_stones_are_absent_until_a_reader_has_read_every_scan(root):
    _, document = run(root)
    fact = document["sections"]["2.2"]["facts"]["contrast_and_stones"]
    assert (fact["kind"], fact["owner"]) == ("absent", "radiologist")
    assert fact["note"].endswith("It has no label of stones")

    reader = ("reader:  ", "reader: radiologist, ten years  ")
    describe(root, ("status: read by nobody  ", "status: read in part  "), reader)
    _, document = run(root)
    assert document["sections"]["2.2"]["facts"]["contrast_and_stones"]["kind"] == "absent"

    describe(root, ("status: read in part  ", "status: read  "))
    _, document = run(root)
    facts = document["sections"]["2.2"]["facts"]
    assert facts["stones_status"]["value"] == "read"
    assert facts["contrast_and_stones"]["value"] == "radiologist, ten years"


def test_a_reading_has_a_reader(root):
    describe(root, ("status: read by nobody  ", "status: read  "))
    with pytest.raises(CorruptData, match=r"cohort\.stones: .*'read' and reader None"):
        run(root)


def test_an_empty_key_is_absent_and_names_its_file(root):
    text = (root / DESCRIPTION).read_text()
    (root / DESCRIPTION).write_text(text.replace("disease: Every", "disease: # Every"))
    _, document = run(root)
    fact = document["sections"]["2.1"]["facts"]["source_disease"]
    assert (fact["kind"], fact["note"]) == ("absent", f"cohort/disease in {DESCRIPTION}")


def test_declared_terms_come_before_those_of_the_source(root):
    about_other_data(root, "v1", "v0")
    _, document = run(root)
    facts = document["sections"]["10"]["facts"]
    assert facts["data_license"]["value"].startswith("Those of the code")
    assert facts["attribution"]["value"].startswith("Heller")


def test_a_version_without_a_source_says_what_it_said(root):
    (root / data_version.FILE).unlink()
    plain, document = run(root)
    assert "source_list" not in document["sections"]["2.1"]["facts"]
    assert not [path for path in inputs.read(root).digests if path.startswith("data/")]
    data_version.register(root, "v9", NAME)
    assert run(root)[0] == plain


def test_a_release_holds_the_digests_of_the_files_of_the_source(root):
    names = {f"data/sources/{NAME}.{end}" for end in ("csv", "yaml", "digests.csv")}
    assert names | {"data/sources/versions.json"} <= inputs.read(root).digests.keys()


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ('{"v0": "no-such-list"}', UsageError, "no list no-such-list"),
        ('{"v0": 3}', CorruptData, r"versions\.json: malformed"),
    ],
)
def test_a_wrong_record_of_the_fetch_is_one_line(root, content, error, words):
    (root / data_version.FILE).write_text(content)
    with pytest.raises(error, match=words) as raised:
        run(root)
    assert "\n" not in str(raised.value)
