"""A repository of made-up records, and a tiny study over them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training_stages import stages

TINY = {
    "ct.size": 8,
    "model.latent": 6,
    "model.mapping_layers": 2,
    "model.channels": [6, 4],
    "model.discriminator_channels": [5, 4],
    "model.properties": ["body_width_mm", "sex"],
    "train.stages": stages(40, side=8, coarse=16, fade=8),
    "train.log_images": 8,
    "tune.trials": 3,
    "tune.startup": 2,
    "tune.images": 20,
    "tune.points": 2,
    "tune.validation_share": 0.3,
    "tune.volumes": 3,
    "tune.space": {
        "train.generator_lr": {"low": 0.002, "high": 0.008, "log": True},
        "train.r1_interval": {"low": 2, "high": 9, "log": False},
        "train.loss": {"choices": ["nonsaturating", "rpgan"]},
    },
}


@pytest.fixture
def root(workspace: Callable[..., Path], made_up_records: Callable[..., Path]) -> Path:
    """Records of ten made-up scans of ten patients, with the report of their gate."""
    return made_up_records(workspace(TINY), 10)


@pytest.fixture
def tiny(workspace: Callable[..., Path]) -> Callable[..., Path]:
    """Write params.yaml anew, some keys of the tiny study changed."""
    return lambda changes: workspace(TINY | changes)
