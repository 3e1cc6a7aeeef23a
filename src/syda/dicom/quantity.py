"""Whether the values of a CT image are HU of places, by its header and by the voxels of a volume.

CT Image Storage also holds relative electron density, effective atomic number, iodine, projections,
perfusion maps, screenshots and grey that was windowed for display. None of them is HU.

Source: DICOM PS3.3 C.11.1.1.2 (Rescale Type), C.8.2.1.1 and C.8.15.3.2 (Image Type of CT; multi-
energy), C.8.16.2.1.4 (derived pixel contrast), C.7.6.3.1.2 (Photometric Interpretation).
"""

import re
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from syda.dicom import header
from syda.dicom.enhancement import Averaged
from syda.dicom.reject import InputRejected, Reason
from syda.types import Volume
from syda.volume import resample
from syda.volume.body import TISSUE_ABOVE_HU

HU_RESCALE_TYPES = frozenset({"HU", "US", "HOUNSFIELD", "HOUNSFIELD_UNIT", "HOUNSFIELD_UNITS"})
"""Rescale types of CT in HU. US is unspecified: the voxels decide."""

MAX_GREY_BITS = 8
"""Grey of this many bits was windowed for display. HU need more."""

AIR_BELOW_HU = -300
"""No tissue is below. A volume without such a voxel shows no air, lung or gas."""

SOFT_TISSUE_HU = 200
"""Fat, muscle and organs are within this distance of water."""

MIN_SOFT_SHARE = 0.3
"""Smallest share of the tissue that is soft. If the rescale intercept is applied twice, soft tissue
becomes air, and bone is what is left."""

MIN_MEANS = 1000
"""A volume with fewer means of voxels is so small that its voxels are looked at."""

MIN_STD_HU = 55.0
"""Smallest standard deviation of a resampled volume. It is above ``validate.min_std_hu``, which
would stop the whole cohort."""

CLEAR_STD_HU = 2 * MIN_STD_HU
"""A volume that varies so much does so when it is resampled."""

MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})

REQUIRED = ("BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation")
"""Attributes without which no pixel can be read (PS3.3 C.7.6.3)."""

TAGS = [
    Tag(keyword)
    for keyword in (
        *REQUIRED,
        "SyntheticData",
        "RescaleType",
        "ImageType",
        "RescaleSlope",
        "VolumeBasedCalculationTechnique",
        "SeriesDescription",
    )
]
"""Attributes that :func:`fault` reads."""

_PROJECTIONS = r"MINI?P|MIP|MAXIP|MIN_IP|MAX_IP|MINIMUM_IP|MAXIMUM_IP"
_MAPS = (
    r"ELECTRON_DENSITY|EFF_ATOMIC_NUM|EFFECTIVE_(Z|ATOMIC_NUMBER)|Z_?EFF|RHO(_?Z)?|IODINE|VNC|"
    r"VIRTUAL_NON_?CONTRAST|CBF|CBV|MTT|TTP|TTD|TTS|TMAX|PBV|BLOOD_?(FLOW|VOLUME)|PERMEABILITY|"
    r"SUBTRACTION|SUBTRACTED|VRT|SCREEN_?(SAVE|SHOT|CAPTURE)"
)
_KINDS = (
    r"MAXIMUM|MINIMUM|MAT_(SPECIFIC|REMOVED|FRACTIONAL|MODIFIED|VALUE_BASED)|EDW?|PERFUSION|MD|"
    r"VOLUME_RENDER(ING|ED)?|SURFACE(_RENDER(ING|ED)?)?|CURVED|CPR|ADDITION|DIVISION|"
    r"MULTIPLICATION|STD_DEVIATION|QUANTITY|DOSE|REPORT|PROTOCOL|GRAPHICS?|POSDISP|SUMMARY|"
    r"SEGMENTATION|LABELMAP|FUSION|FUSED|COLOU?R|RGB"
)
_IMAGE_KIND = re.compile(rf"(?:^|_)(?:{_PROJECTIONS}|{_MAPS}|{_KINDS})(?:_|$)")
_SHORT_KIND = re.compile(r"SUB|VR|SSD|3D|MAX|MIN")
"""Whole values of Image Type. As words they could be a part of another name."""
_DESCRIBED_KIND = re.compile(rf"(?:^|_)(?:{_PROJECTIONS}|{_MAPS})(?:_|$)")
_CALCULATIONS = frozenset({"", "NONE", "MPR"})
"""Volume Based Calculation Techniques (C.8.16.2.1.3) whose values are HU of a place."""


def fault(dataset: Dataset, synthetic: bool) -> InputRejected | None:
    """Return why the header of an image says that its values are no HU, or None.

    Args:
        dataset: header of a slice.
        synthetic: whether synthetic images are accepted.
    """
    for keyword in REQUIRED:
        if header.value(dataset, keyword) in (None, ""):
            return InputRejected(Reason.MISSING_ATTRIBUTE, keyword)
    if not synthetic and header.text(dataset, "SyntheticData").upper() == "YES":
        return InputRejected(Reason.SYNTHETIC)
    for keyword, is_hu in (
        ("RescaleType", set(header.terms(dataset, "RescaleType")) <= {"", *HU_RESCALE_TYPES}),
        ("ImageType", not _names_other_kind(header.terms(dataset, "ImageType")[2:])),
        ("PhotometricInterpretation", _photometric(dataset) in MONOCHROME),
        ("BitsStored", _bits(dataset) > MAX_GREY_BITS),
        ("RescaleSlope", _slope(dataset) != 0),
        ("VolumeBasedCalculationTechnique", _calculation(dataset) in _CALCULATIONS),
        ("SeriesDescription", not _is_described_as_other_kind(dataset)),
    ):
        if not is_hu:
            return InputRejected(Reason.NOT_HU, keyword)
    return None


def check_voxels(has_air: bool, volume: Volume, grid: Averaged) -> None:
    """Check that a volume shows air, and soft tissue.

    Args:
        has_air: whether a voxel is below :data:`AIR_BELOW_HU`.
        volume: in HU.
        grid: its HU of :func:`syda.dicom.enhancement.averaged`.

    Raises:
        InputRejected: the values are no HU of a body.
    """
    if not has_air:
        raise InputRejected(Reason.NOT_HU, f"no voxel below {AIR_BELOW_HU} HU")
    hu = grid if grid.size >= MIN_MEANS else volume.hu
    tissue = int((hu > TISSUE_ABOVE_HU).sum())
    soft_share = int((np.abs(hu) <= SOFT_TISSUE_HU).sum()) / max(tissue, 1)
    if soft_share < MIN_SOFT_SHARE:
        raise InputRejected(Reason.NOT_HU, f"{soft_share:.2f} of the tissue is soft")


def check_contrast(volume: Volume, grid: Averaged, spacing_mm: float) -> None:
    """Check that a volume is not constant when it is resampled.

    Args:
        volume: in HU.
        grid: HU of :func:`syda.dicom.enhancement.averaged`.
        spacing_mm: voxel size of resampled scans.

    Raises:
        InputRejected: it is, and the stage ``validate`` would stop for the whole cohort.
    """
    if grid.std() >= CLEAR_STD_HU:
        return
    std = float(resample.to_spacing(volume, spacing_mm).hu.std())
    if std < MIN_STD_HU:
        raise InputRejected(Reason.NOT_HU, f"standard deviation {std:.1f} HU")


def rescale(dataset: Dataset) -> tuple[float, float]:
    """Return slope and intercept: HU = slope x stored value + intercept.

    Raises:
        InputRejected: one is missing or no number.
    """
    slope, intercept = (
        header.numbers(dataset, keyword, 1) for keyword in ("RescaleSlope", "RescaleIntercept")
    )
    return float(slope[0]), float(intercept[0])


def _names_other_kind(values: Sequence[str]) -> bool:
    return any(_IMAGE_KIND.search(one) or _SHORT_KIND.fullmatch(one) for one in values)


def _is_described_as_other_kind(dataset: Dataset) -> bool:
    """Return whether a derived image is described as one of the kinds.

    An original one may well have been taken with iodine, or for a perfusion map.
    """
    derived = header.terms(dataset, "ImageType")[:1] == ["DERIVED"]
    words = "_".join(header.terms(dataset, "SeriesDescription")) if derived else ""
    return bool(_DESCRIBED_KIND.search(words))


def _photometric(dataset: Dataset) -> str:
    return header.text(dataset, "PhotometricInterpretation").upper()


def _calculation(dataset: Dataset) -> str:
    return header.text(dataset, "VolumeBasedCalculationTechnique").upper()


def _bits(dataset: Dataset) -> float:
    return float(header.numbers(dataset, "BitsStored", 1)[0])


def _slope(dataset: Dataset) -> float:
    """Return the slope; a missing one is found where it is used."""
    if header.value(dataset, "RescaleSlope") is None:
        return 1.0
    return float(header.numbers(dataset, "RescaleSlope", 1)[0])
