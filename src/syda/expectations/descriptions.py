"""What is known of a scan beside its voxels: the JSON that lies next to its NIfTI file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from syda.expectations.tables import Row, nifti_row
from syda.types import Attribute
from syda.volume import nifti


def scan_row(path: Path, window: tuple[int, int], attributes: Sequence[str]) -> Row:
    """Measure one NIfTI file and look at the JSON of the same name beside it.

    Args:
        path: a ``.nii.gz`` file; its name is the case.
        window: lowest and highest HU of the model's window.
        attributes: names of those that should be known.
    """
    row = nifti_row(path, window)
    name = f"{nifti.case_name(path)}.json"
    try:
        facts = json.loads(path.with_name(name).read_text(encoding="utf-8"))
        case, known, _ = facts["case"], dict(facts["attributes"]), facts["patient"]
    except FileNotFoundError:
        return _without(row, f"{name} does not exist", attributes)
    except (ValueError, KeyError, TypeError) as error:  # the text may quote what is in the file
        return _without(row, f"{name} is no description ({type(error).__name__})", attributes)
    fault = None if case == row.case else f"{name} is of another case"
    return replace(row, description_fault=fault, attributes_missing=missing(known, attributes))


def _without(row: Row, fault: str, attributes: Sequence[str]) -> Row:
    return replace(row, description_fault=fault, attributes_missing=missing({}, attributes))


def missing(known: Mapping[str, Attribute], attributes: Sequence[str]) -> str | None:
    """Names of the attributes that are not known, None where all are."""
    return ", ".join(name for name in attributes if known.get(name) is None) or None
