"""A repository of made-up records, and a tiny study over them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from syda.records import schema, writer
from syda.types import Case, Properties, Volume

TINY = {
    "ct.size": 8,
    "model.latent": 6,
    "model.mapping_layers": 2,
    "model.channels": [6, 4],
    "model.discriminator_channels": [5, 4],
    "model.properties": ["body_width_mm", "sex"],
    "train.images": 40,
    "train.coarse_images": 16,
    "train.fade_images": 8,
    "train.batch": 4,
    "train.log_images": 8,
    "tune.trials": 3,
    "tune.startup": 2,
    "tune.images": 20,
    "tune.points": 2,
    "tune.validation_share": 0.3,
    "tune.volumes": 3,
    "tune.space": {
        "train.generator_lr": {"low": 0.002, "high": 0.008, "log": True},
        "train.batch": {"low": 2, "high": 5, "log": False},
        "train.loss": {"choices": ["nonsaturating", "rpgan"]},
    },
}


@pytest.fixture
def root(workspace: Callable[..., Path]) -> Path:
    """Records of ten made-up scans of ten patients, with the report of their gate."""
    return fill(workspace(TINY))


@pytest.fixture
def tiny(workspace: Callable[..., Path]) -> Callable[..., Path]:
    """Write params.yaml anew, some keys of the tiny study changed."""
    return lambda changes: workspace(TINY | changes)


def fill(root: Path) -> Path:
    rng = np.random.default_rng(0)
    records = []
    for number in range(10):
        hu = rng.integers(-1000, 400, (12 + number, 10, 8)).astype(np.int16)
        case = Case(f"case{number}", f"patient{number}", {"sex": "FM"[number % 2]})
        volume = Volume(hu, np.diag([1.5, 1.5, 1.5, 1.0]))
        records.append(schema.Record(case, volume, Properties(body_width_mm=300.0 + number)))
    folder = root / "data" / "records"
    folder.mkdir(parents=True)
    writer.write(folder, records, holdout_share=0.3, shards=2)
    gate = root / "reports" / "validation" / "records.json"
    gate.parent.mkdir(parents=True)
    gate.write_text("{}")
    return root
