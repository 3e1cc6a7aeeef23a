from pathlib import Path

import pytest

from syda.card import declared
from syda.errors import UsageError

SHIPPED = (Path(__file__).parents[2] / "model_card" / "declared.yaml").read_text()
FILE = Path("model_card/declared.yaml")


def read(root, text):
    (root / FILE).parent.mkdir(exist_ok=True)
    (root / FILE).write_text(text)
    return declared.read(root, FILE, "v0")


def test_the_shipped_file_names_nobody(tmp_path):
    found = read(tmp_path, SHIPPED)
    author = found.fact_or_absent("author", "Author", "project owner", "nobody is named")
    assert (author.value, author.kind, author.owner) == (None, "absent", "project owner")


def test_a_declared_value_points_to_its_key(tmp_path):
    found = read(tmp_path, SHIPPED)
    assert found.fact("historical/ms_ssim", "MS-SSIM").sources == (f"{FILE}#/historical/ms_ssim",)
    assert found.fact("historical/ms_ssim", "MS-SSIM").value == 0.19
    second = found.each("limitations", "limitation")[1]
    assert second.sources == (f"{FILE}#/limitations/1",)


@pytest.mark.parametrize("line", ["ms_ssim: 0.3", "weights_digest: ab", "status: complete"])
def test_what_the_pipeline_measures_cannot_be_declared(tmp_path, line):
    with pytest.raises(UsageError, match="cannot be declared"):
        read(tmp_path, f"{SHIPPED}\n{line}\n")


@pytest.mark.parametrize("text", ["TBD", "N.A.", "n/a", '"-"', "here", '" "', "todo"])
def test_a_placeholder_is_no_answer(tmp_path, text):
    with pytest.raises(UsageError, match=r"author: .*no answer"):
        read(tmp_path, SHIPPED.replace("author: ", f"author: {text} "))


def test_a_placeholder_deep_in_the_file_is_found(tmp_path):
    broken = SHIPPED.replace("- Diagnosis, treatment planning", "- tbd\n  - Diagnosis, planning")
    with pytest.raises(UsageError, match=r"out_of_scope\.0"):
        read(tmp_path, broken)


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2"])
def test_broken_yaml_is_wrong_use(tmp_path, text):
    with pytest.raises(UsageError, match=r"declared\.yaml"):
        read(tmp_path, text)


def test_a_missing_key_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="intended_use"):
        read(tmp_path, SHIPPED.replace("intended_use:", "intended_usage:"))


def test_texts_about_another_data_version_are_shown_as_not_confirmed(tmp_path):
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(SHIPPED)
    found = declared.read(tmp_path, FILE, "v2")
    limit = found.each("limitations", "limitation")[0]
    assert (limit.declared_for, limit.owner, limit.missing) == ("v0", "development team", True)
    name = found.fact("project_name", "Project name")
    assert (name.declared_for, name.missing) == ("", False)
    same = declared.read(tmp_path, FILE, "v0").each("limitations", "limitation")[0]
    assert not same.missing


def test_every_key_about_data_exists():
    assert set(declared.OF_DATA) <= set(declared.DeclaredFile.model_fields)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("roles: {}", "roles: {director: {name: A, contact: b}}", "roles: 'director'"),
        ("owner: clinical lead", "owner: director", r"risks\.5\.owner: 'director'"),
    ],
)
def test_a_role_that_there_is_not_is_refused(tmp_path, old, new, key):
    with pytest.raises(UsageError, match=f"{key} is none of: project owner, "):
        read(tmp_path, SHIPPED.replace(old, new))
