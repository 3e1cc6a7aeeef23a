from io import BytesIO

import nibabel as nib
import numpy as np
import pytest

from syda.volume import nifti_header

AFFINE = np.array([[2.0, 0, 0, -11], [0, 1.5, 0, -7], [0, 0, 5.0, 20], [0, 0, 0, 1]])
MIRRORED = np.diag([-1.0, 1, 1, 1]) @ AFFINE
TURNED = np.array([[0, -1.5, 0, 3], [2.0, 0, 0, 4], [0, 0, 5.0, 5], [0, 0, 0, 1]])
SHAPE = (12, 10, 8)
NAN, INF = np.nan, np.inf


def made(kind=nib.Nifti1Header, order="<", sform=AFFINE, qform=AFFINE, **fields):
    """A header, with fields changed after its two affines are set."""
    header = kind(endianness=order)
    header.set_data_dtype(np.int16)
    header.set_data_shape(SHAPE)
    header.set_xyzt_units("mm")
    header["vox_offset"] = header.single_vox_offset
    for code, affine, setter in (
        ("sform_code", sform, header.set_sform),
        ("qform_code", qform, header.set_qform),
    ):
        if affine is None:
            header[code] = 0
        else:
            setter(affine, 1)
    for name, value in fields.items():
        header[name] = value
    return header


def read(*arguments, **fields):
    return nifti_header.read(BytesIO(made(*arguments, **fields).binaryblock))


def pixdim(**values):
    """Sizes of AFFINE with some replaced: ``qfac``, ``i``, ``j`` or ``k``."""
    return [*({"qfac": 1, "i": 2, "j": 1.5, "k": 5} | values).values(), 0, 0, 0, 0]


def dim(*values):
    return [len(values), *values, *[1] * (7 - len(values))]


@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
@pytest.mark.parametrize("order", "<>")
def test_both_versions_in_both_byte_orders_are_read(kind, order):
    header = read(kind, order, scl_slope=2, scl_inter=-1024)
    layout = nifti_header.layout(header)
    assert layout == nifti_header.Layout(SHAPE, np.dtype(f"{order}i2"), kind.single_vox_offset)
    assert layout.bytes_of_voxels == 1920
    assert nifti_header.scaling(header) == (2, -1024)
    np.testing.assert_array_equal(nifti_header.affine(header, SHAPE), AFFINE)


NO_NIFTI = {
    "nothing": (b"", "does not begin with a NIfTI header"),
    "text": (b"a text of any length " * 40, "does not begin with a NIfTI header"),
    "cut": (made().binaryblock[:347], "does not begin with a NIfTI header"),
    "cut NIfTI-2": (made(nib.Nifti2Header).binaryblock[:539], "does not begin with a NIfTI"),
    "pair": (made(magic=b"ni1").binaryblock, r"pair \.hdr and \.img"),
    "pair of NIfTI-2": (made(nib.Nifti2Header, magic=b"ni2").binaryblock, r"pair \.hdr and"),
    "Analyze": (nib.AnalyzeHeader().binaryblock, r"Analyze 7\.5"),
    "NIfTI-2 with the magic of NIfTI-1": (
        made(nib.Nifti2Header, magic=b"n+1").binaryblock,
        "damaged header",
    ),
}


@pytest.mark.parametrize("what", NO_NIFTI)
def test_what_is_no_header_of_a_single_file_is_refused(what):
    content, match = NO_NIFTI[what]
    with pytest.raises(ValueError, match=match):
        nifti_header.read(BytesIO(content))


LAYOUTS = {
    "one slice": ({"dim": dim(12, 10, 1)}, (12, 10, 1), "<i2", 352),
    "four axes of one volume": ({"dim": dim(12, 10, 8, 1)}, SHAPE, "<i2", 352),
    "seven axes of one volume": ({"dim": dim(12, 10, 8, 1, 1, 1, 1)}, SHAPE, "<i2", 352),
    "sizes of no axis": ({"dim": [3, 12, 10, 8, 0, -1, 7, 0]}, SHAPE, "<i2", 352),
    "an extension": ({"vox_offset": 400}, SHAPE, "<i2", 400),
    **{
        f"datatype {code}": ({"datatype": code}, SHAPE, dtype, 352)
        for code, dtype in nifti_header._TYPES.items()
    },
}


@pytest.mark.parametrize("what", LAYOUTS)
def test_a_layout_is_read(what):
    fields, shape, dtype, offset = LAYOUTS[what]
    layout = nifti_header.layout(read(**fields))
    assert layout == nifti_header.Layout(shape, np.dtype(dtype), offset)


IMPOSSIBLE_LAYOUTS = {
    "an axis of 0": ({"dim": dim(12, 0, 8)}, r"impossible dimensions: dim is \[3, 12, 0, 8,"),
    "a negative axis": ({"dim": dim(12, 10, -8)}, "impossible dimensions"),
    "no axis": ({"dim": [0] * 8}, "impossible dimensions"),
    "eight axes": ({"dim": [8, 12, 10, 8, 1, 1, 1, 1]}, "impossible dimensions"),
    "negative axes": ({"dim": [-3, 12, 10, 8, 1, 1, 1, 1]}, "impossible dimensions"),
    "two axes": ({"dim": dim(12, 10)}, "12 x 10 voxels: one volume of three axes"),
    "two volumes": ({"dim": dim(12, 10, 8, 2)}, "12 x 10 x 8 x 2 voxels: one volume"),
    "a vector a voxel": ({"dim": dim(12, 10, 8, 1, 3)}, "12 x 10 x 8 x 1 x 3 voxels: one"),
    **{
        f"datatype {code}": ({"datatype": code}, f"datatype {code}: whole or real numbers")
        for code in (0, 1, 32, 128, 1536, 1792, 2048, 2304, 999, -4)
    },
    **{
        f"offset {offset}": ({"vox_offset": offset}, "vox_offset is .*: 352 or more is needed")
        for offset in (0, 348, -352, 352.5, NAN, INF)
    },
}


@pytest.mark.parametrize("what", IMPOSSIBLE_LAYOUTS)
def test_an_impossible_layout_is_refused(what):
    fields, match = IMPOSSIBLE_LAYOUTS[what]
    with pytest.raises(ValueError, match=match):
        nifti_header.layout(read(**fields))


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [
        (1, 0, (1, 0)),
        (0.5, -1024, (0.5, -1024)),
        (-1, 0, (-1, 0)),
        (0, 0, (1, 0)),
        (0, -1024, (1, 0)),
        (0, NAN, (1, 0)),
        (NAN, NAN, (1, 0)),
        (NAN, 0, (1, 0)),
        (NAN, -1024, None),
        (1, NAN, None),
        (INF, 0, None),
        (-INF, 0, None),
        (1, INF, None),
    ],
)
def test_a_scaling_is_read_or_refused(slope, intercept, expected):
    """Slope 0 says that the voxels are not scaled (nifti1.h), and so do two NaN."""
    header = read(scl_slope=slope, scl_inter=intercept)
    if expected is None:
        with pytest.raises(ValueError, match="not a scaling"):
            nifti_header.scaling(header)
    else:
        assert nifti_header.scaling(header) == expected


METRES, MICRONS = (AFFINE.copy() for _ in range(2))
METRES[:3] /= 1000
MICRONS[:3] *= 1000
HALF_TURN = {"quatern_b": 0, "quatern_c": 0, "quatern_d": 1}
TURNED_BY_HALF = np.diag([-1.0, -1, 1, 1]) @ AFFINE @ np.diag([1.0, 1, 1, 1])
TURNED_BY_HALF[:2, 3] *= -1
A_LITTLE_APART = AFFINE.copy()
A_LITTLE_APART[0, 3] += 0.7

AFFINES = {
    "sform and qform": ({}, AFFINE),
    "the sform alone": ({"qform": None}, AFFINE),
    "the qform alone": ({"sform": None}, AFFINE),
    "a turned qform": ({"sform": None, "qform": TURNED}, TURNED),
    "a mirrored qform": ({"sform": None, "qform": MIRRORED}, MIRRORED),
    "a mirrored sform and qform": ({"sform": MIRRORED, "qform": MIRRORED}, MIRRORED),
    "less than half a voxel apart": ({"qform": A_LITTLE_APART}, AFFINE),
    "codes of other coordinates": ({"sform_code": 4, "qform_code": 2}, AFFINE),
    "a qform without code": ({"qform_code": 0, "quatern_b": NAN}, AFFINE),
    "an sform without code": ({"sform_code": 0, "srow_x": [NAN] * 4}, AFFINE),
    "no pixdim beside an sform": ({"qform": None, "pixdim": [0] * 8}, AFFINE),
    "qfac 0": ({"sform": None, "pixdim": pixdim(qfac=0)}, AFFINE),
    "metre": ({"sform": METRES, "qform": METRES, "xyzt_units": 1}, AFFINE),
    "metre and second": ({"sform": METRES, "qform": METRES, "xyzt_units": 9}, AFFINE),
    "millimetre and second": ({"xyzt_units": 10}, AFFINE),
    "micron": ({"sform": MICRONS, "qform": MICRONS, "xyzt_units": 3}, AFFINE),
    "no unit": ({"xyzt_units": 0}, AFFINE),
    "second alone": ({"xyzt_units": 8}, AFFINE),
    "a quaternion of length 1": ({"sform": None, **HALF_TURN}, TURNED_BY_HALF),
    "a quaternion longer than 1": (
        {"sform": None, **HALF_TURN, "quatern_d": 1.00001},
        TURNED_BY_HALF,
    ),
}


@pytest.mark.parametrize("what", AFFINES)
def test_an_affine_is_read(what):
    fields, expected = AFFINES[what]
    found = nifti_header.affine(read(**fields), SHAPE)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


SHEARED = AFFINE.copy()
SHEARED[0, 1] = 0.001
SINGULAR = AFFINE.copy()
SINGULAR[:3, 1] = SINGULAR[:3, 0]
FLAT = AFFINE @ np.diag([1.0, 0, 1, 1])
APART = AFFINE.copy()
APART[0, 3] += 0.8
COARSER = AFFINE @ np.diag([1.0, 1, 1.2, 1])

IMPOSSIBLE_AFFINES = {
    "no form": ({"sform": None, "qform": None}, "left and right are not stated"),
    "negative codes": ({"sform_code": -1, "qform_code": -1}, "left and right are not stated"),
    "left and right exchanged": ({"qform": MIRRORED}, "a corner 22 mm apart"),
    "more than half a voxel apart": ({"qform": APART}, r"a corner 0\.8 mm apart"),
    "other sizes": ({"qform": COARSER}, "a corner 7 mm apart"),
    "apart, in metres": (
        {"sform": METRES, "qform": np.diag([-1.0, 1, 1, 1]) @ METRES, "xyzt_units": 1},
        "a corner 22 mm apart",
    ),
    "an sform of NaN": ({"srow_y": [NAN] * 4}, "sform: a value is no number"),
    "an infinite sform": ({"srow_x": [INF, 0, 0, 0]}, "sform: a value is no number"),
    "a position of NaN": ({"srow_x": [2, 0, 0, NAN]}, "sform: a value is no number"),
    "a position out of this world": ({"srow_x": [2, 0, 0, 1e30]}, "or more than 1e.06 mm"),
    "a singular sform": ({"sform": SINGULAR, "qform": None}, "sform: the axes are not at right"),
    "an sform without an axis": (
        {"sform": FLAT, "qform": None},
        "sform: voxels of 2 x 0 x 5 mm: sizes above 0",
    ),
    "a sheared sform": ({"sform": SHEARED, "qform": None}, "sform: the axes are not at right"),
    "a quaternion of NaN": ({"quatern_c": NAN}, "qform: the quaternion has the length nan"),
    "a quaternion of length 2": ({"quatern_d": 2}, "the quaternion has the length 2, 1 is"),
    "qform, size 0": (
        {"sform": None, "pixdim": pixdim(j=0)},
        "pixdim states voxels of 2 x 0 x 5: sizes above 0",
    ),
    "qform, negative size": ({"pixdim": pixdim(k=-5)}, "pixdim states voxels of 2 x 1.5 x -5"),
    "qform, size NaN": ({"pixdim": pixdim(i=NAN)}, "pixdim states voxels of nan x 1.5 x 5"),
    "qform, size infinite": ({"pixdim": pixdim(i=INF)}, "qform: a value is no number"),
    "qform, position NaN": ({"qoffset_z": NAN}, "qform: a value is no number"),
    **{
        f"unit {unit}": ({"xyzt_units": unit}, f"has the spatial unit {unit}: metre, mm")
        for unit in (4, 5, 6, 7)
    },
}


@pytest.mark.parametrize("what", IMPOSSIBLE_AFFINES)
def test_an_impossible_affine_is_refused(what):
    fields, match = IMPOSSIBLE_AFFINES[what]
    with pytest.raises(ValueError, match=match):
        nifti_header.affine(read(**fields), SHAPE)


@pytest.mark.parametrize("huge", [1e200, 1e308, INF])
@pytest.mark.parametrize("field", ["quatern_b", "qoffset_x"])
def test_numbers_that_only_nifti_2_can_hold_are_refused(huge, field):
    header = read(nib.Nifti2Header, sform=None, **{field: huge})
    with pytest.raises(ValueError, match="qform: "):
        nifti_header.affine(header, SHAPE)
