import gzip
import json

import nibabel as nib
import numpy as np
import pytest

from syda.expectations import tables

WINDOW = (-1000, 1000)


def save(path, voxels, spacing=1.5, affine=None, dtype=None):
    affine = np.diag([spacing, spacing, spacing, 1.0]) if affine is None else affine
    nib.save(nib.Nifti1Image(voxels, affine, dtype=dtype), path)
    return path


def test_a_row_holds_the_measurements_of_a_small_volume(tmp_path):
    voxels = np.array([-1024, -1000, -901, 0, 1000, 3071], dtype=np.int16).reshape(1, 2, 3)
    affine = np.diag([1.5, 2.0, 3.0, 1.0])

    row = tables.nifti_row(save(tmp_path / "abc.nii.gz", voxels, affine=affine), WINDOW)

    assert row.case == "abc"
    assert row.fault is None
    assert (row.spacing_i, row.spacing_j, row.spacing_k) == (1.5, 2.0, 3.0)
    assert (row.shape_i, row.shape_j, row.shape_k) == (1, 2, 3)
    assert row.orientation == "RAS"
    assert (row.hu_min, row.hu_max) == (-1024, 3071)
    assert row.hu_p0_5 == pytest.approx(np.percentile(voxels, 0.5))
    assert row.hu_p99_5 == pytest.approx(np.percentile(voxels, 99.5))
    assert row.std_hu == pytest.approx(np.std(voxels.astype(float)))
    assert row.air_share == pytest.approx(3 / 6)
    assert row.below_window_share == pytest.approx(1 / 6)
    assert row.above_window_share == pytest.approx(1 / 6)
    assert row.not_finite == 0


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_measurements_equal_numpys_for_every_type(tmp_path, dtype):
    voxels = np.random.default_rng(0).normal(-300, 400, (13, 17, 11)).astype(dtype)
    row = tables.nifti_row(save(tmp_path / "a.nii.gz", voxels, dtype=dtype), WINDOW)
    as_stored = voxels.astype(np.float64)
    assert (row.hu_min, row.hu_max) == (as_stored.min(), as_stored.max())
    assert row.hu_p0_5 == pytest.approx(np.percentile(as_stored, 0.5))
    assert row.hu_p99_5 == pytest.approx(np.percentile(as_stored, 99.5))
    assert row.std_hu == pytest.approx(as_stored.std())
    assert row.air_share == (as_stored < -900).mean()


@pytest.mark.parametrize("seed", range(5))
def test_the_standard_deviation_does_not_depend_on_the_order_of_a_sum(tmp_path, seed):
    """Which differs between CPUs, by the width of their vectors."""
    voxels = np.random.default_rng(seed).normal(-300, 400, (23, 29, 31)).astype(np.int16)
    row, reversed_ = (
        tables.nifti_row(save(tmp_path / f"{sign}.nii.gz", sign * voxels), WINDOW)
        for sign in (1, -1)
    )
    assert row.std_hu == reversed_.std_hu


@pytest.mark.parametrize("far", [32767, 32768, -32768, -32769, 1e300])
def test_whole_numbers_of_any_size_in_a_float_file_are_counted(tmp_path, far):
    voxels = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype(np.float64)
    voxels[0, 0, :3] = far, np.nan, np.inf
    row = tables.nifti_row(save(tmp_path / "a.nii.gz", voxels), WINDOW)
    finite = voxels[np.isfinite(voxels)]
    assert row.not_finite == 2
    assert (row.hu_min, row.hu_max) == (finite.min(), finite.max())
    assert row.hu_p99_5 == pytest.approx(np.percentile(finite, 99.5))


def test_a_flipped_axis_is_another_orientation(tmp_path):
    path = save(
        tmp_path / "a.nii.gz", np.zeros((2, 2, 2), np.int16), affine=np.diag([-1.5, 1.5, 1.5, 1])
    )
    assert tables.nifti_row(path, WINDOW).orientation == "LAS"


def test_nan_and_infinity_in_a_float_file_are_counted_and_left_out(tmp_path):
    voxels = np.array([np.nan, np.inf, 10.0, 30.0], dtype=np.float32).reshape(1, 2, 2)
    row = tables.nifti_row(save(tmp_path / "a.nii.gz", voxels), WINDOW)
    assert row.not_finite == 2
    assert (row.hu_min, row.hu_max, row.std_hu) == (10, 30, 10)


def test_a_volume_of_nan_alone_has_no_hu(tmp_path):
    voxels = np.full((2, 2, 2), np.nan, dtype=np.float32)
    row = tables.nifti_row(save(tmp_path / "a.nii.gz", voxels), WINDOW)
    assert row.not_finite == 8
    assert row.hu_min is None
    assert row.fault is None


def test_the_digest_depends_on_the_voxels_alone(tmp_path):
    rng = np.random.default_rng(0)
    voxels = rng.integers(-1000, 1000, (3, 4, 5), dtype=np.int16)
    other = voxels.copy()
    other[0, 0, 0] += 1
    first = tables.nifti_row(save(tmp_path / "a.nii.gz", voxels), WINDOW)
    moved = tables.nifti_row(save(tmp_path / "b.nii.gz", voxels, spacing=2.0), WINDOW)
    changed = tables.nifti_row(save(tmp_path / "c.nii.gz", other), WINDOW)
    assert first.sha256 == moved.sha256 != changed.sha256


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"gzip but not NIfTI" * 100)],
    ids=["empty", "garbage", "other format"],
)
def test_a_file_that_is_no_nifti_is_a_row_with_a_fault(tmp_path, content):
    path = tmp_path / "bad.nii.gz"
    path.write_bytes(content)
    row = tables.nifti_row(path, WINDOW)
    assert row.case == "bad"
    assert row.fault
    assert str(tmp_path) not in row.fault
    assert row.hu_min is None


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_a_truncated_file_is_a_row_with_a_fault(tmp_path, keep):
    voxels = np.random.default_rng(0).integers(-1000, 1000, (16, 16, 16), dtype=np.int16)
    path = save(tmp_path / "cut.nii.gz", voxels)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    assert tables.nifti_row(path, WINDOW).fault


def test_a_file_of_four_axes_is_a_row_with_a_fault(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.zeros((2, 2, 2, 2), np.int16))
    assert "three axes" in tables.nifti_row(path, WINDOW).fault


def test_an_empty_table_has_typed_columns():
    table = tables.frame([])
    assert table["spacing_i"].dtype == "float64"
    assert table["case"].dtype == "object"
    assert len(table) == 0


def test_the_table_counts_the_splits_of_each_patient():
    rows = [
        tables.Row("c", patient="p", split="train"),
        tables.Row("b", patient="p", split="holdout"),
        tables.Row("a", patient="q", split="train"),
        tables.Row("d"),
    ]
    table = tables.frame(rows)
    assert list(table["case"]) == ["a", "b", "c", "d"]
    assert list(table["splits_of_patient"][:3]) == [1, 2, 2]
    assert np.isnan(table["splits_of_patient"][3])


DESCRIPTION = {
    "case": "a",
    "patient": "p",
    "attributes": {"kvp": 120.0, "sex": None, "contrast": False},
}


def described(folder, text, required=("kvp", "contrast")):
    """Row of a scan with this text in its JSON file, or without the file."""
    path = save(folder / "a.nii.gz", np.zeros((2, 2, 2), np.int16))
    if text is not None:
        (folder / "a.json").write_text(text)
    return tables.scan_row(path, WINDOW, required)


def test_a_described_scan_has_no_fault_and_is_measured(tmp_path):
    row = described(tmp_path, json.dumps(DESCRIPTION))
    assert (row.fault, row.description_fault, row.attributes_missing) == (None, None, None)
    assert row.spacing_i == 1.5


def test_an_attribute_may_be_false_but_not_null(tmp_path):
    row = described(tmp_path, json.dumps(DESCRIPTION), ("sex", "contrast", "kvp", "kernel"))
    assert (row.description_fault, row.attributes_missing) == (None, "sex, kernel")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "does not exist"),
        *((text, "is no description (") for text in ("", "{", "[]", '"text"', "{}")),
        (json.dumps(DESCRIPTION | {"attributes": 3}), "is no description (TypeError)"),
        ('{"case": "a"}', "is no description (KeyError)"),
    ],
)
def test_without_a_description_every_attribute_is_missing(tmp_path, text, fault):
    """The fault quotes nothing of the file."""
    row = described(tmp_path, text)
    assert row.description_fault.startswith(f"a.json {fault}")
    assert row.attributes_missing == "kvp, contrast"


def test_the_description_of_another_case_is_a_fault_that_does_not_name_it(tmp_path):
    row = described(tmp_path, json.dumps(DESCRIPTION | {"case": "Jane Roe"}))
    assert row.description_fault == "a.json is of another case"
