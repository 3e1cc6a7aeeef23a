"""What is asked of a finished card: here, of the committed reports in a small git history."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from card_clone import REPOSITORY, git, make
from syda import paths
from syda.card import diff, section_list, verify
from syda.card.explain import ProvenanceChain, explain
from syda.cli import app
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.runtime.digest import sha256_of_file
from syda.runtime.outputs import write_json
from syda.stages import card as stage

METRICS = paths.METRICS.as_posix()
DETAILS = (paths.EVALUATION / "details.json").as_posix()
VERSION = json.loads((REPOSITORY / paths.CONVERT_REPORT).read_text())["version"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The committed inputs, their card and the code, in two commits."""
    return make(tmp_path_factory.mktemp("card") / "clone")


@pytest.fixture
def root(made, tmp_path):
    copy = tmp_path / "clone"
    shutil.copytree(made, copy)
    return copy


def commits(root):
    """The run's commit and the code's."""
    return [commit[:12] for commit in git(root, "log", "--format=%H").split()]


def fields(lines):
    return [line for line in lines if re.match(r"[0-9A-Z]+\.", line)]


def call(root, monkeypatch, *words):
    """Run ``syda card``; what it raises is raised here."""
    monkeypatch.chdir(root)
    done = CliRunner().invoke(app, ["card", *words])
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == 0
    return done.output


def test_a_figure_leads_to_file_stage_code_weights_data_and_commit(made):
    lines = list(explain(made, "5.ms_ssim"))
    assert fields(lines) == [
        f"5.checklist.{VERSION}_holdout.ms_ssim",
        "5.checklist.2.ms_ssim",
    ]
    (value,) = [
        figures["synthetic"]
        for key, figures in json.loads((made / METRICS).read_text())["holdout"].items()
        if key.startswith("ms_ssim")
    ]
    assert f"  MS-SSIM: {value}, measured" in lines
    where = rf"  from {DETAILS}#/figures/holdout/ms_ssim\S+/synthetic/value$"
    assert any(re.match(where, x) for x in lines)
    text = "\n".join(lines)
    run, _ = commits(made)
    sha256 = sha256_of_file(made / DETAILS)
    assert f"{DETAILS}\n  sha256    {sha256}, commit {run}" in text
    assert "  written   by stage evaluate, with this sha256" in text
    assert "  manifest  reports/manifest/evaluate.json" in text
    train = json.loads((made / paths.manifest("train")).read_text())
    weights = train["writes"]["data/weights"]["sha256"]
    assert f"  weights   data/weights: sha256 {weights}, by train" in text
    assert f"  code      train: sha256 {train['code']['sha256']}, " in text
    raw = json.loads((made / paths.manifest("convert")).read_text())["reads"]
    for name, digest in raw.items():
        assert f"  data      {name}: sha256 {digest['sha256']}, " in text
    assert "model_card/declared.yaml\n" in text
    assert "by hand: no stage makes it" in text


def test_the_commit_of_the_code_is_the_one_that_holds_all_of_its_files(root):
    run, code = commits(root)
    path = root / paths.manifest("card")
    content = json.loads(path.read_text())
    line = ProvenanceChain(root)._code(paths.manifest("card").as_posix())
    assert line == f"sha256 {content['code']['sha256']}, commit {code}"
    content["code"]["files"]["syda/card/render.py"] = "0" * 64
    write_json(path, content)
    text = ProvenanceChain(root)._code(paths.manifest("card").as_posix())
    assert text.endswith(", in no commit that git knows here")
    assert run != code


def test_a_parameter_leads_to_the_manifest_that_has_it(made):
    for name in ("4.parameters.train.loss", "4.4.parameters.train.loss.value", "4.train.loss"):
        lines = list(explain(made, name))
        assert fields(lines) == ["4.4.parameters.train.loss.value"], name
        assert "  from reports/manifest/train.json#/params/train/loss" in lines
        assert "  manifest  reports/manifest/train.json" in lines


def test_altered_and_uncommitted_files_are_named(root):
    text = (root / METRICS).read_text()
    (root / METRICS).write_text(text + "\n")
    text = "\n".join(explain(root, "5.n_synthetic"))
    assert "NOT what is here" in text
    assert ", in no commit that git knows here" in text
    shutil.rmtree(root / ".git")
    assert ", commit" not in "\n".join(explain(root, "5.n_synthetic"))


def test_an_absent_value_leads_to_who_owes_it(made):
    assert list(explain(made, "1.author"))[:2] == [
        "1.author",
        "  Person developing the model: absent, awaiting: project owner",
    ]


@pytest.mark.parametrize(
    ("field", "near"),
    [
        ("5.mssim", "5.ms_ssim"),
        ("1.author_name", "1.author"),
        ("4.parameters.train.los", "4.4.parameters.train.loss.value"),
        ("zzz", "card.json has the name of each"),
        ("5", "card.json"),
        ("", "card.json"),
    ],
)
def test_an_unknown_field_is_refused_with_similar_names(made, field, near):
    with pytest.raises(UsageError, match=r"no such field in model_card/card\.json: ") as error:
        list(explain(made, field))
    assert near in str(error.value)


def test_the_card_is_as_its_sources_give_it(made, monkeypatch):
    text = call(made, monkeypatch, "verify")
    assert re.search(r"as its sources give it: \d{3,} values, 32 inputs, \d+ links, 0 sign", text)


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (paths.CARD, f"| Data version | {VERSION}", "| Data version | x", ".md: 1.data_version: "),
        (paths.EVIDENCE, "](../reports/convert.json)", "](../r.json)", "../r.json leads nowhere"),
        (paths.CARD, "(#s7)", "(#s77)", "its link #s77 leads nowhere"),
        (paths.CARD_HTML, f">{VERSION}</td>", ">x</td>", ".html: 1.data_version: "),
        (paths.CARD_JSON, f'"value": "{VERSION}"', '"value": "x"', "card.json: 1.data_version"),
        (paths.DECLARED, "report_version: ", "report_version:  ", "is not what the card was made"),
        (paths.METRICS, "{", "{ ", "reports/metrics.json: is not what the card was made from"),
        (paths.METRICS, "{", "{ ", "cannot be rendered again (reports/metrics.json is not what"),
        (paths.SIGNOFFS, "[]", "[x]", "cannot be rendered again (model_card/signoffs.yaml: "),
    ],
)
def test_what_is_edited_by_hand_fails_and_is_named(root, path, old, new, expected):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))
    assert any(expected in fault for fault in verify.verify(root).faults)


def test_a_missing_input_or_page_is_named(root):
    (root / paths.SIGNOFFS).unlink()
    (fault, *_) = verify.verify(root).faults
    assert fault == "model_card/signoffs.yaml: is missing, the card is made from it"
    (root / paths.CARD).unlink()
    with pytest.raises(UsageError, match=r"model_card\.md does not exist"):
        verify.verify(root)


def test_a_card_that_breaks_its_structure_is_refused(root):
    text = (root / paths.CARD_JSON).read_text()
    (root / paths.CARD_JSON).write_text(text.replace('"kind": "measured"', '"kind": "seen"', 1))
    with pytest.raises(CorruptData, match=r"card\.json#/sections/\d+/facts/\w+/kind: Input should"):
        verify.verify(root)


def test_a_fault_is_exit_1(root, monkeypatch):
    text = (root / paths.CARD).read_text()
    (root / paths.CARD).write_text(text.replace("not for diagnosis", "for diagnosis", 1))
    with pytest.raises(CheckFailed, match="card verify: 1 faults in "):
        call(root, monkeypatch, "verify")


def sign(root, number):
    status = json.loads((root / paths.CARD_JSON).read_text())["status"][number]
    (root / paths.SIGNOFFS).write_text(
        f'signoffs:\n  - section: "{number}"\n    name: A | <b>\n    role: clinical lead\n'
        f'    date: 2026-01-31\n    meaning: read\n    digest: "{status["digest"]}"\n'
    )
    stage.run(root)


def declare(root, key, text):
    declared = root / paths.DECLARED
    declared.write_text(re.sub(f"^{key}:.*$", f"{key}: {text}", declared.read_text(), flags=re.M))
    stage.run(root)


def test_a_stale_sign_off_is_shown_by_verify_and_diff(root, monkeypatch):
    sign(root, "7")
    assert verify.verify(root).notes == []
    git(root, "commit", "-qam", "signed")
    declare(root, "clinical_evaluation", "a | <b>study</b>")
    verdict = verify.verify(root)
    assert verdict.faults == []
    assert verdict.notes == ["section 7: stale sign-off of the clinical lead, 2026-01-31"]
    text = call(root, monkeypatch, "diff", "HEAD")
    assert text.startswith("## Model card: HEAD to working tree\n")
    owed = r"| 7.evaluation | absent, awaiting: clinical lead | a \| &lt;b&gt;study&lt;/b&gt; |"
    assert owed in text
    assert "signed off: clinical lead | stale sign-off |" in text
    lost = r"| 7 | A \| &lt;b&gt;, clinical lead, 2026-01-31 | stale: the text has changed |"
    assert f"### Sign-offs lost\n\n| section | who | why |\n| --- | --- | --- |\n{lost}" in text
    sections = call(root, monkeypatch, "sections")
    status = json.loads((root / paths.CARD_JSON).read_text())["status"]
    assert f" 7  {status['7']['digest']}  Clinical evaluation: stale sign-off\n" in sections
    assert [line.split()[0] for line in sections.splitlines()] == [str(n) for n in range(1, 11)]


def test_revisions_are_compared(root, monkeypatch):
    assert call(root, monkeypatch, "diff", "HEAD") == (
        "## Model card: HEAD to working tree\n\nNothing differs.\n"
    )
    before = json.loads((root / paths.CARD_JSON).read_text())["sections"]["1"]["facts"]
    declare(root, "report_version", '"9.9"')
    git(root, "commit", "-qam", "next")
    text = call(root, monkeypatch, "diff", "HEAD~1", "HEAD")
    assert rf"| 1.report\_version | {before['report_version']['value']} | 9.9 |" in text
    assert "### Status" not in text
    with pytest.raises(UsageError, match=r"nosuch: git knows no .*; nor is it a release \(none\)"):
        diff.diff(root, "nosuch", None)
    with pytest.raises(UsageError, match=r"HEAD~2: has no model_card/card\.json"):
        diff.diff(root, "HEAD~2", None)


def test_a_card_of_another_schema_is_not_read(root):
    text = (root / paths.CARD_JSON).read_text()
    (root / paths.CARD_JSON).write_text(text.replace('"syda-card-4"', '"syda-card-1"'))
    with pytest.raises(CorruptData, match="its schema is syda-card-1"):
        list(section_list.sections(root))
    (root / paths.CARD_JSON).unlink()
    with pytest.raises(UsageError, match="does not exist"):
        verify.verify(root)


def test_card_alone_is_the_stage(root, monkeypatch):
    (root / paths.CARD).unlink()
    assert call(root, monkeypatch) == ""
    assert (root / paths.CARD).is_file()
