import errno
import gzip
import os
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from syda.errors import CorruptData
from syda.volume import foreign_nifti, nifti


@pytest.fixture
def content(ramp):
    """An unpacked NIfTI file of the ramp."""
    image = nib.Nifti1Image(ramp.hu, ramp.affine)
    image.header.set_xyzt_units("mm")
    return image.to_bytes()


def with_fields(content, **fields):
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + content[348:]


def members(content):
    return b"".join(gzip.compress(content[at : at + 700]) for at in range(0, len(content), 700))


def with_extension(content):
    return with_fields(content, vox_offset=384)[:348] + b"\1\0\0\0" + bytes(32) + content[352:]


READ = {
    "plain": ("a.nii", lambda content: content),
    "packed": ("a.nii.gz", gzip.compress),
    "packed under the suffix of a plain file": ("a.nii", gzip.compress),
    "plain under the suffix of a packed file": ("a.nii.gz", lambda content: content),
    "upper-case suffix": ("A.NII.GZ", gzip.compress),
    "several members": ("a.nii.gz", members),
    "zeros after the member": ("a.nii.gz", lambda content: gzip.compress(content) + bytes(512)),
    "extension": ("a.nii.gz", lambda content: gzip.compress(with_extension(content))),
    "four axes of one volume": (
        "a.nii",
        lambda content: with_fields(content, dim=[4, 12, 10, 8, 1, 1, 1, 1]),
    ),
    "slope 0": ("a.nii", lambda content: with_fields(content, scl_slope=0, scl_inter=9)),
    "slope NaN": ("a.nii", lambda content: with_fields(content, scl_slope=np.nan)),
}


@pytest.mark.parametrize("what", READ)
def test_a_sound_file_is_read_exactly(tmp_path, content, ramp, what):
    name, change = READ[what]
    (tmp_path / name).write_bytes(change(content))
    voxels, affine = foreign_nifti.read(tmp_path / name)
    np.testing.assert_array_equal(voxels, ramp.hu)
    np.testing.assert_array_equal(affine, ramp.affine)
    assert voxels.dtype == np.int16


def test_a_file_of_this_pipeline_is_read_exactly(tmp_path, ramp):
    nifti.write(tmp_path / "a.nii.gz", ramp)
    voxels, affine = foreign_nifti.read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(voxels, ramp.hu)
    np.testing.assert_array_equal(affine, ramp.affine)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["i2", "u1", "i1", "i4", "i8", "u2", "u4", "u8", "f4", "f8"])
def test_every_real_type_in_both_byte_orders_is_read(tmp_path, ramp, kind, order, dtype):
    voxels = (ramp.hu % 100).astype(dtype)
    image = kind(voxels, ramp.affine, kind.header_class(endianness=order), dtype=dtype)
    image.set_qform(ramp.affine, 1)
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    found, affine = foreign_nifti.read(tmp_path / "a.nii")
    np.testing.assert_array_equal(found, voxels)
    np.testing.assert_array_equal(affine, ramp.affine)
    assert found.dtype == np.dtype(dtype)  # native, so that equal voxels have equal digests


def test_scaled_voxels_are_multiplied_and_shifted(tmp_path, content, ramp):
    (tmp_path / "a.nii").write_bytes(with_fields(content, scl_slope=0.5, scl_inter=-1024))
    voxels, _ = foreign_nifti.read(tmp_path / "a.nii")
    np.testing.assert_array_equal(voxels, ramp.hu / 2 - 1024)


def test_voxels_that_are_no_numbers_are_left_to_the_caller(tmp_path, ramp):
    hu = ramp.hu.astype(np.float32)
    hu[0, 0, :2] = np.nan, np.inf
    nib.save(nib.Nifti1Image(hu, ramp.affine), tmp_path / "a.nii.gz")
    voxels, _ = foreign_nifti.read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(voxels, hu)


def damaged_deflate(content):
    """A deflate stream with an impossible block: zlib.error."""
    packed = bytearray(gzip.compress(content))
    packed[10] |= 0b110
    with pytest.raises(zlib.error):
        gzip.decompress(packed)
    return packed


def with_another_checksum(content):
    packed = bytearray(gzip.compress(content))
    packed[-8] ^= 1
    return packed


def too_large(content):
    return with_fields(content, dim=[3, 30000, 30000, 30000, 1, 1, 1, 1])


REFUSED = {
    "nothing": (lambda _: b"", "does not begin with a NIfTI header"),
    "text": (lambda _: b"no NIfTI " * 100, "does not begin with a NIfTI header"),
    "packed text": (lambda _: gzip.compress(b"no NIfTI " * 100), "does not begin with a NIfTI"),
    "packed twice": (lambda c: gzip.compress(gzip.compress(c)), "does not begin with a NIfTI"),
    "a pair's header": (lambda c: with_fields(c, magic=b"ni1"), r"pair \.hdr and \.img"),
    "cut": (lambda c: c[:-2], "the file holds at most 2.27e.03: export it again"),
    "packed, cut": (lambda c: gzip.compress(c)[:-200], "cannot be read: Compressed file ended"),
    "cut, packed": (lambda c: gzip.compress(c[:-2]), "the last 2 bytes of its voxels are miss"),
    "more bytes": (lambda c: c + b"\0", "goes on after the voxels that its header states"),
    "packed more bytes": (lambda c: gzip.compress(c + b"\0"), "goes on after the voxels"),
    "no gzip after gzip": (lambda c: gzip.compress(c) + b"garbage", "Not a gzipped file"),
    "damaged deflate": (damaged_deflate, "cannot be read: Error -3 while decomp"),
    "another checksum": (with_another_checksum, "CRC check failed"),
    "too large": (too_large, "states 30000 x 30000 x 30000 voxels in 5.4e.13 bytes, the file"),
    "too large, packed": (lambda c: gzip.compress(too_large(c)), "30000 x 30000 x 30000 voxels"),
    "colours": (lambda c: with_fields(c, datatype=128), "datatype 128: whole or real numbers"),
    "no side": (lambda c: with_fields(c, sform_code=0, qform_code=0), "left and right are not"),
    "no scaling": (lambda c: with_fields(c, scl_slope=1, scl_inter=np.nan), "not a scaling"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_not_sound_is_refused_in_one_line_that_names_it(tmp_path, content, what):
    change, match = REFUSED[what]
    (tmp_path / "a.nii.gz").write_bytes(change(content))
    with pytest.raises(CorruptData, match=rf"^a\.nii\.gz: .*{match}") as error:
        foreign_nifti.read(tmp_path / "a.nii.gz")
    assert "\n" not in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_a_file_cut_anywhere_is_refused(tmp_path, content):
    packed = gzip.compress(content)
    for length in range(0, len(packed), 7):
        (tmp_path / "a.nii.gz").write_bytes(packed[:length])
        with pytest.raises(CorruptData, match=r"^a\.nii\.gz: "):
            foreign_nifti.read(tmp_path / "a.nii.gz")


@pytest.mark.parametrize(("slope", "item"), [(1, 2), (2, 8)])
def test_a_volume_larger_than_the_memory_is_refused_before_it_is_read(
    tmp_path, content, monkeypatch, slope, item
):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(with_fields(content, scl_slope=slope)))
    needed = 4 * 12 * 10 * 8 * item
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": needed, "SC_PAGE_SIZE": 1}.get)
    foreign_nifti.read(tmp_path / "a.nii.gz")
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": needed - 1, "SC_PAGE_SIZE": 1}.get)
    monkeypatch.setattr(np, "empty", lambda *_: pytest.fail("memory was taken"))
    with pytest.raises(CorruptData, match=r"12 x 10 x 8 voxels need .* bytes of memory"):
        foreign_nifti.read(tmp_path / "a.nii.gz")


def folder(path):
    path.mkdir()


def dangling_link(path):
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [folder, dangling_link, os.mkfifo])
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "a.nii.gz")
    with pytest.raises(CorruptData, match=r"^a\.nii\.gz: no file$"):
        foreign_nifti.read(tmp_path / "a.nii.gz")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, content, monkeypatch):
    (tmp_path / "a.nii").write_bytes(content)

    def denied(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(CorruptData, match=r"^a\.nii: cannot be read: Permission denied$"):
        foreign_nifti.read(tmp_path / "a.nii")


def test_a_name_that_is_no_text_is_made_printable(tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff\nb\xc3\xa4.nii")
    path.touch()
    with pytest.raises(CorruptData, match=r"^a\\udcff\\nbä\.nii: it does not begin"):
        foreign_nifti.read(path)


def test_a_link_to_a_file_is_read(tmp_path, content, ramp):
    (tmp_path / "a.nii").write_bytes(content)
    (tmp_path / "b.nii").symlink_to("a.nii")
    np.testing.assert_array_equal(foreign_nifti.read(tmp_path / "b.nii")[0], ramp.hu)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_random_bytes_in_a_header_are_read_or_refused(tmp_path, ramp, kind):
    """No other error, and no warning of numpy, leaves the reader."""
    sound, rng = kind(ramp.hu, ramp.affine).to_bytes(), np.random.default_rng(0)
    file, refusals = tmp_path / "a.nii", []
    for _ in range(500):
        changed = bytearray(sound)
        at = int(rng.integers(kind.header_class.sizeof_hdr))
        changed[at : at + 4] = rng.choice([rng.bytes(4), bytes(4), b"\0\0\xc0\x7f", b"\xff" * 4])
        file.write_bytes(changed)
        try:
            assert foreign_nifti.read(file)[0].ndim == 3
        except CorruptData as error:
            refusals.append(str(error))
    assert 0 < len(refusals) < 500
    assert all(line.startswith("a.nii: ") and "\n" not in line for line in refusals)
