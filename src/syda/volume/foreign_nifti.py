"""NIfTI files of any origin: each is read as it is meant, or refused with the reason.

The content decides how a file is read, not its suffix. A header is checked before its voxels take
memory, and a gzip stream is read to its end, so that its checksum is compared.

>>> import tempfile
>>> from syda.types import Volume
>>> from syda.volume import nifti
>>> volume = Volume(np.zeros((4, 3, 2), np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))
>>> with tempfile.TemporaryDirectory() as folder:
...     file = Path(folder) / "case.nii.gz"
...     nifti.write(file, volume)
...     voxels, affine = read(file)
>>> voxels.shape, affine.diagonal().tolist()
((4, 3, 2), [1.5, 1.5, 1.5, 1.0])
"""

import gzip
import math
import os
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from syda.errors import CorruptData
from syda.types import Affine
from syda.volume import nifti_header
from syda.volume.nifti_header import Layout

SUFFIXES = (".nii", ".nii.gz", ".hdr", ".hdr.gz")
"""Endings of names, in lower case. A header without its voxels is refused, not overlooked."""

_GZIP = b"\x1f\x8b"
_MOST_DEFLATED = 1032
"""Bytes that one byte of a gzip file can hold (RFC 1951: 258 bytes in two bits)."""
_COPIES = 4
"""Copies of the voxels for which there must be memory: measuring real numbers takes as many."""
_AT_ONCE = 2**20
"""Bytes read in one go, so that no second copy of the voxels is made."""


def read(path: Path) -> tuple[NDArray[Any], Affine]:
    """Read a NIfTI file of one volume.

    Args:
        path: of a NIfTI-1 or NIfTI-2 file, compressed by gzip or not.

    Returns:
        Voxels ``[i, j, k]`` of a real type, scaled if the header says so, and the affine
        ``[4, 4]``, voxel index to RAS+ mm, with axes at right angles.

    Raises:
        CorruptData: the file is damaged, too large for the memory, or does not say what it holds;
            the message names it.
    """
    try:
        return _read(path)
    except ValueError as error:
        raise CorruptData(f"{printable_name(path)}: {error}") from error
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error  # without the path
        raise CorruptData(f"{printable_name(path)}: cannot be read: {reason}") from error


def printable_name(path: Path) -> str:
    r"""Name of a file or folder, with escapes for line breaks and for bytes that are no text.

    >>> print(printable_name(Path("two\nlines.nii")))
    two\nlines.nii
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path.name)


def _read(path: Path) -> tuple[NDArray[Any], Affine]:
    if not path.is_file():  # a named pipe would wait for ever
        raise ValueError("no file")
    with path.open("rb") as packed:
        is_gzip = packed.read(len(_GZIP)) == _GZIP
        packed.seek(0)
        size = os.fstat(packed.fileno()).st_size
        file: BufferedIOBase = gzip.GzipFile(fileobj=packed) if is_gzip else packed
        header = nifti_header.read(file)
        layout = nifti_header.layout(header)
        affine = nifti_header.affine(header, layout.shape)
        slope, intercept = nifti_header.scaling(header)
        is_scaled = (slope, intercept) != (1, 0)
        _check_size(layout, is_scaled, size * (_MOST_DEFLATED if is_gzip else 1))
        voxels = _read_voxels(file, layout)
    voxels = voxels.astype(layout.dtype.newbyteorder("="), copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite results are counted later
        return apply_read_scaling(voxels, slope, intercept), affine


def _check_size(layout: Layout, is_scaled: bool, most: int) -> None:
    """Compare the size that a header states with the file and with the memory.

    Args:
        layout: of the voxels.
        is_scaled: whether they become float64.
        most: bytes that a file of this size can hold.
    """
    stated = layout.offset + layout.bytes_of_voxels
    shape = " x ".join(map(str, layout.shape))
    if stated > most:
        raise ValueError(
            f"its header states {shape} voxels in {stated:.3g} bytes, the file holds at most "
            f"{most:.3g}: export it again"
        )
    needed = _COPIES * math.prod(layout.shape) * (8 if is_scaled else layout.dtype.itemsize)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        raise ValueError(
            f"{shape} voxels need {needed:.3g} bytes of memory, this machine has {memory:.3g}: "
            "crop or resample the file first"
        )


def _read_voxels(file: BufferedIOBase, layout: Layout) -> NDArray[Any]:
    """Read all that follows the header.

    Raises:
        ValueError: more or fewer bytes than the header states.
    """
    file.seek(layout.offset)
    content = np.empty(layout.bytes_of_voxels, np.uint8)
    for start in range(0, content.size, _AT_ONCE):
        part = content.data[start : start + _AT_ONCE]
        count = file.readinto(part)
        if count < len(part):
            missing = content.size - start - count
            raise ValueError(f"the last {missing} bytes of its voxels are missing: export it again")
    if file.read(1):
        raise ValueError("it goes on after the voxels that its header states: export it again")
    return content.view(layout.dtype).reshape(layout.shape, order="F")
