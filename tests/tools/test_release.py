"""A release of the card, made and looked back upon: the committed reports in a small history."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from card_clone import git, make
from syda import paths
from syda.card import releases
from syda.cli import app
from syda.errors import CheckFailed
from syda.integrity import verify
from syda.integrity.inspection import Fault
from syda.runtime.outputs import write_json
from syda.stages import card as stage
from syda.tools import card, release


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Before any release."""
    root = make(tmp_path_factory.mktemp("release") / "clone")
    declare(root, "report_version", "0.1")
    git(root, "commit", "-q", "--allow-empty", "-am", "version")
    return root


@pytest.fixture(scope="module")
def released(made, tmp_path_factory):
    """After a first one, with what a second one will be of; and what was told."""
    root = tmp_path_factory.mktemp("released") / "clone"
    shutil.copytree(made, root)
    told = list(release.run(root))
    stage.run(root)
    commit(root, "Release 0.1")
    return root, told


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


BASE = paths.RELEASES / "0.1"


def tables(root, number):
    return json.loads((root / paths.CARD_JSON).read_text())["sections"][number]["tables"]


def refused(root):
    with pytest.raises(CheckFailed) as error:
        list(release.run(root))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_release_is_frozen_and_what_to_type_is_told(released, made):
    root, told = released
    head = git(made, "rev-parse", "HEAD")
    record = json.loads((root / BASE / releases.RECORD).read_text())
    train = json.loads((root / paths.manifest("train")).read_text())
    weights = train["writes"]["data/weights"]
    assert (record["report_version"], record["commit"]) == ("0.1", head)
    assert record["weights"] == {key: weights[key] for key in ("sha256", "bytes")}
    assert record["code"]["train"] == train["code"]["sha256"]
    inputs = {path.as_posix() for path in stage.INPUTS if path != paths.RELEASES}
    assert inputs | {path.as_posix() for path in stage.OUTPUTS} <= set(record["files"])
    assert releases.faults(root, BASE) == []
    assert f"of commit {head[:12]}, frozen" in told[0]
    assert any("gto register syda --version v" in line for line in told)
    assert not git(root, "tag")


def test_the_card_settles_on_the_bytes_of_its_release(released):
    root, _ = released
    for path in stage.OUTPUTS:
        assert (root / path).read_bytes() == (root / BASE / path).read_bytes()
    verdict = card.verify(root)
    assert verdict.faults == []
    assert verdict.checked.endswith(", 1 releases")
    again = {path: (root / path).read_bytes() for path in stage.OUTPUTS}
    stage.run(root)
    assert again == {path: (root / path).read_bytes() for path in stage.OUTPUTS}


def test_what_the_page_says_of_its_release(made, released):
    before, after = ((one / paths.CARD).read_text() for one in (made, released[0]))
    assert "report version 0.1, not released yet;\n  the release before it: none." in before
    assert "report version 0.1, released, as release.json of that version says" in after
    statuses = [
        json.loads((root / paths.CARD_JSON).read_text())["status"] for root in (made, released[0])
    ]
    assert statuses[0] == statuses[1]  # what people have signed is what is released


def test_every_link_and_pointer_of_the_frozen_card_leads_to_a_frozen_file(released):
    root, _ = released
    assert card.broken_links(root, BASE / paths.CARD) == []
    page = (root / BASE / paths.CARD).read_text()
    for link in set(card.links_of(paths.CARD, page)):
        if not link.startswith("#"):
            target = (root / BASE / paths.MODEL_CARD / link).resolve()
            assert target.is_relative_to((root / BASE).resolve()), link


def test_it_is_released_once(root):
    assert "report_version 0.1 is not above 0.1, which is released: raise it in" in refused(root)
    declare(root, "report_version", "0.0.9")
    commit(root)
    assert "report_version 0.0.9 is not above 0.1" in refused(root)
    declare(root, "report_version", "draft")
    commit(root)
    assert "report_version 'draft' is not like 1.2" in refused(root)


@pytest.mark.parametrize(
    ("path", "told"),
    [(paths.PARAMS, "params.yaml is not committed"), ("new file", "new file is not committed")],
)
def test_what_is_not_committed_is_not_released(root, path, told):
    with (root / path).open("a") as stream:
        stream.write("\n")
    assert told in refused(root)


def test_a_card_that_is_not_as_its_sources_give_it_is_not_released(root):
    text = (root / paths.CARD).read_text()
    (root / paths.CARD).write_text(text.replace("Not for diagnosis", "For diagnosis"))
    commit(root)
    assert "stands there" in refused(root)


def test_a_pipeline_that_is_not_up_to_date_is_not_released(root, monkeypatch):
    def stale(root, *, allow_missing):
        assert allow_missing
        return verify.Report([Fault("dvc.yaml", "is not what ran", "`dvc repro`")], "1 stage")

    monkeypatch.setattr(verify, "run", stale)
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


@pytest.mark.parametrize("damage", ["digit", "missing"])
def test_an_altered_release_is_named(root, damage):
    file = root / BASE / paths.CARD_JSON
    if damage == "missing":
        file.unlink()
    else:
        text = file.read_text()
        file.write_text(
            re.sub(r'("value": \d*)(\d)', lambda m: f"{m[1]}{9 - int(m[2])}", text, count=1)
        )
    told = "is missing" if damage == "missing" else "is not what was released"
    assert f"{BASE}/model_card/card.json: {told}" in card.verify(root).faults
    with pytest.raises(CheckFailed, match=r"card\.json: .*a release never changes"):
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
    path = root / stage.REPORTS["details"]
    content = json.loads(path.read_text())
    edit(content)
    write_json(path, content)
    name = stage.REPORTS["details"].as_posix()
    sha256 = releases.sha256(path.read_bytes())
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
    assert names[2:4] == [f"{name} (release 0.1)" for name in names[:2]]
    assert rows[2]["MS-SSIM"]["value"] == was["MS-SSIM"]["value"]
    assert rows[2]["MS-SSIM"]["sources"] == [
        "model_card/releases/0.1/model_card/card.json#/sections/5/tables/checklist/0/MS-SSIM/value"
    ]
    since = tables(root, "E")
    crossed = {row["field"]: row for row in since["crossed"]}
    assert crossed["5.goals.kid.metrics.verdict"]["now"]["value"] == "met"
    assert crossed["5.goals.kid.metrics.verdict"]["in the last release"]["value"] == "not met"
    figures = {row["field"]: row["now"]["value"] for row in since["figures"]}
    assert figures == {"5.figures_holdout.kid.synthetic": 0.0123}
    assert [row["field"] for row in since["identity"]] == ["1.report_version"]
    page = (root / paths.CARD).read_text()
    assert "report version 0.2, not released yet;\n  the release before it: 0.1." in page
    assert card.verify(root).faults == []
    told = card.diff(root, "0.1", None)
    assert told.startswith("## Model card: 0.1 to working tree")
    assert r"| 5.goals.kid.metrics.verdict | not met | met |" in told
    commit(root)
    list(release.run(root))
    assert card.diff(root, "0.1", "0.2") == told.replace("working tree", "0.2")


def test_a_figure_of_another_protocol_stands_beside_no_other(root):
    def otherwise(content):
        content["metrics"][metric(content, "ms_ssim")]["protocol"]["sigma"] = 9.75

    another_run(root, otherwise)
    row = tables(root, "5")["checklist"][2]
    assert row["MS-SSIM"] == row["MS-SSIM, goal"] == "another protocol: not comparable"
    assert isinstance(row["perceptual loss"], dict)
    (other,) = tables(root, "E")["protocols"]
    assert other["key in metrics.json"].startswith("ms_ssim")
    assert tables(root, "E")["figures"] == []


def test_a_card_of_another_run_under_a_released_version_says_so(root):
    another_run(root, lambda content: content["sampling"].update(seed=12345))
    declare(root, "report_version", "0.1")
    page = (root / paths.CARD).read_text()
    assert "report version 0.1, not released: another card was released under this version" in page


def test_a_figure_of_a_release_leads_to_it(root):
    declare(root, "report_version", "0.2")
    lines = list(card.explain(root, "5.ms_ssim"))
    assert any(line.startswith("  written   for release 0.1, of commit ") for line in lines)
