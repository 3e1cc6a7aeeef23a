"""The scans of a split of the records, as a cohort on the model's cube."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from syda.errors import CorruptData
from syda.metrics.cohorts import Cohort
from syda.records import reader
from syda.records.index import read_index
from syda.records.split import Split
from syda.runtime import progress
from syda.types import EFFECTIVE_SPACING, Tensor32
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import encode


def read_records(folder: Path, split: Split, space: ModelSpace) -> Cohort:
    """Read a split of the records as the model's cubes.

    Args:
        folder: of the records.
        split: ``train`` or ``holdout``.
        space: the model's.
    """
    total = sum(entry.split == split for entry in read_index(folder))
    records = reader.read_split(folder, split, space.spacing_mm)
    images, names, patients, properties = [], [], [], []
    for record in progress.track(records, total, f"read {split}", "cases"):
        images.append(encode(record.volume, space)[0])
        names.append(record.case.case)
        patients.append(record.case.patient)
        spacing_mm = space.effective_spacing(record.volume.longest_side)
        effective = {EFFECTIVE_SPACING: spacing_mm}
        properties.append(record.case.attributes | asdict(record.properties) | effective)
    return Cohort(split, stack(images), tuple(names), tuple(patients), tuple(properties))


def are_artificial(report: Path) -> bool:
    """Whether a data version is declared artificial, and every slice of it says that it is.

    Args:
        report: of the stage ``convert``.

    Raises:
        CorruptData: the report cannot be read.
    """
    try:
        content = json.loads(report.read_text(encoding="utf-8"))
        return bool(content["artificial"]) and set(content["synthetic_data"]) == {"YES"}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CorruptData(f"{report}: no report of convert ({error}): convert again") from error


def stack(images: Sequence[Tensor32]) -> Tensor32:
    """Stack ``[D, H, W]`` images, of which there may be none."""
    return np.stack(images) if images else np.empty((0, 0, 0, 0), np.float32)
