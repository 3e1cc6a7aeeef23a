"""What each set must hold to pass, as sentences with the bounds that decide them.

A suite is a list of rules made from plain arguments. A rule says in words what it asks for and in
data how it is decided; :mod:`syda.expectations.runner` hands it to Great Expectations.
"""

from dataclasses import dataclass

SPACING = ("spacing_i", "spacing_j", "spacing_k")
SHAPE = ("shape_i", "shape_j", "shape_k")


@dataclass(frozen=True)
class Within:
    """Every readable volume has these columns, each between the bounds (both included).

    ``high`` is None where only the lower bound counts.
    """

    columns: tuple[str, ...]
    low: float
    high: float | None
    unit: str = ""


@dataclass(frozen=True)
class Equals:
    """Every readable volume has this column, and this value in it."""

    column: str
    value: str


@dataclass(frozen=True)
class Different:
    """Every readable volume has this column, and no two share a value."""

    column: str


@dataclass(frozen=True)
class Readable:
    """No file of the set has a fault."""


@dataclass(frozen=True)
class AtLeast:
    """At least so many volumes can be read, in one split or in the set."""

    count: int
    split: str | None = None


Check = Within | Equals | Different | Readable | AtLeast


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        name: short and stable, for machines.
        sentence: what is asked for, in words.
        check: how it is decided.
    """

    name: str
    sentence: str
    check: Check


def resampled(
    spacing_mm: float, tolerance_mm: float, hu: tuple[int, int], min_std_hu: float, min_cases: int
) -> list[Rule]:
    """Rules for resampled scans: voxel size, HU, and enough different ones.

    Args:
        spacing_mm: voxel size that every axis must have, mm.
        tolerance_mm: allowed deviation from it, mm.
        hu: lowest and highest allowed voxel, HU.
        min_std_hu: standard deviation below which a volume counts as constant, HU.
        min_cases: smallest set that passes.
    """
    return [
        readable(),
        at_least(min_cases),
        *per_volume(spacing_mm, tolerance_mm, hu, min_std_hu),
        different_content(),
    ]


def records(
    spacing_mm: float, tolerance_mm: float, hu: tuple[int, int], min_std_hu: float, min_split: int
) -> list[Rule]:
    """Rules for training records: as :func:`resampled`, and the split by patient.

    Args:
        spacing_mm: voxel size that every axis must have, mm.
        tolerance_mm: allowed deviation from it, mm.
        hu: lowest and highest allowed voxel, HU.
        min_std_hu: standard deviation below which a volume counts as constant, HU.
        min_split: smallest training or holdout split that passes.
    """
    return [
        Rule("readable", "Every record can be read and is what the index says.", Readable()),
        at_least(min_split, "train"),
        at_least(min_split, "holdout"),
        Rule(
            "patient_in_one_split",
            "No patient is in both the train and the holdout split.",
            Within(("splits_of_patient",), 1, 1, "per patient"),
        ),
        *per_volume(spacing_mm, tolerance_mm, hu, min_std_hu),
        Rule("unique_case", "No two volumes have the same case id.", Different("case")),
        different_content(),
    ]


def cubes(size: int, window: tuple[int, int], min_std_hu: float, min_cases: int) -> list[Rule]:
    """Rules for synthetic volumes in the model's own grid, whose voxel size differs by volume.

    Args:
        size: voxels along each side.
        window: lowest and highest HU that the model can say.
        min_std_hu: standard deviation below which a volume counts as constant, HU.
        min_cases: smallest set that passes.
    """
    return [
        readable(),
        at_least(min_cases),
        Rule(
            "shape",
            f"Every volume is a cube of {size} x {size} x {size} voxels.",
            Within(SHAPE, size, size, "voxels"),
        ),
        *voxels(window, min_std_hu),
        orientation(),
        different_content(),
    ]


def exports(
    spacing_mm: float, tolerance_mm: float, window: tuple[int, int], min_std_hu: float
) -> list[Rule]:
    """Rules for synthetic volumes exported at true physical size; there must be one or more.

    Args:
        spacing_mm: voxel size that every axis must have, mm.
        tolerance_mm: allowed deviation from it, mm.
        window: lowest and highest HU that the model can say.
        min_std_hu: standard deviation below which a volume counts as constant, HU.
    """
    return [
        readable(),
        at_least(1),
        *per_volume(spacing_mm, tolerance_mm, window, min_std_hu),
        different_content(),
    ]


def per_volume(
    spacing_mm: float, tolerance_mm: float, hu: tuple[int, int], min_std_hu: float
) -> list[Rule]:
    """Rules for any volume at the pipeline's voxel size."""
    return [
        Rule(
            "spacing",
            f"Voxels of every volume measure {spacing_mm:g} mm along each axis, "
            f"give or take {tolerance_mm:g} mm.",
            Within(SPACING, spacing_mm - tolerance_mm, spacing_mm + tolerance_mm, "mm"),
        ),
        *voxels(hu, min_std_hu),
        orientation(),
    ]


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


def readable() -> Rule:
    """Files are whole."""
    return Rule("readable", "Every file can be read.", Readable())


def at_least(count: int, split: str | None = None) -> Rule:
    """The set, or one split of it, is large enough."""
    where = f"The {split} split" if split else "The set"
    name = f"at_least_in_{split}" if split else "at_least"
    return Rule(name, f"{where} has {count} or more readable volumes.", AtLeast(count, split))


def different_content() -> Rule:
    """No scan twice under two ids."""
    return Rule(
        "unique_content",
        "No two volumes have the same voxels (no scan is in the set twice).",
        Different("sha256"),
    )
