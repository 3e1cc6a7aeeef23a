"""A release of the card, made and looked back upon: the committed reports in a small history."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from card_clone import git, make
from syda import paths
from syda.card import build, diff, release, releases, verify
from syda.card.explain import explain
from syda.card.inputs import INPUTS, REPORTS
from syda.cli import app
from syda.errors import CheckFailed
from syda.integrity import verify as integrity_verify
from syda.integrity.inspection import VerifyFault
from syda.runtime.digest import sha256_of, sha256_of_file
from syda.runtime.outputs import write_json
from syda.stages import card as stage


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Before any release."""
    root = make(tmp_path_factory.mktemp("release") / "clone")
    declare(root, "report_version", "0.1")
    git(root, "commit", "-q", "--allow-empty", "-am", "version")
    return root


@pytest.fixture(scope="module")
def released(made, tmp_path_factory):
    """After a first one, with what a second one will be of; and what was message."""
    root = tmp_path_factory.mktemp("released") / "clone"
    shutil.copytree(made, root)
    message = list(release.run(root))
    stage.run(root)
    commit(root, "Release 0.1")
    return root, message


@pytest.fixture
def root(released, tmp_path):
    shutil.copytree(released[0], tmp_path / "clone")
    return tmp_path / "clone"


def declare(root, key, text):
    file = root / paths.DECLARED
    file.write_text(re.sub(f"^{key}:.*$", f'{key}: "{text}"', file.read_text(), flags=re.M))
    stage.run(root)


def commit(root, message="more"):
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


FILE = paths.RELEASES / "0.1.json"


def tables(root, number):
    return json.loads((root / paths.CARD_JSON).read_text())["sections"][number]["tables"]


def refused(root):
    with pytest.raises(CheckFailed) as error:
        list(release.run(root))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_release_is_one_file_and_the_next_commands_are_printed(released, made):
    root, lines = released
    head = git(made, "rev-parse", "HEAD")
    content = json.loads((root / FILE).read_text())
    train = json.loads((root / paths.manifest("train")).read_text())
    assert (content["report_version"], content["commit"]) == ("0.1", head)
    assert content["date"] == git(made, "show", "-s", "--format=%cs", "HEAD")
    weights = content["measured"]["1.weights_digest"]
    assert weights == train["writes"]["data/weights"]["sha256"]
    unsigned = {path.as_posix() for path in INPUTS} - {"model_card/signoffs.yaml"}
    unsigned.remove("reports/manifest/phantom-v1.json")  # of another data version
    folders = {paths.RELEASES.as_posix(), paths.SOURCES.as_posix()}
    assert content["inputs"].keys() == unsigned - folders
    assert releases.faults(root, FILE) == []
    assert f"0.1.json: written for commit {head[:12]}, {content['date']}; next" in lines[0]
    assert any("gto register syda --version v" in line for line in lines)
    assert not git(root, "tag")


def test_the_card_settles_on_the_bytes_of_its_release(released):
    root, _ = released
    outputs = json.loads((root / FILE).read_text())["outputs"]
    for _ in range(2):
        found = {path.as_posix(): sha256_of_file(root / path) for path in build.OUTPUTS}
        assert found == outputs
        stage.run(root)
    result = verify.verify(root)
    assert result.faults == []
    assert result.checked.endswith(", 1 releases")


def test_what_the_page_says_of_its_release(made, released):
    before, after = ((one / paths.CARD).read_text() for one in (made, released[0]))
    assert "Report 0.1, not released yet." in before
    assert "Report 0.1, released; the file of the release has its commit and date." in after
    statuses = [
        json.loads((root / paths.CARD_JSON).read_text())["status"] for root in (made, released[0])
    ]
    assert statuses[0] == statuses[1]  # what people have signed is what is released


def test_it_is_released_once(root):
    assert "report_version 0.1 is not above 0.1, which is released: raise it in" in refused(root)
    declare(root, "report_version", "0.0.9")
    commit(root)
    assert "report_version 0.0.9 is not above 0.1" in refused(root)
    declare(root, "report_version", "draft")
    commit(root)
    assert "report_version 'draft' is not like 1.2" in refused(root)


@pytest.mark.parametrize(
    ("path", "message"),
    [(paths.PARAMS, "params.yaml is not committed"), ("new file", "new file is not committed")],
)
def test_what_is_not_committed_is_not_released(root, path, message):
    with (root / path).open("a") as stream:
        stream.write("\n")
    assert message in refused(root)


def test_a_card_that_is_not_as_its_sources_give_it_is_not_released(root):
    text = (root / paths.CARD).read_text()
    (root / paths.CARD).write_text(text.replace("not for diagnosis", "for diagnosis", 1))
    commit(root)
    assert "stands there" in refused(root)


def test_a_pipeline_that_is_not_up_to_date_is_not_released(root, monkeypatch):
    def stale(root, *, allow_missing):
        assert allow_missing
        return integrity_verify.VerifyReport(
            [VerifyFault("dvc.yaml", "is not what ran", "`dvc repro`")], "1 stage"
        )

    monkeypatch.setattr(integrity_verify, "run", stale)
    monkeypatch.chdir(root)
    done = CliRunner().invoke(app, ["card", "release"])
    assert isinstance(done.exception, CheckFailed)
    assert str(done.exception).startswith("card release: dvc.yaml: is not what ran: `dvc repro`")


def test_without_a_commit_there_is_nothing_to_release(root):
    shutil.rmtree(root / ".git")
    assert "a release is of a commit" in refused(root)


def test_other_weights_need_another_model_version(root):
    edit_run(
        root, "train", lambda content: content["writes"]["data/weights"].update(sha256="f" * 64)
    )
    declare(root, "report_version", "0.2")
    commit(root)
    assert "was released with other weights (report 0.1)" in refused(root)
    declare(root, "model_version", "9.9")
    commit(root)
    assert any("gto register syda --version v9.9.0" in line for line in release.run(root))


def test_an_altered_release_is_named(root):
    text = (root / FILE).read_text()
    altered = re.sub(r'("1.weights_bytes": \d*)(\d)', lambda m: f"{m[1]}{9 - int(m[2])}", text)
    assert altered != text
    (root / FILE).write_text(altered)
    assert f"{FILE}: is not what was released" in verify.verify(root).faults
    with pytest.raises(CheckFailed, match=r"0\.1\.json: .*a release never changes"):
        stage.run(root)


def edit_run(root, name, edit):
    """Change what a stage's manifest says, and all that rests on it, as another run would."""
    path = root / paths.manifest(name)
    content = json.loads(path.read_text())
    was = json.dumps(content["writes"])
    edit(content)
    write_json(path, content)
    for other in (root / paths.MANIFEST).glob("*.json"):
        manifest = json.loads(other.read_text())
        for key, digest in content["writes"].items():
            if key in manifest["reads"] and key in json.loads(was):
                manifest["reads"][key] = digest
        write_json(other, manifest)


def another_run(root, edit):
    """Change the evaluation's details as another run would."""
    path = root / REPORTS["details"]
    content = json.loads(path.read_text())
    edit(content)
    write_json(path, content)
    name = REPORTS["details"].as_posix()
    sha256 = sha256_of(path.read_bytes())
    edit_run(root, "evaluate", lambda one: one["writes"][name].update(sha256=sha256))
    declare(root, "report_version", "0.2")


def metric(content, name):
    return next(key for key in content["metrics"] if key.startswith(name))


def test_the_next_card_has_the_rows_of_the_release_and_what_changed_since(root):
    was = tables(root, "5")["checklist"][0]

    def better(content):
        figures = content["figures"]["holdout"][metric(content, "kid")]
        figures["synthetic"]["value"] = 0.0123
        figures["difference"] |= {"low": -0.01, "high": 0.01}

    another_run(root, better)
    rows = tables(root, "5")["checklist"]
    names = [row["dataset name"]["value"] for row in rows]
    assert names[1] == f"{names[0]} (release 0.1)"
    assert rows[1]["MS-SSIM"]["value"] == was["MS-SSIM"]["value"]
    assert rows[1]["MS-SSIM"]["sources"] == [f"{FILE}#/measured/{was['MS-SSIM']['field']}"]
    since = tables(root, "E")
    crossed = {row["field"]: row for row in since["crossed"]}
    assert crossed["5.goals.realism.kid.verdict"]["now"]["value"] == "met"
    assert crossed["5.goals.realism.kid.verdict"]["in the last release"]["value"] == "not met"
    figures = {row["field"]: row["now"]["value"] for row in since["figures"]}
    assert figures == {"5.figures_holdout.kid.synthetic": 0.0123}
    assert [row["field"] for row in since["identity"]] == ["1.report_version"]
    page = (root / paths.CARD).read_text()
    assert "Report 0.2, not released yet." in page
    assert verify.verify(root).faults == []
    text = diff.diff(root, "0.1", None)
    assert text.startswith("## Model card: 0.1 to working tree")
    assert r"| 5.goals.realism.kid.verdict | not met | met |" in text
    commit(root)
    list(release.run(root))
    assert diff.diff(root, "0.1", "0.2") == text.replace("working tree", "0.2")


def test_a_figure_of_another_protocol_is_not_compared(root):
    def otherwise(content):
        content["metrics"][metric(content, "ms_ssim")]["protocol"]["sigma"] = 9.75

    another_run(root, otherwise)
    row = tables(root, "5")["checklist"][1]
    assert row["MS-SSIM"] == "another protocol: not comparable"
    assert isinstance(row["perceptual loss"], dict)
    (other,) = tables(root, "E")["protocols"]
    assert other["key"].startswith("ms_ssim")
    assert tables(root, "E")["figures"] == []


def test_a_card_of_another_run_under_a_released_version_says_so(root):
    another_run(root, lambda content: content["sampling"].update(seed=12345))
    declare(root, "report_version", "0.1")
    page = (root / paths.CARD).read_text()
    assert "Report 0.1, not released: another card was released under this version" in page


def test_a_figure_of_a_release_leads_to_it(root):
    declare(root, "report_version", "0.2")
    lines = list(explain(root, "5.ms_ssim"))
    assert any(line.startswith("  written   for release 0.1, of commit ") for line in lines)
