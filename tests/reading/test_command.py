"""A small study from records and volumes on disk: made, clicked through in Chromium, read."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from syda.cli import app
from syda.errors import CheckFailed, UsageError
from syda.params import load
from syda.reading import command, volumes
from syda.reading import key as keys
from syda.reading.design import StudyDesign
from syda.records import writer
from syda.records.config import PackParams
from syda.records.schema import Record
from syda.types import Case, Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace

ROOT = Path(__file__).parents[2]
DESIGN = StudyDesign(readers=2, volumes=6, repeats=1, seed=5)


def body(shape, spacing, seed):
    """A block of soft tissue with noise, in air."""
    hu = np.full(shape, -1000, np.int16)
    inner = tuple(slice(n // 8, n - n // 8) for n in shape)
    hu[inner] = np.random.default_rng(seed).integers(0, 80, hu[inner].shape)
    return Volume(hu, np.diag([spacing, spacing, spacing, 1.0]))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Params, records of eight patients, and four synthetic volumes."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    scans = [
        Record(Case(f"c{n}", f"p{n}", {}), body((64 + 2 * n, 64, 48), 1.5, n)) for n in range(8)
    ]
    params = PackParams(holdout_share=0.5, shards=1, compression="none")
    (tmp_path / "data/records").mkdir(parents=True)
    writer.write(tmp_path / "data/records", scans, params)
    (tmp_path / "data/synthetic").mkdir()
    for n in range(4):
        file = tmp_path / f"data/synthetic/{n:06}.nii.gz"
        nifti.write(file, body((32, 32, 32), 3 + n / 8, n))
        text = json.dumps({"effective_spacing_mm": 3 + n / 8, "weights_sha256": "a" * 64})
        file.with_name(f"{n:06}.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(root):
    """The folder of a study."""
    command.new(root, root / "data/reading", DESIGN, command.StudyOptions())
    return root / "data/reading"


def test_matched_volumes_have_one_shape_and_voxel_size(root):
    found = volumes.prepare(root, DESIGN, load(root).ct, "matched")
    assert len({one.shape for one in found.shown}) == 1
    assert len({one.spacing for one in found.shown}) == 1
    native = volumes.prepare(root, DESIGN, load(root).ct, "native")
    assert {one.spacing[0] for one in native.shown[:3]} == {1.5}
    assert min(one.spacing[0] for one in native.shown[3:]) >= 3


def test_a_real_scan_is_as_coarse_as_the_model(root):
    space = ModelSpace.of(load(root).ct)
    coarse = volumes.through_model(body((64, 64, 48), 1.5, 0), space)
    assert coarse.hu.shape == (32, 32, 32)
    assert coarse.spacing == (3.0, 3.0, 3.0)


def test_a_page_holds_no_answer(study):
    key = keys.read(study)
    for page in key.readers:
        html = (study / f"pages/reader-{page.reader}.html").read_text(encoding="utf-8")
        text = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", html, flags=re.S)
        assert key.salt not in html
        assert key.key_sha256 in html
        assert not any(f'"{volume.name}"' in text for volume in key.volumes)
        assert '"repeat"' not in text
        assert "study: may contain synthetic images, not for diagnosis" in html


def test_a_study_is_not_overwritten(root, study):
    with pytest.raises(UsageError, match="no empty folder"):
        command.new(root, study, DESIGN, command.StudyOptions())


def test_a_folder_that_git_may_see_is_refused(root):
    with pytest.raises(UsageError, match="git may see it"):
        command.new(root, root / "reports/study", DESIGN, command.StudyOptions())


def test_pages_of_patients_need_the_word_of_the_user(root):
    text = (root / "params.yaml").read_text(encoding="utf-8")
    (root / "params.yaml").write_text(text.replace("version: v0 ", "version: v9 "))
    with pytest.raises(UsageError, match="--contains-patient-data"):
        command.new(root, root / "data/reading", DESIGN, command.StudyOptions())
    assert not (root / "data/reading").exists()
    allowed = command.StudyOptions(contains_patient_data=True)
    command.new(root, root / "data/reading", DESIGN, allowed)
    assert not keys.read(root / "data/reading").artificial


def test_volumes_of_several_weights_are_refused(root):
    file = root / "data/synthetic/000000.json"
    file.write_text(file.read_text().replace("a" * 64, "b" * 64))
    with pytest.raises(CheckFailed, match="several weights"):
        volumes.prepare(root, StudyDesign(1, 8, 0, 0), load(root).ct, "matched")


def answer(decision, realism):
    """Script that fills in and submits the form of an item."""
    return f"""(() => {{
      const set = (name, value) => {{
        document.querySelector(`#study [name="${{name}}"][value="${{value}}"]`).checked = true;
      }};
      set("decision", "{decision}");
      set("confidence", 4);
      data.organs.forEach((organ) => set(organ, "odd"));
      set("realism", {realism});
      document.querySelector("#study button").click();
    }})()"""


BEGIN = (
    "document.querySelector('#begin [name=years]').value = 12;"
    "document.querySelector('#begin button').click()"
)


@pytest.mark.slow
def test_scripted_readers_click_through_and_are_read(study, browser, tmp_path):
    key = keys.read(study)
    files = []
    for page in key.readers:
        html = study / f"pages/reader-{page.reader}.html"
        browser.open(html)
        browser.js("document.querySelector('#begin button').click()")
        assert browser.js("!state.begun")  # years are required
        browser.js(BEGIN)
        for position, item in enumerate(page.items):
            browser.wait("sides[0].volume && !sides[0].section.hasAttribute('aria-busy')")
            assert browser.js("document.getElementById('progress').textContent") == (
                f"Item {position + 1} of 7"
            )
            if position == 3:  # closed and opened again
                browser.open(html)
                assert browser.js("state.items.length") == 3
            browser.js("document.querySelector('#study button').click()")
            assert browser.js("state.items.length") == position  # unanswered questions remain
            browser.js(answer(key.volumes[item.volume].kind, 3))
        assert browser.js("!document.getElementById('finish').hidden")
        file = tmp_path / f"reader-{page.reader}.json"
        file.write_text(json.dumps(browser.js("response()")), encoding="utf-8")
        files.append(str(file))
        problems = [one for one in browser.seen() if one["method"] == "Log.entryAdded"]
        assert problems == []

    done = CliRunner().invoke(app, ["reader-study", "read", *files])
    assert done.exit_code == 0, done.exception
    assert "2 of 2 readers, 3 real and 3 synthetic volumes" in done.output
    found = json.loads(Path("model_card/reader_study.json").read_text(encoding="utf-8"))
    assert found["auc"]["value"] == found["accuracy"]["value"] == 1
    assert found["readers"]["median_years"] == 12
    assert found["self_agreement"]["pairs"] == 2


@pytest.mark.slow
def test_the_response_of_a_changed_page_is_refused(study, browser, tmp_path):
    html = study / "pages/reader-1.html"
    text = html.read_text(encoding="utf-8")
    html.write_text(text.replace('"name": "Item 1"', '"name": "Item 0"', 1), encoding="utf-8")
    assert html.read_text(encoding="utf-8") != text
    browser.open(html)
    browser.js(BEGIN)
    for _ in range(7):
        browser.js(answer("real", 3))
    file = tmp_path / "reader-1.json"
    file.write_text(json.dumps(browser.js("response()")), encoding="utf-8")
    done = CliRunner().invoke(app, ["reader-study", "read", str(file)])
    assert isinstance(done.exception, CheckFailed)
    assert "page of reader 1 was changed" in str(done.exception)


def test_power_is_printed():
    done = CliRunner().invoke(app, ["reader-study", "power", "--studies", "10"])
    assert done.exit_code == 0
    assert done.output.startswith("3 readers, 40 volumes, 10 simulated studies")
