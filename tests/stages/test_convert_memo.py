"""What earlier runs of ``convert`` computed is taken from the store, and nothing else is."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from syda.dicom import conversion, pixels
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Irregularity, Reason
from syda.params import load
from syda.stages import convert
from syda.types import Volume

REPOSITORY = Path(__file__).parents[2]
CHANGES = {
    "data.version": "v0",
    "convert.select.min_slices": 4,
    "convert.max_quarantine_share": 1.0,
}


@pytest.fixture
def root(workspace):
    return workspace(CHANGES)


@pytest.fixture
def run(root, monkeypatch, capsys):
    """Run the stage; return what it wrote, how many series it computed and its last line."""
    inner, computed = conversion.convert, []

    def counted(uid, *rest):
        computed.append(uid)
        return inner(uid, *rest)

    monkeypatch.setattr(conversion, "convert", counted)

    def run():
        computed.clear()
        convert.run(root)
        return written(root), len(computed), capsys.readouterr().err.splitlines()[-1]

    return run


def written(root):
    files = [*(root / "data" / "nifti").iterdir(), *(root / "reports").rglob("*.json")]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def entries(root):
    return len([*(root / ".work" / "memo" / "convert").iterdir()])


def test_a_second_run_computes_nothing_and_writes_the_same(
    root, raw, ramp, as_slices, save_slices, run
):
    save_slices(raw / "a", as_slices(ramp, "1.2.1"))
    uneven = as_slices(ramp, "1.2.2")
    uneven[3].ImagePositionPatient = [*uneven[3].ImagePositionPatient[:2], 36]
    uneven[3].PixelPaddingValue = -2000
    save_slices(raw / "b", uneven)
    faulty = as_slices(ramp, "1.2.3")
    save_slices(raw / "gap", faulty[:3] + faulty[4:])
    save_slices(raw / "short", as_slices(ramp, "1.2.4")[:2])
    first, computed, said = run()
    assert (computed, said) == (4, "convert: 0 cases reused, 2 new, 1 set aside")
    report = json.loads(first["reports/convert.json"])
    assert report["irregularities"] == {"irregular_spacing": 1}
    assert report["unusual"] == {"PixelPaddingValue": 1}
    assert len(json.loads(first["data/nifti/excluded.json"])) == 1

    second, computed, said = run()
    assert (computed, said) == (0, "convert: 2 cases reused, 0 new, 1 set aside")
    assert second == first

    shutil.rmtree(root / ".work" / "memo")
    assert run()[:2] == (first, 4)


def test_an_added_series_costs_one_and_a_removed_one_is_gone(
    root, raw, ramp, as_slices, save_slices, run
):
    save_slices(raw / "a", as_slices(ramp, "1.2.1"))
    save_slices(raw / "b", as_slices(ramp, "1.2.2"))
    first, _, _ = run()
    save_slices(raw / "c", as_slices(ramp, "1.2.3"))
    three, computed, said = run()
    assert (computed, said) == (1, "convert: 2 cases reused, 1 new, 0 set aside")
    assert len(three) == len(first) + 2
    shutil.rmtree(raw / "c")
    two, computed, said = run()
    assert (computed, said) == (0, "convert: 2 cases reused, 0 new, 0 set aside")
    assert two == first
    assert entries(root) == 2


def test_a_changed_byte_computes_its_series_alone(raw, ramp, as_slices, save_slices, run):
    save_slices(raw / "a", as_slices(ramp, "1.2.1"))
    save_slices(raw / "b", as_slices(ramp, "1.2.2"))
    before, _, _ = run()
    file = raw / "b" / "0003"
    content = bytearray(file.read_bytes())
    content[-7] ^= 4
    file.write_bytes(content)
    after, computed, _ = run()
    assert computed == 1
    assert before != after


def test_parameters_and_key_that_decide_a_case_compute_it_anew(
    root, raw, ramp, as_slices, save_slices, run, workspace
):
    save_slices(raw, as_slices(ramp))
    assert run()[1] == 1
    deciding = (
        {"convert.select.contrast": "without"},
        {"convert.fill_one_missing_slice": True},
        {"convert.max_clamped_share": 0.5},
        {"ct.hu_max": 3000},
        {"data.artificial_key": "another-published-key"},
    )
    for change in deciding:
        workspace(CHANGES | change)
        assert run()[1] == 1, change

    workspace(CHANGES)
    assert run()[1] == 1
    shutil.copytree(raw, root / "data" / "raw" / "v1")
    for change in ({"convert.max_quarantine_share": 0.5}, {"data.version": "v1"}):
        workspace(CHANGES | change)
        assert run()[1] == 0, change


def test_the_private_key_is_not_told_and_another_names_the_case_anew(
    root, ramp, as_slices, save_slices, run, workspace
):
    save_slices(root / "data" / "raw" / "mine", as_slices(ramp))
    workspace(CHANGES | {"data.version": "mine"})
    (root / ".syda").mkdir()
    names = set()
    for digit in "ab":
        (root / ".syda" / "key").write_text(digit * 64)
        files, computed, _ = run()
        assert computed == 1
        names |= {name for name in files if name.endswith(".nii.gz")}
        kept = [file for file in (root / ".work").rglob("*") if file.is_file()]
        assert not [file for file in kept if digit * 64 in f"{file}".lower()]
        assert not [file for file in kept if bytes.fromhex(digit * 64) in file.read_bytes()]
    assert len(names) == 2


def test_members_of_an_archive_are_files_like_others(raw, ramp, as_slices, save_slices, run):
    folder = save_slices(raw / "a", as_slices(ramp))
    first, _, _ = run()
    with zipfile.ZipFile(raw / "a.zip", "w") as opened:
        for number, file in enumerate(sorted(folder.iterdir(), reverse=True)):
            opened.write(file, f"{number}.dcm")
    shutil.rmtree(folder)
    second, computed, _ = run()
    assert computed == 0
    manifest = "reports/manifest/convert.json"  # tells of the raw folder
    assert {**second, manifest: b""} == {**first, manifest: b""}


def test_a_fault_for_want_of_memory_is_tried_again(
    root, raw, ramp, as_slices, save_slices, run, monkeypatch
):
    def starved(*_):
        raise MemoryError

    save_slices(raw / "a", as_slices(ramp, "1.2.1"))
    run()
    save_slices(raw / "b", as_slices(ramp, "1.2.2"))
    with monkeypatch.context() as patch:
        patch.setattr(pixels, "decode", starved)
        files, _, said = run()
    assert said == "convert: 1 cases reused, 0 new, 1 set aside"
    assert json.loads(files["reports/convert.json"])["reasons"] == {"damaged": 1}
    assert entries(root) == 1
    assert run()[1:] == (1, "convert: 1 cases reused, 1 new, 0 set aside")


def test_an_outcome_comes_back_from_json_as_it_was():
    told = {"sex": "F", "kvp": 120.0, "contrast": None}
    case = Outcome("c1", "p1", told, 1 / 3, (Irregularity.GANTRY_TILT,), ("PixelData",))
    fault = Outcome("s1", reason=Reason.DAMAGED, detail="ValueError")
    for one in (case, fault):
        back = Outcome.of(json.loads(json.dumps(one.plain())))
        assert back == one
        assert type(back.reason) is type(one.reason)
        assert [*map(type, back.irregularities)] == [*map(type, one.irregularities)]


def noise(rng, side, slices):
    hu = np.clip(rng.normal(40, 12, (side, side, slices)).round(), -1024, 3071)
    return Volume(hu.astype(np.int16), np.diag([0.75, 0.75, 5.0, 1.0]))


@pytest.mark.slow
def test_a_reused_case_costs_little(tmp_path, as_slices, save_slices):
    """Measured at 4 % on a quiet machine; the bound is for busy ones."""
    volume = noise(np.random.default_rng(0), 512, 60)
    files = sorted(save_slices(tmp_path / "raw", as_slices(volume)).iterdir())
    config = load(REPOSITORY)
    own = config.section("convert", convert.Params)
    memo, settings, cost = own.memo(tmp_path, config.ct), own.settings(config.ct), []
    for number in range(4):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        start = time.process_time()
        kept = convert.convert_series(convert.Task("1.2.3", files, folder, b"key", settings, memo))
        cost.append(time.process_time() - start)
        assert kept.reused == (number > 0)
        assert len([*folder.iterdir()]) == 2
    assert min(cost[1:]) < 0.15 * cost[0]


def syda_convert(root):
    return subprocess.Popen(
        [sys.executable, "-m", "syda", "convert"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "SYDA_WORKERS": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.exhaustive
def test_kills_at_random_moments_and_a_rerun_give_the_bytes_of_an_undisturbed_run(
    root, raw, as_slices, save_slices
):
    rng = np.random.default_rng(0)
    for number in range(8):
        save_slices(raw / f"{number}", as_slices(noise(rng, 192, 32), f"1.2.{number}"))
    start = time.monotonic()
    undisturbed = syda_convert(root)
    said, _ = undisturbed.communicate()
    duration = time.monotonic() - start
    assert "convert: 0 cases reused, 8 new, 0 set aside" in said
    expected = written(root)
    for folder in ("data/nifti", "reports", ".work"):
        shutil.rmtree(root / folder)

    moments, store = random.Random(0), root / ".work" / "memo" / "convert"
    kills = 0
    while kills < 4 or not [*store.glob("[0-9a-f]*")]:
        assert kills < 40
        victim = syda_convert(root)
        try:
            victim.wait(moments.uniform(0.2, 0.95) * duration)
        except subprocess.TimeoutExpired:
            victim.kill()
        victim.communicate()
        kills += victim.returncode < 0
    rerun = syda_convert(root)
    said, _ = rerun.communicate()
    assert rerun.returncode == 0, said
    assert "0 set aside" in said
    assert "convert: 0 cases reused" not in said
    assert written(root) == expected
    assert {path.name for path in (root / "data").iterdir()} == {"raw", "nifti"}
