"""The report's code runs on a training of seconds, whose figures mean nothing."""

import re

import pytest
import torch

import changed_params
from syda import paths
from syda.model.generator import Generator
from syda.sampling import weights
from syda.stages import train
from training_stages import stages

from . import learning

TINY = {
    "ct.size": 8,
    "model.channels": [6, 4],
    "model.discriminator_channels": [5, 4],
    "model.properties": ["body_width_mm", "sex"],
    "train.stages": stages(8, side=8),
    "train.log_images": 8,
    "train.pictures": 1,
    "train.encoder.images": 20,
}


@pytest.fixture
def trained(tmp_path, made_up_records):
    root = made_up_records(tmp_path, 8)
    changed_params.write(root, TINY)
    train.run(root)
    return root


@pytest.mark.slow
def test_weights_are_held_against_those_before_a_training(trained):
    """Weights that are the untrained ones of seed 0 are worth nothing."""
    folder = trained / paths.WEIGHTS
    _, description = weights.load(folder)
    torch.manual_seed(0)
    weights.save(folder, Generator(**description.architecture), description)
    found = learning.page(trained, count=3)
    rows = re.findall(r"^\| ([a-z].*?) \| (-?[\d.]+) \| (-?[\d.]+) \|$", found, flags=re.M)
    table = {name: (float(value), float(ratio)) for name, value, ratio in rows}
    assert len(table) == 7
    assert table["untrained weights, seed 0"] == (table["released"][0], 1)
    assert table["the same and the mean scan, seed 0"][0] != table["released"][0]
    assert re.search(r"^\| at most 0\.2 .* \| not met \|$", found, flags=re.M)
