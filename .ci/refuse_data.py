#!/usr/bin/env python3
"""Refuse what must never be in git: DICOM, NIfTI, records and weights, by name and by content.

Looks at the staged bytes, of the files that it is given or else of every tracked file, and prints
one line for each that is refused: what, where, what to do. A renamed, packed or headerless scan is
still a scan, so content is looked into, through gzip, bzip2, xz, zip and tar. The standard library
alone, so that a git hook can run it anywhere.
"""

import argparse
import bz2
import hashlib
import io
import lzma
import re
import shlex
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

LARGEST = 5_000_000
"""Bytes; a larger file belongs to DVC whatever it is."""

LARGEST_ARRAY = 100_000
"""Bytes; NumPy files up to this size can be known answers of tests."""

UNPACKED = 64 * 2**20
"""Bytes of a packed file that are looked at."""

DEPTH = 4
"""Archives within archives that are looked into."""

NAMES = {
    "DICOM": (".dcm", ".dicom", ".ima", "dicomdir"),
    "NIfTI": (".nii", ".nii.gz"),
    "a medical image": (".mha", ".mhd", ".nrrd", ".mnc", ".hdr", ".mgz"),
    "TFRecords": (".tfrecord", ".tfrecords"),
    "weights": (".safetensors", ".ckpt", ".pt", ".pth", ".onnx", ".pkl", ".pickle", ".joblib"),
    "an HDF5 file": (".h5", ".hdf5"),
}
ARRAYS = (".npy", ".npz")

ALLOWED = {
    "tests/records/data/tensorflow.tfrecord": (  # artificial, written by TensorFlow for a test
        "f3aa7b8b4d44aca62c0a90e14a265468d1b459e68e54ab5155b8434ad30eb749"
    ),
}
"""Files that are let through as long as they have this sha256: nothing else, and nowhere else."""

OPAQUE = b"Rar!"
"""Stands for what cannot be looked into."""

_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR "
    b"US UT UV".split()
)
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_UNDEFINED = 0xFFFFFFFF
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def dicom(data: bytes) -> str | None:
    """A DICOM file with its preamble, or a bare data set that starts in group 0002 or 0008."""
    if data[128:132] == b"DICM":
        return "DICOM (DICM at byte 128)"
    if data[:4] == b"DICM":
        return "DICOM (DICM at byte 0)"
    for order in "<>":
        for explicit in (True, False):
            if _data_set(data, order, explicit):
                return "DICOM (a data set without header)"
    return None


def _data_set(data: bytes, order: str, explicit: bool) -> bool:
    """Whether the bytes start with three data elements of ascending tags (DICOM PS3.5, 7.1)."""
    offset, last = 0, (0, -1)
    for number in range(3):
        if offset + 8 > len(data):
            return False
        tag = struct.unpack_from(order + "HH", data, offset)
        if tag <= last or (number == 0 and tag[0] not in (0x0002, 0x0008)) or tag[0] > 0x0028:
            return False
        header, length = _element(data, offset, order, explicit)
        if length == _UNDEFINED:
            return number > 0  # a sequence: what comes before it was in order
        offset, last = offset + header + length, tag
        if header == 0 or length % 2 or offset > len(data):
            return False
    return True


def _element(data: bytes, offset: int, order: str, explicit: bool) -> tuple[int, int]:
    """Sizes of an element's header and value; a header of 0 where there is no element."""
    if not explicit:
        return 8, struct.unpack_from(order + "I", data, offset + 4)[0]
    vr = data[offset + 4 : offset + 6]
    if vr not in _VRS:
        return 0, 0
    if vr not in _LONG_VRS:
        return 8, struct.unpack_from(order + "H", data, offset + 6)[0]
    if offset + 12 > len(data):
        return 0, 0
    return 12, struct.unpack_from(order + "I", data, offset + 8)[0]


def nifti(data: bytes) -> str | None:
    """NIfTI-1 (magic at byte 344), NIfTI-2 (magic at byte 4), or Analyze 7.5."""
    if data[344:348] in (b"n+1\0", b"ni1\0"):
        return "NIfTI-1"
    if data[4:8] in (b"n+2\0", b"ni2\0"):
        return "NIfTI-2"
    for order in "<>":  # no magic: the header's size, and the number of dimensions
        if len(data) >= 348 and struct.unpack_from(order + "i", data)[0] == 348:
            return "Analyze 7.5" if 0 < struct.unpack_from(order + "h", data, 40)[0] < 8 else None
    return None


def tfrecord(data: bytes) -> str | None:
    """A record's length and the masked CRC-32C of its bytes (TensorFlow, record_writer.h)."""
    if len(data) < 16:
        return None
    crc = _crc32c(data[:8])
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return "TFRecords" if struct.pack("<I", masked) == data[8:12] else None


def _crc32c(data: bytes) -> int:
    """Castagnoli CRC (RFC 3720, appendix B.4), bit by bit: it is for eight bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def weights(data: bytes) -> str | None:
    """Safetensors, pickles (``torch.save`` of old among them), ONNX, or HDF5."""
    if len(data) > 9 and data[8:9] == b"{" and struct.unpack_from("<Q", data)[0] < 100_000_000:
        return "safetensors weights"
    if re.match(rb"\x80[\x02-\x05]", data):
        return "a pickle (weights)"
    if re.match(rb"\x08[\x01-\x1f]\x12[\x01-\x40][ -~]+", data):
        return "ONNX weights"
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        return "an HDF5 file"
    return None


def array(data: bytes) -> str | None:
    """A NumPy array that is too large for a test's known answer."""
    large = data[:6] == b"\x93NUMPY" and len(data) > LARGEST_ARRAY
    return f"a NumPy array of {len(data):,} bytes" if large else None


def packed(data: bytes, depth: int) -> str | None:
    """What a gzip, bzip2, xz, zip or tar file holds that is refused."""
    if depth == 0:
        return "archives within archives"
    if data[:4] in (b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", OPAQUE):
        return "an archive that cannot be looked into"
    for title, inside in _members(data):
        found = kind(inside, depth - 1) or kind_by_name(title, len(inside))
        if found:
            return f"{found} in {title}"
    return None


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Title and bytes of what is packed; of a broken archive, what can be read."""
    streams: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
        b"\x1f\x8b": ("gzip", lambda data: zlib.decompressobj(31).decompress(data, UNPACKED)),
        b"BZh": ("bzip2", lambda data: bz2.BZ2Decompressor().decompress(data, UNPACKED)),
        b"\xfd7zXZ\0": ("xz", lambda data: lzma.LZMADecompressor().decompress(data, UNPACKED)),
    }
    try:
        for magic, (name, unpack) in streams.items():
            if data.startswith(magic):
                yield name, unpack(data)
        if data.startswith(b"PK\3\4"):
            yield from _zip_members(data)
        if data[257:262] == b"ustar":
            yield from _tar_members(data)
    except (zlib.error, OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError):
        return


def _zip_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1 or info.compress_type not in _READABLE:
                yield f"zip: {info.filename}", OPAQUE
            elif not info.is_dir():
                with archive.open(info) as stream:
                    yield f"zip: {info.filename}", stream.read(UNPACKED)


def _tar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isfile() else None
            if stream is not None:
                yield f"tar: {info.name}", stream.read(UNPACKED)


def kind(data: bytes, depth: int = DEPTH) -> str | None:
    """Say what the bytes are if they are refused."""
    for test in (dicom, nifti, tfrecord, weights, array):
        found = test(data)
        if found:
            return found
    return packed(data, depth)


def kind_by_name(name: str, size: int) -> str | None:
    """Say what a file is by its name if it is refused."""
    path = PurePosixPath(name.lower())
    for found, endings in NAMES.items():
        if path.name.endswith(endings):
            return f"{found} by its name"
    if path.suffix in ARRAYS and size > LARGEST_ARRAY:
        return f"a NumPy file of {size:,} bytes"
    return None


def verdict(name: str, size: int, data: bytes) -> str | None:
    """Say why a file is refused, or None.

    A file of :data:`ALLOWED` is let through.

    Args:
        name: path in the repository.
        size: of the file, bytes.
        data: the file, or its first ``LARGEST`` bytes.
    """
    if ALLOWED.get(name) == hashlib.sha256(data).hexdigest():
        return None
    found = kind(data) or kind_by_name(name, size)
    if found is None and size > LARGEST:
        found = f"{size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f} MB"
    return found


def _git(*arguments: str) -> bytes:
    command = ["git", "--literal-pathspecs", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def staged(names: Sequence[str]) -> Iterator[tuple[str, int, bytes]]:
    """Yield path, size and first ``LARGEST`` bytes of the index's files, links left out."""
    entries = _git("ls-files", "-s", "-z", "--", *names).split(b"\0")[:-1]
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for entry in entries:
            facts, _, name = entry.partition(b"\t")
            mode, blob, _ = facts.split()
            if not mode.startswith(b"100"):  # a link or a submodule
                continue
            reader.stdin.write(blob + b"\n")
            reader.stdin.flush()
            size = int(reader.stdout.readline().split()[2])
            data = reader.stdout.read(min(size, LARGEST))
            left = size - len(data) + 1  # and the newline that ends it
            while left:
                left -= len(reader.stdout.read(min(left, LARGEST)))
            yield name.decode(errors="backslashreplace"), size, data


def main() -> int:
    """Check the files and return the exit code: 0, 1 if some are refused, 2 if git cannot tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="staged files (default: every tracked file)")
    names = parser.parse_args().files
    refused = checked = 0
    try:
        for name, size, data in staged(names):
            checked += 1
            found = verdict(name, size, data)
            if found:
                path = shlex.quote(name)
                print(f"{path}: {found}: `git rm --cached {path}`, then `dvc add {path}`")
                refused += 1
    except subprocess.CalledProcessError:
        print("refuse_data: git cannot list the files: run it in a clone", file=sys.stderr)
        return 2
    print(f"{checked} files checked, {refused} refused")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
