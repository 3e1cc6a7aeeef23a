"""The header of a NIfTI-1 or NIfTI-2 file of any origin: where its voxels are, and what they mean.

A field that is damaged, or that leaves side, size or value of a voxel open, is refused. Field names
are those of nifti1.h and nifti2.h (https://nifti.nimh.nih.gov).
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

import numpy as np
from nibabel import nifti1, nifti2
from nibabel.quaternions import quat2mat

from syda.types import Affine

Header = Mapping[str, Any]
"""Fields of a header by name."""

_FORMATS = {348: (nifti1.header_dtype, b"n+1"), 540: (nifti2.header_dtype, b"n+2")}
"""Fields and magic by ``sizeof_hdr``, of files that hold header and voxels."""
_PAIRS = (b"ni1", b"ni2")
"""Magic of headers whose voxels are in another file."""
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8"}
_TYPES |= {256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
"""Real numbers by ``datatype``."""
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres by the spatial unit of ``xyzt_units``: not stated, metre, millimetre, micron."""
_SPATIAL = 7
"""Bits of ``xyzt_units`` that hold the spatial unit."""
_MAX_AXES = 7
_UNIT_QUATERNION = 1e-3
"""How far a quaternion may be longer than 1."""
_FARTHEST_MM = 1e6
"""Largest size or position of a voxel."""
_RIGHT_ANGLE = 1e-4
"""Largest cosine between two axes that counts as a right angle."""
_SAME_POSITION = 0.5
"""Voxels between two positions that count as the same."""


def read(file: BufferedIOBase) -> Header:
    """Read the header at the start of a file, of either byte order.

    Raises:
        ValueError: not the header of a NIfTI file that holds its voxels.
    """
    start = file.read(min(_FORMATS))
    for order, size in itertools.product(("little", "big"), _FORMATS):
        if int.from_bytes(start[:4], order) == size:
            content = start + file.read(size - len(start))
            if len(content) < size:
                break
            fields, magic = _FORMATS[size]
            fields = fields.newbyteorder("<" if order == "little" else ">")
            header: Header = np.frombuffer(content, fields)[0]
            _check_magic(header["magic"], magic)
            return header
    raise ValueError("it does not begin with a NIfTI header")


def _check_magic(found: bytes, expected: bytes) -> None:
    if found in _PAIRS:
        raise ValueError("the header of a pair .hdr and .img: save both as one .nii.gz file")
    if found != expected:
        raise ValueError("Analyze 7.5, which has no orientation, or a damaged header: no magic")


@dataclass(frozen=True)
class Layout:
    """Where the voxels of a file are, and how they are stored.

    Attributes:
        shape: voxels along i, j, k.
        dtype: of a stored voxel, with its byte order.
        offset: bytes before the first voxel.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int

    @property
    def bytes_of_voxels(self) -> int:
        """Bytes that the voxels fill."""
        return math.prod(self.shape) * self.dtype.itemsize


def layout(header: Header) -> Layout:
    """Read where the voxels of one volume are.

    Raises:
        ValueError: not one volume of three axes, no real numbers, or an impossible size or offset.
    """
    dim, code, offset = header["dim"].tolist(), int(header["datatype"]), float(header["vox_offset"])
    if not 1 <= dim[0] <= _MAX_AXES or min(dim[1 : dim[0] + 1]) < 1:
        raise ValueError(f"impossible dimensions: dim is {dim}")
    shape = dim[1 : dim[0] + 1]
    if len(shape) < 3 or math.prod(shape[3:]) > 1:
        raise ValueError(
            f"{' x '.join(map(str, shape))} voxels: one volume of three axes is needed"
        )
    if code not in _TYPES:
        raise ValueError(
            f"datatype {code}: whole or real numbers of 8 to 64 bits are needed, no colours and no "
            "complex numbers"
        )
    lowest = int(header["sizeof_hdr"]) + 4  # four bytes say whether extensions follow
    if not (lowest <= offset < math.inf and offset.is_integer()):
        raise ValueError(f"vox_offset is {offset:g}: {lowest} or more is needed")
    order = header["dim"].dtype.byteorder
    i, j, k = shape[:3]
    return Layout((i, j, k), np.dtype(_TYPES[code]).newbyteorder(order), int(offset))


def scaling(header: Header) -> tuple[float, float]:
    """Read slope and intercept of the voxels: 1 and 0 if the header says that there are none.

    Raises:
        ValueError: one of them is no number.
    """
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or (math.isnan(slope) and (math.isnan(intercept) or intercept == 0)):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise ValueError(f"scl_slope is {slope:g} and scl_inter is {intercept:g}: not a scaling")
    return slope, intercept


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused
def affine(header: Header, shape: tuple[int, int, int]) -> Affine:
    """Read the affine of a volume: the sform, or else the qform.

    Args:
        header: of the file.
        shape: voxels along i, j, k.

    Returns:
        ``[4, 4]``, voxel index to RAS+ mm, with axes at right angles.

    Raises:
        ValueError: no affine, two that contradict each other, one that is impossible or sheared, or
            an unknown unit.
    """
    unit = int(header["xyzt_units"]) & _SPATIAL
    if unit not in _MM:
        raise ValueError(f"xyzt_units has the spatial unit {unit}: metre, mm or micron is needed")
    makers = {"sform": _sform, "qform": _qform}
    forms = {name: make(header) for name, make in makers.items() if header[f"{name}_code"] > 0}
    if not forms:
        raise ValueError(
            "sform_code and qform_code are 0, so left and right are not stated: set one of them"
        )
    for name, form in forms.items():
        form[:3] *= _MM[unit]
        _check_axes(name, form)
    if len(forms) > 1:
        _check_agreement(forms["sform"], forms["qform"], shape)
    return next(iter(forms.values()))


def _sform(header: Header) -> Affine:
    rows = [header["srow_x"], header["srow_y"], header["srow_z"], (0, 0, 0, 1)]
    return np.array(rows, dtype=np.float64)


def _qform(header: Header) -> Affine:
    """Affine of the quaternion, whose first component makes its length 1."""
    bcd = [float(header[f"quatern_{name}"]) for name in "bcd"]
    length = math.hypot(*bcd)
    if not length <= 1 + _UNIT_QUATERNION:
        raise ValueError(f"qform: the quaternion has the length {length:g}, 1 is needed")
    mirror = -1 if header["pixdim"][0] < 0 else 1
    sizes = header["pixdim"][1:4].astype(np.float64)
    if not (sizes > 0).all():
        raise ValueError(f"qform: pixdim states voxels of {_by(sizes)}: sizes above 0 are needed")
    form = np.eye(4)
    form[:3, :3] = quat2mat([math.sqrt(max(0.0, 1 - length**2)), *bcd]) * sizes * (1, 1, mirror)
    form[:3, 3] = [header[f"qoffset_{name}"] for name in "xyz"]
    return form


def _check_axes(name: str, form: Affine) -> None:
    if not np.abs(form).max() <= _FARTHEST_MM:
        raise ValueError(f"{name}: a value is no number, or more than {_FARTHEST_MM:g} mm")
    sizes = np.linalg.norm(form[:3, :3], axis=0)
    if not (sizes > 0).all():
        raise ValueError(f"{name}: voxels of {_by(sizes)} mm: sizes above 0 are needed")
    directions = form[:3, :3] / sizes
    if not np.abs(directions.T @ directions - np.eye(3)).max() <= _RIGHT_ANGLE:
        raise ValueError(f"{name}: the axes are not at right angles: resample the file first")


def _check_agreement(sform: Affine, qform: Affine, shape: tuple[int, int, int]) -> None:
    """Compare where the two put the corners of the volume."""
    ends = itertools.product(*((0, length - 1) for length in shape))
    corners = np.array([(*end, 1) for end in ends]) @ (sform - qform).T
    distance = float(np.linalg.norm(corners, axis=1).max())
    if distance > _SAME_POSITION * np.linalg.norm(sform[:3, :3], axis=0).min():
        raise ValueError(
            f"sform and qform contradict each other: they put a corner {distance:.4g} "
            "mm apart: set the code of the wrong one to 0"
        )


def _by(sizes: Any) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
