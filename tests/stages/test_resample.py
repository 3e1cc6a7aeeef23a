import json

import pytest

from syda.errors import UsageError
from syda.stages import resample
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


def test_missing_input_says_what_to_do(workspace):
    with pytest.raises(UsageError, match=r"data/nifti does not exist: `dvc repro`"):
        resample.run(workspace())
