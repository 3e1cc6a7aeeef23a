"""``convert`` takes results of earlier runs from the store, and only where nothing changed."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from syda.dicom import cohort, conversion, pixels
from syda.dicom.config import PATIENTS_SCANS
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Irregularity, Reason
from syda.types import Volume
from syda.volume.config import ResampleParams

REPOSITORY = Path(__file__).parents[2]
ANY_SHARE = {"max_rejected_share": 1.0}
MANIFEST = "reports/manifest/convert.json"
"""It holds the digest of the raw folder."""


@pytest.fixture
def run(scans, monkeypatch, capsys):
    """Run the stage and return its outputs, the number of converted series and its last line."""
    inner, computed = conversion.convert, []

    def counted(uid, *rest):
        computed.append(uid)
        return inner(uid, *rest)

    monkeypatch.setattr(conversion, "convert", counted)

    def run(changes=None):
        computed.clear()
        scans.run(ANY_SHARE | (changes or {}))
        return scans.outputs(), len(computed), capsys.readouterr().err.splitlines()[-1]

    return run


def stored(scans):
    return [*(scans.root / ".work" / "cases" / "convert").iterdir()]


def test_a_second_run_computes_nothing_and_writes_the_same(scans, run):
    uneven, faulty = scans.series(2), scans.series(3)
    uneven[3].ImagePositionPatient = [*uneven[3].ImagePositionPatient[:2], 36]
    uneven[3].PixelPaddingValue = -2000
    parts = [scans.series(1), uneven, faulty[:3] + faulty[4:], scans.series(4)[:2]]
    for number, slices in enumerate(parts):
        scans.add(f"{number}", slices)
    first, computed, line = run()
    assert (computed, line) == (4, "convert: 0 cases reused, 2 new, 1 rejected, 1 excluded")
    assert scans.report()["irregularities"] == {"irregular_spacing": "not told"}
    assert scans.report()["unusual"] == {"PixelPaddingValue": "not told"}
    assert len(scans.excluded()) == 1
    assert run() == (first, 0, "convert: 2 cases reused, 0 new, 1 rejected, 1 excluded")

    shutil.rmtree(scans.root / ".work" / "cases")
    assert run()[:2] == (first, 4)


def test_an_added_series_costs_one_and_a_removed_one_is_gone(scans, run):
    scans.add("a", scans.series(1))
    scans.add("b", scans.series(2))
    first, _, _ = run()
    scans.add("c", scans.series(3))
    three, computed, line = run()
    assert (computed, line) == (1, "convert: 2 cases reused, 1 new, 0 rejected")
    assert len(three) == len(first) + 2
    shutil.rmtree(scans.raw / "c")
    assert run() == (first, 0, "convert: 2 cases reused, 0 new, 0 rejected")
    assert len(stored(scans)) == 2


def test_a_changed_byte_computes_its_series_alone(scans, run):
    scans.add("a", scans.series(1))
    file = scans.add("b", scans.series(2)) / "0003"
    before, _, _ = run()
    content = bytearray(file.read_bytes())
    content[-7] ^= 4
    file.write_bytes(content)
    after, computed, _ = run()
    assert computed == 1
    assert before != after


def test_parameters_and_key_that_decide_a_case_compute_it_anew(scans, run):
    scans.add("")
    assert run()[1] == 1
    deciding = (
        {"fill_one_missing_slice": True},
        {"max_clamped_share": 0.5},
        {"ct.hu_max": 3000},
        {"data.artificial_key": "another-published-key"},
    )
    for change in deciding:
        assert run(change)[1] == 1, change

    assert run()[1] == 1
    shutil.copytree(scans.raw, scans.raw.with_name("v1"))
    for change in ({"max_rejected_share": 0.5}, {"data.version": "v1"}):
        assert run(change)[1] == 0, change


def test_a_rule_of_the_cohort_converts_only_what_it_newly_accepts(scans, run):
    scans.add("plain", scans.series(1, SeriesDescription="native"))
    scans.add("venous", scans.series(2, SeriesDescription="portal venous"))
    both, computed, _ = run()
    assert computed == 2
    one, two = scans.case_ids()
    for rules in (
        {"select.exclude": [f"{one} consent"]},
        {"select.max_length_mm": 400.0},
        {"select.contrast": "without"},
        {"select.min_slices": 8},
        {"select.voxel_contrast": "exclude"},
    ):
        assert run(rules)[1] == 0, rules
    assert run({"select.exclude": [f"{one} consent"]})[1] == 0
    assert scans.case_ids() == [two]
    assert not [name for name in scans.outputs() if one in name]
    assert run({"select.exclude": []})[0] | {MANIFEST: ""} == both | {MANIFEST: ""}

    shutil.rmtree(scans.root / ".work" / "cases")
    run({"select.contrast": "without"})
    assert len(scans.case_ids()) == 1
    assert run({"select.contrast": "any"})[:2] == (both, 1)


def test_the_private_key_is_not_stored_and_another_gives_another_case_id(scans, run):
    scans.add("../mine")
    (scans.root / ".syda").mkdir()
    names = set()
    for digit in "ab":
        (scans.root / ".syda" / "key").write_text(digit * 64)
        _, computed, _ = run({"data.version": "mine"})
        assert computed == 1
        names |= {*scans.case_ids()}
        files = [file for file in (scans.root / ".work").rglob("*") if file.is_file()]
        assert not [file for file in files if digit * 64 in f"{file}".lower()]
        assert not [file for file in files if bytes.fromhex(digit * 64) in file.read_bytes()]
    assert len(names) == 2


def test_members_of_an_archive_are_files_like_others(scans, run):
    folder = scans.add("a")
    first, _, _ = run()
    shutil.make_archive(scans.raw / "b", "zip", folder)
    shutil.rmtree(folder)
    second, computed, _ = run()
    assert computed == 0
    assert second | {MANIFEST: ""} == first | {MANIFEST: ""}


def test_a_fault_for_lack_of_memory_is_tried_again(scans, run, monkeypatch):
    def out_of_memory(*_):
        raise MemoryError

    scans.add("a", scans.series(1))
    run()
    scans.add("b", scans.series(2))
    with monkeypatch.context() as patch:
        patch.setattr(pixels, "decode", out_of_memory)
        assert run()[2] == "convert: 1 cases reused, 0 new, 1 rejected"
    assert scans.report()["reasons"] == {"damaged": 1}
    assert len(stored(scans)) == 1
    assert run()[1:] == (1, "convert: 1 cases reused, 1 new, 0 rejected")


def test_an_outcome_comes_back_from_json_as_it_was():
    attributes = {"sex": "F", "kvp": 120.0, "contrast": None}
    case = Outcome("c1", "p1", attributes, 1 / 3, (Irregularity.GANTRY_TILT,), ("PixelData",))
    fault = Outcome("s1", reason=Reason.DAMAGED, detail="ValueError")
    for one in (case, fault):
        back = Outcome.from_json(json.loads(json.dumps(one.to_json())))
        assert back == one
        assert type(back.reason) is type(one.reason)
        assert [*map(type, back.irregularities)] == [*map(type, one.irregularities)]


def noise(rng, side, slices):
    hu = np.clip(rng.normal(40, 12, (side, side, slices)).round(), -1024, 3071)
    hu[:4] = -1000  # air
    return Volume(hu.astype(np.int16), np.diag([0.75, 0.75, 5.0, 1.0]))


@pytest.mark.slow
def test_a_reused_case_costs_little(tmp_path, as_slices, save_slices, convert_params):
    """Measured at 4 % on a quiet machine; the bound is for busy ones."""
    volume = noise(np.random.default_rng(0), 512, 60)
    files = sorted(save_slices(tmp_path / "raw", as_slices(volume)).iterdir())
    params, cost = convert_params(), []
    cache = cohort.earlier_results(tmp_path, *params, ResampleParams(max_side=640))
    for number in range(4):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        start = time.process_time()
        result = cohort.convert_series(
            cohort.SeriesTask("1.2.3", files, folder, b"key", *params, cache, PATIENTS_SCANS)
        )
        cost.append(time.process_time() - start)
        assert result.reused == (number > 0)
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
def test_kills_at_random_moments_and_a_rerun_give_the_bytes_of_an_undisturbed_run(scans):
    rng, root = np.random.default_rng(0), scans.root
    for number in range(8):
        scans.add(f"{number}", scans.series(number, noise(rng, 192, 32)))
    start = time.monotonic()
    undisturbed = syda_convert(root)
    output, _ = undisturbed.communicate()
    duration = time.monotonic() - start
    assert "convert: 0 cases reused, 8 new, 0 rejected" in output
    expected = scans.outputs()
    for folder in ("data/nifti", "reports", ".work"):
        shutil.rmtree(root / folder)

    moments, store = random.Random(0), root / ".work" / "cases" / "convert"
    kills = 0
    while kills < 2 or not [*store.glob("[0-9a-f]*")]:
        assert kills < 40
        victim = syda_convert(root)
        try:
            victim.wait(moments.uniform(0.2, 0.95) * duration)
        except subprocess.TimeoutExpired:
            victim.kill()
        victim.communicate()
        kills += victim.returncode < 0
    rerun = syda_convert(root)
    output, _ = rerun.communicate()
    assert rerun.returncode == 0, output
    assert "0 rejected" in output
    assert "convert: 0 cases reused" not in output
    assert scans.outputs() == expected
    assert {path.name for path in (root / "data").iterdir()} == {"raw", "nifti"}
