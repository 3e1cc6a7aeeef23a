"""The named scales of the Makefile: overrides of keys that exist, and networks that they build."""

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
        message = subprocess.run(
            ["make", "-n", "-o", "setup", "run", f"SCALE={scale}"],
            cwd=repository, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        (command,) = re.findall(r"^dvc exp run .*$", message.replace("\\\n", " "), flags=re.M)
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
        params.section(stage, changed_params.section_class(stage))
    generator = Generator(**params.model.networks(0)["generator"])
    assert [tuple(row) for row in layer_table(generator)] == checklist()
    assert params.ct.size == 128


def checklist() -> list[tuple[str, str, tuple[int, ...], int]]:
    """Every layer of it: name, kind, output, weights; a style is a linear layer of 96 to each."""

    def convolution(inputs: int, outputs: int) -> int:
        return outputs * inputs * 3**3 + (96 + 1) * inputs + outputs + outputs  # noise B and bias

    def image(inputs: int) -> int:
        return inputs + (96 + 1) * inputs + 1

    rows = [(f"mapping.layers.{i}", "EqualizedLinear", (96,), 96 * 96 + 96) for i in range(8)]
    rows.append(("synthesis.constant", "Constant", (512, 4, 4, 4), 512 * 4**3))
    rows.append(("synthesis.conv", "ModulatedConv3d", (512, 4, 4, 4), convolution(512, 512)))
    rows.append(("synthesis.to_image", "ToImage", (1, 4, 4, 4), image(512)))
    inputs = 512
    for block, (side, c) in enumerate({8: 512, 16: 256, 32: 128, 64: 64, 128: 32}.items()):
        name = f"synthesis.blocks.{block}"
        shape = (c, side, side, side)
        rows.append((f"{name}.conv0", "ModulatedConv3d", shape, convolution(inputs, c)))
        rows.append((f"{name}.conv1", "ModulatedConv3d", shape, convolution(c, c)))
        rows.append((f"{name}.to_image", "ToImage", (1, side, side, side), image(c)))
        inputs = c
    return rows


def test_a_scale_that_does_not_exist_is_wrong_use(repository):
    done = subprocess.run(
        ["make", "-o", "setup", "run", "SCALE=gpu-9"],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "SCALE=gpu-9 is not one of: gpu-128" in done.stdout
