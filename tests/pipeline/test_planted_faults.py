"""CI's data half turns red: the script CI runs, on a small pipeline with faults in its code."""

import re

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

RESAMPLE = "src/syda/stages/resample.py"
GOLDEN = "tests/stages/test_phantom.py"

PLANT = """

_sound = run


def run(root):
    import nibabel as nib
    import numpy as np

    _sound(root)
    files = nifti.case_files(root / paths.RESAMPLED)
    image = nib.load(files[0])
    affine = image.affine @ np.diag([2, 2, 2, 1])
    nib.save(nib.Nifti1Image(np.array(image.dataobj), affine), files[0])
    image = nib.load(files[1])
    voxels = np.array(image.dataobj)
    voxels[0, 0, 0] = 5000
    nib.save(nib.Nifti1Image(voxels, image.affine), files[1])
"""
"""A stage that writes what it should and then spoils two cases."""


def golden(clone, digest):
    path = clone.root / GOLDEN
    text, count = re.subn(
        '^GOLDEN_V0 = ".*"$', f'GOLDEN_V0 = "{digest}"', path.read_text(), flags=re.M
    )
    assert count == 1
    path.write_text(text)


def verdict(output):
    """The lines that say what is wrong."""
    return [line for line in output.splitlines() if line.startswith("data half: ")]


def test_ci_turns_red(clone):
    """One test, since each fault needs the sound pipeline of the first steps."""
    clone.set_params({"phantom.base_subjects": 4, "validate.min_cases_per_split": 1})
    clone.commit("smaller still")
    clone.run("dvc", "repro", "phantom@v0", "validate@resampled", "validate@records")
    manifest = (clone.root / "reports/manifest/phantom-v0.json").read_text()
    digest = re.search('"data/raw/v0": {[^}]*"sha256": "([0-9a-f]{64})"', manifest).group(1)
    golden(clone, digest)
    clone.commit("a sound pipeline")
    assert verdict(clone.run(".ci/data")) == [
        "data half: the same bytes as committed, data/raw/v0 is the golden one"
    ]

    sound = (clone.root / RESAMPLE).read_text()
    (clone.root / RESAMPLE).write_text(sound + PLANT)
    output = clone.run(".ci/data", code=1)
    (line,) = verdict(output)
    assert line.startswith("data half: syda: validate resampled: "), line
    assert "**Failed.**" in output
    for says in (r"voxels measure 3 x 3 x 3 mm", r"highest voxel is 5000 HU"):
        assert re.search(rf"case \w+ .*{says}", output), says

    # no gate says no, but neither bytes nor cohort are the committed ones
    (clone.root / RESAMPLE).write_text(sound + "# a change without `dvc repro`\n")
    golden(clone, "0" * 64)
    other, changed = verdict(clone.run(".ci/data", code=1))
    assert f"data/raw/v0 is {digest}" in other
    assert "dvc.lock reports/manifest/resample.json" in changed

    # the checkout itself is as it was
    assert clone.run("git", "status", "--porcelain").split() == ["M", RESAMPLE, "M", GOLDEN]
