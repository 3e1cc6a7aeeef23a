import gzip
import json
import os
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from syda import paths
from syda.errors import CheckFailed, ParamsError, UsageError
from syda.expectations import sets
from syda.records import writer
from syda.records.config import PackParams
from syda.records.schema import Record
from syda.stages import validate
from syda.types import Case, Volume

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))

SMALL = {
    "ct.size": 8,
    "model.channels": [16, 16],
    "model.discriminator_channels": [16, 16],
    "validate.min_cases": 3,
    "validate.min_cases_per_split": 2,
    "validate.side_voxels": [8, 8],
    "validate.attributes": ["kvp", "contrast"],
}


@pytest.fixture
def root(workspace):
    return workspace(SMALL)


ATTRIBUTES = {"kvp": 120.0, "sex": None, "contrast": False}


def scan(seed, low=-1000, high=1000):
    """Noise in a block of air."""
    voxels = np.full((8, 8, 8), max(low, -1000), dtype=np.int16)
    voxels[:6] = np.random.default_rng(seed).integers(low, high, (6, 8, 8), dtype=np.int16)
    return voxels


def save(path, voxels, spacing=1.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([spacing, spacing, spacing, 1.0])), path)


def describe(root, name, **changes):
    facts = {"case": name, "patient": "p", "attributes": ATTRIBUTES} | changes
    (root / paths.RESAMPLED / f"{name}.json").write_text(json.dumps(facts))


@pytest.fixture
def resampled(root):
    for number in range(3):
        save(root / paths.RESAMPLED / f"case{number}.nii.gz", scan(number))
        describe(root, f"case{number}")
    return root


@pytest.fixture
def synthetic(root):
    for number in range(3):
        save(root / paths.SYNTHETIC / f"{number:06d}.nii.gz", scan(number), spacing=3.1)
    save(root / paths.SYNTHETIC / "physical" / "000000.nii.gz", scan(9))
    return root


def pack(root, records, holdout_share=0.5):
    folder = root / paths.RECORDS
    folder.mkdir(parents=True)
    writer.write(
        folder, records, PackParams(holdout_share=holdout_share, shards=2, compression="none")
    )


def record(number, patient=None, voxels=None, spacing=1.5, attributes=ATTRIBUTES):
    case = Case(f"case{number}", patient or f"patient{number}", attributes)
    hu = scan(number) if voxels is None else voxels
    return Record(case, Volume(hu, np.diag([spacing, spacing, spacing, 1.0])))


def report(root, name):
    return json.loads((root / paths.validation_report(name)).read_text())


def page(root, name):
    return (root / paths.validation_report(name)).with_suffix(".md").read_text()


def fails(root, name, match):
    """The stage fails with this message; the report is there all the same, the manifest is not."""
    with pytest.raises(CheckFailed, match=match) as failure:
        validate.run(root, name)
    assert failure.value.exit_code == 1
    assert "\n" not in str(failure.value)
    assert report(root, name)["success"] is False
    assert "**Failed.**" in page(root, name)
    assert not (root / paths.manifest("validate", name)).exists()


def warns(root, name, match):
    """The stage passes with one warning, which is shown, counted and on the page."""
    (line,) = validate.run(root, name)
    assert re.search(match, line)
    assert (report(root, name)["success"], report(root, name)["warnings"]) == (True, 1)
    assert "**Passed, with warnings.**" in page(root, name)
    assert "### Breaks the rule (warning)" in page(root, name)
    assert (root / paths.manifest("validate", name)).exists()


def test_a_clean_set_of_scans_passes(resampled):
    assert validate.run(resampled, "resampled") == []
    assert report(resampled, "resampled")["success"] is True
    assert "**Passed.**" in page(resampled, "resampled")
    manifest = json.loads((resampled / paths.manifest("validate", "resampled")).read_text())
    assert set(manifest["reads"]) == {"data/resampled"}
    assert set(manifest["params"]) == {"validate", "ct"}


@pytest.mark.parametrize(
    ("name", "suites"),
    [
        ("resampled", ["resampled"]),
        ("records", ["records"]),
        ("synthetic", ["synthetic", "synthetic-physical"]),
    ],
)
def test_the_suites_are_written_before_a_set_fails(root, name, suites):
    with pytest.raises(CheckFailed):
        validate.run(root, name)
    written = json.loads((root / paths.validation_suites(name)).read_text())
    assert [suite["name"] for suite in written] == suites
    spacing = [e["kwargs"] for e in written[-1]["expectations"] if e["meta"]["rule"] == "spacing"]
    ranges = {(e["min_value"], e["max_value"]) for e in spacing if "max_value" in e}
    assert ranges == {(1.499, 1.501)}


@pytest.mark.parametrize(
    ("voxels", "spacing", "match"),
    [
        (scan(1), 2.0, "case case1 .voxels measure 2 x 2 x 2 mm.*1.5 mm along each axis"),
        (scan(1), 1.4985, "case case1 .*1.4985 mm"),
        (scan(1, high=5001), 1.5, "case case1 .*highest voxel is .*between -1024 and 3071 HU"),
        (scan(1, low=-2000), 1.5, "case case1 .*lowest voxel is -.*between -1024 and 3071 HU"),
        (np.full((8, 8, 8), 40, np.int16), 1.5, "case case1 .*standard deviation"),
    ],
    ids=["2.0 mm", "1.4985 mm", "5000 HU", "-2000 HU", "constant"],
)
def test_a_planted_fault_names_the_case(resampled, voxels, spacing, match):
    save(resampled / paths.RESAMPLED / "case1.nii.gz", voxels, spacing)
    fails(resampled, "resampled", match)


def test_nan_in_a_float_file_names_the_case(resampled):
    voxels = scan(1).astype(np.float32)
    voxels[3, 3, 3] = np.nan
    save(resampled / paths.RESAMPLED / "case1.nii.gz", voxels)
    fails(resampled, "resampled", "case case1 .*NaN or infinite voxels is 1")


def test_the_same_scan_under_two_names_fails(resampled):
    save(resampled / paths.RESAMPLED / "case9.nii.gz", scan(2))
    describe(resampled, "case9")
    fails(resampled, "resampled", "case case2 .*No two volumes have the same voxels")
    assert "case9" in page(resampled, "resampled")


def test_a_corrupt_file_fails_and_is_named(resampled):
    (resampled / paths.RESAMPLED / "case1.nii.gz").write_bytes(gzip.compress(b"garbage" * 100))
    fails(resampled, "resampled", "case case1 .*Every file can be read")


def test_another_orientation_fails(resampled):
    image = nib.Nifti1Image(scan(1), np.diag([-1.5, 1.5, 1.5, 1.0]))
    nib.save(image, resampled / paths.RESAMPLED / "case1.nii.gz")
    fails(resampled, "resampled", "case case1 .*LAS")


@pytest.mark.parametrize("name", ["resampled", "records", "synthetic"])
@pytest.mark.parametrize("exists", [True, False], ids=["empty", "missing"])
def test_an_empty_or_missing_set_fails(root, name, exists):
    if exists:
        (root / sets.SETS[name][0].folder).mkdir(parents=True)
    with pytest.raises(CheckFailed):
        validate.run(root, name)
    assert report(root, name)["success"] is False


@pytest.mark.parametrize(
    ("changes", "match"),
    [({}, "does not exist"), ({"case": "case0"}, "another case"), ({"attributes": 1}, "TypeError")],
)
def test_a_scan_without_its_description_fails(resampled, changes, match):
    if changes:
        describe(resampled, "case1", **changes)
    else:
        (resampled / paths.RESAMPLED / "case1.json").unlink()
    fails(resampled, "resampled", f"case case1 .case1.json .*{match}.*Beside every volume")


def mostly(value, rest):
    """A volume of one value, a tenth of it noise and a fortieth air."""
    voxels = np.full(8**3, value, np.int16)
    voxels[:51] = rest
    voxels[51:70] = -1000
    return voxels.reshape(8, 8, 8)


NOISE = np.random.default_rng(9).integers(-950, 1000, 51)


UNUSUAL = {
    "side": (scan(11)[:, :, :7], "size along k is 7 voxels", "8 to 8 voxels"),
    "low": (np.maximum(scan(12), -800), "0.5th percentile of voxels is -800 HU", "shows air"),
    "high": (np.minimum(scan(13), 20), "99.5th percentile of voxels is 20 HU", "50 and 1500 HU"),
    "air": (mostly(-950, NOISE), "share of voxels below -900 HU is 9", "2 to 90 %"),
    "below": (mostly(-1010, NOISE // 4 + 300), "below the model's window is 8", "At most 50 %"),
    "above": (np.where(scan(14) > 700, 1200, scan(14)), "above the model's window", "At most 3 %"),
}
"""By case: its voxels, what is found, and what is expected."""


def test_an_unusual_scan_is_a_warning_that_names_the_case(resampled):
    for case, (voxels, _, _) in UNUSUAL.items():
        save(resampled / paths.RESAMPLED / f"{case}.nii.gz", voxels.astype(np.int16))
        describe(resampled, case)
    validate.run(resampled, "resampled")
    assert report(resampled, "resampled")["success"] is True
    rules = report(resampled, "resampled")["parts"][0]["rules"]
    warned = [rule for rule in rules if rule["verdict"] == "failed"]
    assert {rule["severity"] for rule in warned} == {"warning"}
    assert len(warned) == report(resampled, "resampled")["warnings"] == len(UNUSUAL)
    text = page(resampled, "resampled")
    for case, (_, found, expected) in UNUSUAL.items():
        broken = (
            rf"### Breaks the rule \(warning\): .*{expected}.*\n\n(- .*\n)*- {case} \(.*{found}"
        )
        assert re.search(broken, text), case


def test_an_unknown_attribute_is_a_warning_that_names_the_case(resampled):
    describe(resampled, "case1", attributes={"kvp": None, "contrast": False})
    warns(resampled, "resampled", "case case1 .not known is kvp.*90 % of the cases")


def test_a_set_below_the_floor_fails(resampled):
    (resampled / paths.RESAMPLED / "case1.nii.gz").unlink()
    fails(resampled, "resampled", "3 or more .*observed: 2 volumes")


def test_a_second_run_with_worker_processes_gives_the_same_bytes(resampled, monkeypatch):
    validate.run(resampled, "resampled")
    first = bytes_below(resampled / paths.VALIDATION)
    assert {path.name for path in first} == {"resampled.json", "resampled.md"}
    assert (resampled / paths.validation_suites("resampled")) in first
    monkeypatch.setenv("SYDA_WORKERS", "2")
    validate.run(resampled, "resampled")
    assert bytes_below(resampled / paths.VALIDATION) == first
    assert not [path for path, content in first.items() if str(resampled).encode() in content]


def test_clean_records_pass(root):
    pack(root, [record(number) for number in range(8)])
    validate.run(root, "records")
    assert report(root, "records")["success"] is True


def test_an_attribute_that_records_lack_is_a_warning(root):
    pack(root, [record(n, attributes={"kvp": 120.0} if n == 5 else ATTRIBUTES) for n in range(8)])
    warns(root, "records", "case case5 .not known is contrast")


def test_a_missing_split_fails(root):
    pack(root, [record(number) for number in range(8)], holdout_share=1e-9)
    fails(root, "records", "holdout split has 2 or more.*observed: 0 volumes")


def test_a_patient_in_both_splits_fails(root, monkeypatch):
    sides = iter(["train", "holdout"] * 4)
    monkeypatch.setattr(writer.split, "split_of", lambda patient, share: next(sides))
    pack(root, [record(n, patient="same" if n in (2, 3) else None) for n in range(8)])
    fails(root, "records", "case case2 .*No patient is in both")
    assert "case3" in page(root, "records")


def test_a_record_of_another_spacing_fails(root):
    pack(root, [record(n, spacing=2.0 if n == 5 else 1.5) for n in range(8)])
    fails(root, "records", "case case5 .*2 mm")


def test_one_scan_under_two_patients_fails(root):
    pack(root, [record(n, voxels=scan(0) if n == 5 else None) for n in range(8)])
    fails(root, "records", "case case0 .*same voxels")


def test_an_altered_record_fails(root):
    pack(root, [record(number) for number in range(8)])
    shard = sorted((root / paths.RECORDS).glob("*.tfrecord"))[0]
    data = bytearray(shard.read_bytes())
    data[200] ^= 1
    shard.write_bytes(data)
    fails(root, "records", f"case .*{shard.name}")


def test_clean_synthetic_volumes_pass_whatever_their_effective_spacing(synthetic):
    validate.run(synthetic, "synthetic")
    parts = report(synthetic, "synthetic")["parts"]
    assert [part["folder"] for part in parts] == ["data/synthetic", "data/synthetic/physical"]


def test_a_synthetic_volume_with_unequal_axes_fails(synthetic):
    image = nib.Nifti1Image(scan(1), np.diag([3.1, 3.1, 3.2, 1.0]))
    nib.save(image, synthetic / paths.SYNTHETIC / "000001.nii.gz")
    fails(synthetic, "synthetic", "case 000001 .voxels measure 3.1 x 3.1 x 3.2 mm.*equally long")


def test_a_physical_export_holds_the_promised_spacing(synthetic):
    save(synthetic / paths.SYNTHETIC / "physical" / "000000.nii.gz", scan(9), spacing=3.1)
    fails(synthetic, "synthetic", "data/synthetic/physical: case 000000 .*3.1 mm")


def test_synthetic_volumes_stay_in_the_window(synthetic):
    save(synthetic / paths.SYNTHETIC / "000001.nii.gz", scan(1, high=1400), spacing=3.1)
    fails(synthetic, "synthetic", "case 000001 .*between -1000 and 1000 HU")


def test_a_synthetic_set_without_physical_exports_fails(synthetic):
    (synthetic / paths.SYNTHETIC / "physical" / "000000.nii.gz").unlink()
    fails(synthetic, "synthetic", "data/synthetic/physical breaks .*The set has 1 or more")


def bytes_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def elsewhere(root):
    """A folder of four NIfTI files that nothing describes, one of them not compressed."""
    folder = root / "elsewhere"
    for number in range(3):
        save(folder / f"scan{number}.nii.gz", scan(number))
    save(folder / "scan3.nii", scan(3))
    return folder


def test_a_folder_from_elsewhere_passes_and_nothing_is_written(root, elsewhere):
    before = bytes_below(root)
    text, failure = validate.folder_report(root, elsewhere)
    assert failure is None
    assert text.startswith("# Validation of the folder elsewhere\n\n**Passed.**")
    assert "`elsewhere`: 4 looked at." in text
    assert str(root) not in text
    assert bytes_below(root) == before


UNCHECKED = {
    "Every record can be read": "not records",
    "The train split has 2": "not split",
    "The holdout split has 2": "not split",
    "No patient is in both": "not split",
    "Beside every volume lies a JSON file": "no JSON",
    "In 90 % of the cases": "no JSON",
    "No two volumes have the same case id": "file names",
}
"""How rules begin that nothing in a foreign folder decides, and why."""


def test_a_folder_from_elsewhere_says_what_cannot_be_checked_and_why(root, elsewhere):
    text, _ = validate.folder_report(root, elsewhere)
    unchecked = [line for line in text.split("\n") if line.endswith("| not checked |")]
    assert len(unchecked) == len(UNCHECKED)
    for sentence, why in UNCHECKED.items():
        (line,) = [line for line in unchecked if line.startswith(f"| {sentence}")]
        assert why in line.split("|")[3]
    assert f"Not checked, for the reason in the column observed: {len(UNCHECKED)}." in text


def test_a_folder_from_elsewhere_names_every_case_that_fails(root, elsewhere):
    for number in range(25):
        save(elsewhere / f"coarse{number:02d}.nii.gz", scan(100 + number), spacing=3.0)
    text, failure = validate.folder_report(root, elsewhere)
    assert "case coarse00 (voxels measure 3 x 3 x 3 mm)" in failure
    assert "and so do 24 more" in failure
    assert "- coarse24 (voxels measure 3 x 3 x 3 mm)" in text


@pytest.mark.skipif(
    not (DATA / "nifti").is_dir(),
    reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/nifti is missing)",
)
def test_real_nifti_at_3_mm_fails_on_its_spacing(workspace):
    text, failure = validate.folder_report(workspace(), DATA / "nifti")
    assert "case example_ct (voxels measure 3 x 3 x 3 mm) breaks the rule" in failure
    assert "1.5 mm along each axis" in failure
    assert "lowest voxel is -1207 HU, highest voxel is 3382 HU" in text


def too_large(path):
    """A header that states 30000 voxels along each axis, packed."""
    header = nib.Nifti1Image(scan(9), np.eye(4)).header
    header.set_data_shape((30000, 30000, 30000))
    header["vox_offset"] = 352
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4) + scan(9).tobytes()))


def contradiction(path):
    image = nib.Nifti1Image(scan(9), np.diag([1.5, 1.5, 1.5, 1.0]))
    image.set_qform(np.diag([-1.5, 1.5, 1.5, 1.0]), 1)
    nib.save(image, path)


FAULTY = {
    "too large": ("z.nii.gz", too_large, "z.nii.gz: its header states 30000 x 30000 x 30000"),
    "contradiction": ("z.nii.gz", contradiction, "z.nii.gz: sform and qform contradict"),
    "nothing": ("z.nii", Path.touch, "z.nii: it does not begin with a NIfTI header"),
    "upper-case suffix": ("Z.NII.GZ", Path.touch, "Z.NII.GZ: it does not begin with a NIfTI"),
    "folder": ("z.nii.gz", Path.mkdir, "z.nii.gz: no file"),
    "link to nothing": (
        "z.nii.gz",
        lambda path: path.symlink_to("nowhere"),
        "z.nii.gz: no file",
    ),
    "pair": (
        "z.hdr",
        lambda path: nib.save(nib.Nifti1Pair(scan(9), np.eye(4)), path),
        "z.hdr: the header of a pair .hdr and .img",
    ),
}


@pytest.mark.parametrize("what", FAULTY)
def test_one_faulty_file_among_sound_ones_is_named(root, elsewhere, what):
    name, make, fault = FAULTY[what]
    make(elsewhere / name)
    text, failure = validate.folder_report(root, elsewhere)
    assert f"case {name.removesuffix('.nii.gz')} ({fault}" in failure
    assert "5 looked at." in text
    assert "5 files, 1 with a fault" in text
    assert "| lowest voxel | HU | -1000 |" in text  # the sound ones are measured


def test_units_and_one_volume_of_four_axes_are_honoured(root, elsewhere):
    image = nib.Nifti1Image(scan(9)[..., None], np.diag([0.0015, 0.0015, 0.0015, 1.0]))
    image.header.set_xyzt_units("meter")
    nib.save(image, elsewhere / "METRES.NII.GZ")
    text, failure = validate.folder_report(root, elsewhere)
    assert failure is None
    assert "5 looked at." in text


def test_a_folder_without_nifti_is_wrong_use(root):
    (root / "none" / "below").mkdir(parents=True)
    save(root / "none" / "below" / "a.nii.gz", scan(1))
    with pytest.raises(UsageError, match=r"no \.nii or \.nii\.gz file in .*none"):
        validate.folder_report(root, root / "none")


@pytest.mark.parametrize(
    ("key", "value"),
    [("side_voxels", [800, 32]), ("air_share", [0.5, 1.1]), ("p0_5_hu", [-900, -1024])],
)
def test_bounds_that_nothing_meets_are_refused(workspace, key, value):
    root = workspace({f"validate.{key}": value})
    with pytest.raises(ParamsError, match=key):
        validate.run(root, "resampled")


def test_a_tolerance_above_a_hundredth_of_a_millimetre_is_refused(workspace):
    root = workspace({"validate.spacing_tolerance_mm": 0.02})
    with pytest.raises(ParamsError, match="spacing_tolerance_mm"):
        validate.run(root, "resampled")


def test_an_unknown_set_is_wrong_use(root):
    with pytest.raises(UsageError, match="no set"):
        validate.run(root, "raw")
