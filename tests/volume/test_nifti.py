import gzip

import nibabel as nib
import numpy as np
import pytest

from syda.errors import CorruptData
from syda.volume import nifti


def test_round_trip_is_exact_and_nibabel_agrees(tmp_path, ramp):
    path = tmp_path / "a.nii.gz"
    nifti.write(path, ramp)
    back = nifti.read(path)
    np.testing.assert_array_equal(back.hu, ramp.hu)
    np.testing.assert_array_equal(back.affine, ramp.affine)
    image = nib.load(path)
    assert image.get_data_dtype() == np.int16
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(image.get_qform(), ramp.affine, atol=1e-5)
    assert list(tmp_path.iterdir()) == [path]


def test_same_volume_same_bytes(tmp_path, ramp):
    nifti.write(tmp_path / "a.nii.gz", ramp)
    nifti.write(tmp_path / "b.nii.gz", ramp)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_the_header_alone_tells_shape_and_voxel_size(tmp_path, ramp, monkeypatch):
    nifti.write(tmp_path / "a.nii.gz", ramp)
    monkeypatch.setattr(np, "asarray", lambda *_: pytest.fail("voxels were read"))
    assert nifti.read_header(tmp_path / "a.nii.gz") == ((12, 10, 8), (2.0, 1.5, 5.0))


def test_the_header_of_no_nifti_file_is_refused(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"no gzip")
    with pytest.raises(CorruptData, match=r"a\.nii\.gz: not a readable NIfTI file"):
        nifti.read_header(tmp_path / "a.nii.gz")


def test_the_header_carries_a_description(tmp_path, ramp):
    nifti.write(tmp_path / "a.nii.gz", ramp, "SYNTHETIC")
    assert nib.load(tmp_path / "a.nii.gz").header["descrip"].item() == b"SYNTHETIC"
    np.testing.assert_array_equal(nifti.read(tmp_path / "a.nii.gz").hu, ramp.hu)


def test_truncated_garbage_and_other_types_are_refused(tmp_path, ramp):
    good = tmp_path / "a.nii.gz"
    nifti.write(good, ramp)
    bad = tmp_path / "b.nii.gz"
    bad.write_bytes(good.read_bytes()[:-200])
    with pytest.raises(CorruptData, match=r"b\.nii\.gz"):
        nifti.read(bad)
    bad.write_bytes(gzip.compress(b"no header"))
    with pytest.raises(CorruptData, match=r"b\.nii\.gz"):
        nifti.read(bad)
    nib.save(nib.Nifti1Image(ramp.hu.astype(np.float32), ramp.affine), bad)
    with pytest.raises(CorruptData, match="float32"):
        nifti.read(bad)


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(tmp_path, ramp):
    good, bad = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    nifti.write(good, ramp)
    packed, refused = good.read_bytes(), 0
    for place in range(0, len(packed), 7):
        bad.write_bytes(packed[:place] + bytes([packed[place] ^ 16]) + packed[place + 1 :])
        try:
            found = nifti.read(bad)
        except CorruptData:
            refused += 1
        else:
            np.testing.assert_array_equal(found.hu, ramp.hu)
            np.testing.assert_array_equal(found.affine, nifti.read(good).affine)
    assert refused > len(packed) / 7 * 0.9


def test_case_files_are_sorted_and_named(tmp_path, ramp):
    for name in ("c2", "c1"):
        nifti.write(tmp_path / f"{name}.nii.gz", ramp)
    (tmp_path / "c1.json").touch()
    assert [nifti.case_name(p) for p in nifti.case_files(tmp_path)] == ["c1", "c2"]
