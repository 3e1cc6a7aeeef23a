import json

import numpy as np
import pytest

from syda.errors import CheckFailed, UsageError
from syda.stages import resample
from syda.types import Volume
from syda.volume import nifti


def test_every_case_arrives_at_the_spacing_with_its_facts(workspace, ramp):
    root = workspace()
    for case in ("c1", "c2"):
        nifti.write(root / "data" / "nifti" / f"{case}.nii.gz", ramp)
        (root / "data" / "nifti" / f"{case}.json").write_text(json.dumps({"case": case}))
    resample.run(root)
    out = root / "data" / "resampled"
    assert sorted(p.name for p in out.iterdir()) == [
        "c1.json",
        "c1.nii.gz",
        "c2.json",
        "c2.nii.gz",
    ]
    assert nifti.read(out / "c1.nii.gz").spacing == pytest.approx((1.5, 1.5, 1.5), abs=1e-6)
    assert json.loads((out / "c2.json").read_text()) == {"case": "c2"}
    made = json.loads((root / "reports" / "manifest" / "resample.json").read_text())
    assert set(made["writes"]) == {"data/resampled"}


def test_the_parameters_it_was_given_are_in_the_manifest(workspace, ramp):
    root = workspace({"resample.max_side": 27})
    nifti.write(root / "data/nifti/c1.nii.gz", ramp)
    (root / "data/nifti/c1.json").write_text("{}")
    resample.run(root)
    made = json.loads((root / "reports/manifest/resample.json").read_text())
    assert made["params"] == {"ct": {"spacing_mm": 1.5}, "resample": {"max_side": 27}}
    # 12 x 10 x 8 voxels of 2 x 1.5 x 5 mm: at the limit, not above it
    assert nifti.read(root / "data/resampled/c1.nii.gz").hu.shape == (16, 10, 27)


def test_a_scan_that_would_be_too_large_stops_the_stage_before_any_work(
    workspace, ramp, monkeypatch
):
    root = workspace()
    nifti.write(root / "data/nifti/c1.nii.gz", ramp)
    huge = Volume(np.zeros((4, 3, 2), np.int16), np.diag([1.5, 1.5, 900.0, 1.0]))
    nifti.write(root / "data/nifti/c2.nii.gz", huge)  # would be 1200 voxels long
    monkeypatch.setattr(nifti, "read", lambda path: pytest.fail(f"{path.name} was read"))
    with pytest.raises(CheckFailed) as error:
        resample.run(root)
    assert str(error.value) == (
        "resample: c2: 4 x 3 x 2 voxels of 1.5 x 1.5 x 900 mm would become 4 x 3 x 1200 voxels of "
        "1.5 mm, more than resample.max_side 1024: correct the series' PixelSpacing and slice "
        "positions, take it out, or raise resample.max_side"
    )
    assert not (root / "data/resampled").exists()


def test_missing_input_says_what_to_do(workspace):
    with pytest.raises(UsageError, match=r"data/nifti does not exist: `dvc repro`"):
        resample.run(workspace())


def test_a_second_run_reuses_every_case_and_an_added_one_costs_one(workspace, ramp, capsys):
    root = workspace()
    put = root / "data/nifti"

    def add(case):
        nifti.write(put / f"{case}.nii.gz", ramp)
        (put / f"{case}.json").write_text(json.dumps({"case": case}))

    def run():
        resample.run(root)
        files = {p.name: p.read_bytes() for p in (root / "data/resampled").iterdir()}
        return capsys.readouterr().err.splitlines()[-1], files

    add("c1")
    add("c2")
    said, first = run()
    assert said == "resample: 0 cases reused, 2 new"
    assert run() == ("resample: 2 cases reused, 0 new", first)
    add("c3")
    said, files = run()
    assert said == "resample: 2 cases reused, 1 new"
    assert files.keys() - first.keys() == {"c3.json", "c3.nii.gz"}
    (put / "c1.nii.gz").unlink()
    (put / "c1.json").unlink()
    said, files = run()
    assert said == "resample: 2 cases reused, 0 new"
    assert files.keys() == {"c2.json", "c2.nii.gz", "c3.json", "c3.nii.gz"}


def test_other_parameters_reuse_nothing(workspace, ramp, capsys):
    for spacing, said in ((1.5, "0 cases reused, 1 new"), (2.0, "0 cases reused, 1 new")):
        root = workspace({"ct.spacing_mm": spacing})
        if spacing == 1.5:
            nifti.write(root / "data/nifti/c1.nii.gz", ramp)
            (root / "data/nifti/c1.json").write_text("{}")
        resample.run(root)
        assert capsys.readouterr().err.splitlines()[-1] == f"resample: {said}"
        assert nifti.read(root / "data/resampled/c1.nii.gz").spacing[0] == pytest.approx(spacing)
