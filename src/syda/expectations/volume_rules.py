"""Rules about each volume of a set: its grid and its voxels.

What the next stage relies on is critical, what is only unusual for CT of a body is a warning.
"""

from dataclasses import dataclass

from syda.expectations.rules import SHAPE, Equals, Isotropic, Rule, Within
from syda.expectations.tables import AIR_HU


@dataclass(frozen=True)
class Bounds:
    """How far one volume may be from what is promised, or usual.

    Attributes:
        spacing_mm: voxel size that every axis must have, mm.
        tolerance_mm: allowed deviation from it, mm.
        hu: lowest and highest allowed voxel, HU.
        min_std_hu: standard deviation below which a volume counts as constant, HU.
        side_voxels: usual number of voxels along each axis.
        p0_5_hu: usual 0.5th percentile of voxels, HU.
        p99_5_hu: usual 99.5th percentile of voxels, HU.
        air_share: usual share of voxels below ``AIR_HU``, 0 to 1.
        window: lowest and highest HU that the model can say.
        max_below_window_share: usual share of voxels below the window, at most, 0 to 1.
        max_above_window_share: usual share of voxels above the window, at most, 0 to 1.
    """

    spacing_mm: float
    tolerance_mm: float
    hu: tuple[int, int]
    min_std_hu: float
    side_voxels: tuple[int, int]
    p0_5_hu: tuple[float, float]
    p99_5_hu: tuple[float, float]
    air_share: tuple[float, float]
    window: tuple[int, int]
    max_below_window_share: float
    max_above_window_share: float


def per_scan(bounds: Bounds) -> list[Rule]:
    """Rules for any real volume at the pipeline's voxel size."""
    return [
        spacing(bounds),
        *voxels(bounds.hu, bounds.min_std_hu),
        orientation(),
        usual_shape(bounds.side_voxels),
        *usual_values(bounds),
        *saturated(bounds),
    ]


def spacing(bounds: Bounds) -> Rule:
    """The voxel size that the checklist asks for."""
    return Rule(
        "spacing",
        f"Voxels of every volume measure {bounds.spacing_mm:g} mm along each axis, "
        f"give or take {bounds.tolerance_mm:g} mm.",
        Isotropic(bounds.spacing_mm, bounds.tolerance_mm),
    )


def voxels(hu: tuple[int, int], min_std_hu: float) -> list[Rule]:
    """Rules for the values of voxels."""
    return [
        Rule("finite", "No voxel is NaN or infinite.", Within(("not_finite",), 0, 0, "voxels")),
        Rule(
            "hu_range",
            f"Every voxel lies between {hu[0]} and {hu[1]} HU.",
            Within(("hu_min", "hu_max"), *hu, "HU"),
        ),
        Rule(
            "not_constant",
            f"The voxels of every volume vary: their standard deviation is {min_std_hu:g} HU "
            "or more.",
            Within(("std_hu",), min_std_hu, None, "HU"),
        ),
    ]


def orientation() -> Rule:
    """Axes run to the patient's right, front and head."""
    return Rule(
        "orientation",
        "The axes i, j, k of every volume run to the patient's right, front and head (RAS).",
        Equals("orientation", "RAS"),
    )


def usual_shape(side_voxels: tuple[int, int]) -> Rule:
    """A body part fits, and no more than a body."""
    low, high = side_voxels
    return Rule(
        "side",
        f"Every volume has {low} to {high} voxels along each axis.",
        Within(SHAPE, low, high, "voxels"),
        "warning",
    )


def usual_values(bounds: Bounds) -> list[Rule]:
    """Air, soft tissue and something denser, as in CT of a body: a wrong rescale shows here."""
    low, high = bounds.air_share
    return [
        _percentile("hu_p0_5", "0.5th", bounds.p0_5_hu, "a volume shows air"),
        _percentile("hu_p99_5", "99.5th", bounds.p99_5_hu, "a volume shows more than fat"),
        Rule(
            "air_share",
            f"{100 * low:g} to {100 * high:g} % of the voxels of every volume are air "
            f"(below {AIR_HU} HU).",
            Within(("air_share",), low, high, "%"),
            "warning",
        ),
    ]


def _percentile(column: str, which: str, hu: tuple[float, float], why: str) -> Rule:
    return Rule(
        column,
        f"The {which} percentile of voxels lies between {hu[0]:g} and {hu[1]:g} HU: {why}.",
        Within((column,), *hu, "HU"),
        "warning",
    )


def saturated(bounds: Bounds) -> list[Rule]:
    """What the model's window cuts off is little."""
    return [
        Rule(
            f"{side}_window",
            f"At most {100 * share:g} % of the voxels of every volume lie {side} {hu} HU, "
            "where the model's range ends.",
            Within((f"{side}_window_share",), None, share, "%"),
            "warning",
        )
        for side, hu, share in (
            ("below", bounds.window[0], bounds.max_below_window_share),
            ("above", bounds.window[1], bounds.max_above_window_share),
        )
    ]
