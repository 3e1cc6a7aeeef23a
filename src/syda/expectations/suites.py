"""What each set must hold to pass: suites of rules, made from plain arguments."""

from syda.expectations.rules import SHAPE, Isotropic, Rule, Within
from syda.expectations.set_rules import (
    Attributes,
    at_least,
    complete,
    described,
    different_content,
    different_ids,
    indexed,
    readable,
    splits,
)
from syda.expectations.volume_rules import (
    Bounds,
    orientation,
    per_scan,
    spacing,
    usual_shape,
    usual_values,
    voxels,
)

_NO_SPLIT = "these files are not split into train and holdout"
_NO_DESCRIPTIONS = "no JSON of this pipeline describes these files"


def resampled(bounds: Bounds, min_cases: int, attributes: Attributes) -> list[Rule]:
    """Rules for resampled scans: voxel size, HU, descriptions, and enough different ones."""
    return [
        readable(),
        described(),
        at_least(min_cases),
        *per_scan(bounds),
        complete(attributes),
        different_content(),
    ]


def records(bounds: Bounds, min_split: int, attributes: Attributes) -> list[Rule]:
    """Rules for training records: as :func:`resampled`, and the split by patient.

    Args:
        bounds: of each volume.
        min_split: smallest training or holdout split that passes.
        attributes: that each record should have.
    """
    return [
        indexed(),
        *splits(min_split),
        *per_scan(bounds),
        complete(attributes),
        different_ids(),
        different_content(),
    ]


def cubes(size: int, bounds: Bounds, min_cases: int) -> list[Rule]:
    """Rules for synthetic volumes in the model's own grid, whose voxel size differs by volume.

    Args:
        size: voxels along each side.
        bounds: of each volume; the model's window takes the place of its ``hu``.
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
        Rule(
            "isotropic",
            "Voxels of every volume are equally long along each axis, "
            f"give or take {bounds.tolerance_mm:g} mm.",
            Isotropic(None, bounds.tolerance_mm),
        ),
        *voxels(bounds.window, bounds.min_std_hu),
        orientation(),
        *usual_values(bounds),
        different_content(),
    ]


def exports(bounds: Bounds) -> list[Rule]:
    """Rules for synthetic volumes exported at true physical size; there must be one or more."""
    return [
        readable(),
        at_least(1),
        spacing(bounds),
        *voxels(bounds.window, bounds.min_std_hu),
        orientation(),
        usual_shape(bounds.side_voxels),
        *usual_values(bounds),
        different_content(),
    ]


def foreign(bounds: Bounds, min_cases: int, min_split: int, attributes: Attributes) -> list[Rule]:
    """Every rule for scans, for NIfTI files that this pipeline did not make.

    What needs records, a split or descriptions is among them, and says that it cannot be checked.
    """
    return [
        readable(),
        at_least(min_cases).as_warning(),
        *per_scan(bounds),
        different_content(),
        different_ids().impossible("ids are file names here, which never repeat"),
        described().impossible(_NO_DESCRIPTIONS),
        complete(attributes).impossible(_NO_DESCRIPTIONS),
        indexed().impossible("these files are not records"),
        *(rule.impossible(_NO_SPLIT) for rule in splits(min_split)),
    ]
