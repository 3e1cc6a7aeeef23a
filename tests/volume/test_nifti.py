import gzip

import deflate
import nibabel as nib
import numpy as np
import pytest

from syda.errors import CorruptData
from syda.volume import nifti


@pytest.fixture(params=["whole", "planes"])
def written(request, tmp_path, ramp, monkeypatch):
    """A file as libdeflate packs it, and as zlib packs the largest ones."""
    if request.param == "planes":
        monkeypatch.setattr(nifti, "LARGEST_WHOLE", 0)
    nifti.write(tmp_path / "a.nii.gz", ramp, "SYNTHETIC")
    return tmp_path / "a.nii.gz"


@pytest.fixture
def other(tmp_path):
    return tmp_path / "b.nii.gz"


def test_round_trip_is_exact_and_nibabel_agrees(written, ramp):
    back = nifti.read(written)
    np.testing.assert_array_equal(back.hu, ramp.hu)
    np.testing.assert_array_equal(back.affine, ramp.affine)
    image = nib.load(written)
    np.testing.assert_array_equal(np.asarray(image.dataobj), ramp.hu)
    assert image.get_data_dtype() == np.int16
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.header["descrip"].item() == b"SYNTHETIC"
    np.testing.assert_allclose(image.get_qform(), ramp.affine, atol=1e-5)
    assert list(written.parent.iterdir()) == [written]


def test_the_unpacked_bytes_are_those_that_nibabel_writes(written, ramp, other):
    image = nib.Nifti1Image(ramp.hu, ramp.affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = "SYNTHETIC"
    image.set_sform(ramp.affine, nifti.SCANNER_ANAT)
    image.set_qform(ramp.affine, nifti.SCANNER_ANAT)
    nib.save(image, other)
    assert gzip.decompress(written.read_bytes()) == gzip.decompress(other.read_bytes())


def test_same_volume_same_bytes_in_any_memory_order(written, ramp, other):
    nifti.write(other, type(ramp)(np.asfortranarray(ramp.hu), ramp.affine), "SYNTHETIC")
    packed = written.read_bytes()
    assert packed == other.read_bytes()
    assert packed.startswith(bytes.fromhex("1f8b08 00 00000000 04 ff"))  # no name, no time


def test_the_header_alone_gives_shape_and_voxel_size(written, monkeypatch):
    monkeypatch.setattr(np, "asarray", lambda *_: pytest.fail("voxels were read"))
    assert nifti.read_header(written) == ((12, 10, 8), (2.0, 1.5, 5.0))


def repacked(content):
    """Other bytes under our gzip header."""
    return deflate.gzip_compress(content, nifti.LEVEL)


BROKEN = {
    "no gzip": lambda _: b"no gzip",
    "nothing": lambda _: b"",
    "no NIfTI": lambda _: gzip.compress(b"no header"),
    "no NIfTI in our gzip": lambda _: repacked(b"no header"),
    "voxels missing": lambda packed: repacked(gzip.decompress(packed)[:-2]),
    "header without a size": lambda packed: repacked(bytes(352) + gzip.decompress(packed)[352:]),
    "voxels missing in another gzip": lambda packed: gzip.compress(gzip.decompress(packed)[:-2]),
    "an empty file of libdeflate with the right length": lambda packed: (
        packed[:60] + (352 + 2 * 960).to_bytes(4, "little")
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_other_bytes_are_refused(written, other, broken):
    other.write_bytes(BROKEN[broken](written.read_bytes()))
    with pytest.raises(CorruptData, match=r"^b\.nii\.gz: not a readable NIfTI file \("):
        nifti.read(other)


def test_the_header_of_no_nifti_file_is_refused(other):
    other.write_bytes(b"no gzip")
    with pytest.raises(CorruptData, match=r"b\.nii\.gz: not a readable NIfTI file"):
        nifti.read_header(other)


def test_another_type_is_refused(ramp, other):
    nib.save(nib.Nifti1Image(ramp.hu.astype(np.float32), ramp.affine), other)
    with pytest.raises(CorruptData, match="float32"):
        nifti.read(other)


def test_a_file_cut_anywhere_is_refused(written, other):
    packed = written.read_bytes()
    for length in range(0, len(packed), 5):
        other.write_bytes(packed[:length])
        with pytest.raises(CorruptData, match=r"b\.nii\.gz"):
            nifti.read(other)


def test_a_result_of_another_length_is_refused(written, monkeypatch):
    """libdeflate's binding returned empty bytes for some truncated files, without an error."""
    monkeypatch.setattr(deflate, "gzip_decompress", lambda *_: b"")
    with pytest.raises(CorruptData, match="0 bytes, the header needs 2272"):
        nifti.read(written)


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(written, other, ramp):
    packed, refused = written.read_bytes(), 0
    affine = nifti.read(written).affine
    for at in range(0, len(packed), 7):
        other.write_bytes(packed[:at] + bytes([packed[at] ^ 16]) + packed[at + 1 :])
        try:
            found = nifti.read(other)
        except CorruptData:
            refused += 1
        else:
            np.testing.assert_array_equal(found.hu, ramp.hu)
            np.testing.assert_array_equal(found.affine, affine)
    assert refused > len(packed) / 7 * 0.9


def members(content, packer):
    return b"".join(packer(content[at : at + 700]) for at in range(0, len(content), 700))


FOREIGN = {
    "several members": lambda content: members(content, gzip.compress),
    "several members under our header": lambda content: members(content, repacked),
    "a file name in the header": lambda content: (
        bytes.fromhex("1f8b0808000000000003") + b"name\0" + gzip.compress(content)[10:]
    ),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_gzip_files_of_others_are_read_whole(written, other, ramp, foreign):
    other.write_bytes(FOREIGN[foreign](gzip.decompress(written.read_bytes())))
    np.testing.assert_array_equal(nifti.read(other).hu, ramp.hu)


def test_case_files_are_sorted_and_named(tmp_path, ramp):
    for name in ("c2", "c1"):
        nifti.write(tmp_path / f"{name}.nii.gz", ramp)
    (tmp_path / "c1.json").touch()
    assert [nifti.case_name(p) for p in nifti.case_files(tmp_path)] == ["c1", "c2"]
