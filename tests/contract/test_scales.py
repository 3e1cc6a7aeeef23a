"""The named scales of the Makefile: overrides of keys that exist, and networks that they build."""

import importlib
import re
import shlex
import subprocess

import pytest
from ruamel.yaml import YAML

import changed_params
from syda.model.generator import Generator, layer_table
from syda.params import STAGES, load


@pytest.fixture
def scaled(repository, tmp_path):
    """A workspace with the parameters of ``make run SCALE=...``."""

    def apply(scale):
        told = subprocess.run(
            ["make", "-n", "-o", "setup", "run", f"SCALE={scale}"],
            cwd=repository, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        (command,) = re.findall(r"^dvc exp run .*$", told.replace("\\\n", " "), flags=re.M)
        words = shlex.split(command)[3:]
        assert words[0::2] == ["-S"] * len(words[1::2])
        overrides = (override.split("=", 1) for override in words[1::2])
        safe = YAML(typ="safe")
        changed_params.write(tmp_path, {name: safe.load(value) for name, value in overrides})
        return load(tmp_path)

    return apply


def test_gpu_128_is_the_checklists_network(scaled):
    params = scaled("gpu-128")
    for stage in STAGES:
        module = importlib.import_module(f"syda.stages.{stage}")
        params.section(stage, module.Params)
    generator = Generator(**params.model.networks(0)["generator"])
    outputs = {row.name: row.output for row in layer_table(generator)}
    assert outputs["mapping.layers.7"] == (96,)
    assert "mapping.layers.8" not in outputs
    assert outputs["synthesis.constant"] == (512, 4, 4, 4)
    sides = {8: 512, 16: 256, 32: 128, 64: 64, 128: 32}
    for block, (side, channels) in enumerate(sides.items()):
        assert outputs[f"synthesis.blocks.{block}.conv1"] == (channels, side, side, side)
    assert outputs["synthesis.blocks.4.to_image"] == (1, 128, 128, 128)
    assert params.ct.size == 128


def test_a_scale_that_does_not_exist_is_wrong_use(repository):
    done = subprocess.run(
        ["make", "-o", "setup", "run", "SCALE=gpu-9"],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "SCALE=gpu-9 is not one of: gpu-128" in done.stdout
