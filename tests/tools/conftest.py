"""A released generator, outside any repository, and the command line beside it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from syda.model.conditions import measure
from syda.model.generator import Generator
from syda.sampling import weights

CONDITIONS = measure(
    [{"body_width_mm": 300.0 + 10 * i, "sex": "FM"[i % 2]} for i in range(11)],
    ["body_width_mm", "sex"],
)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Folder of weights of 8^3 voxels that know a number and a term."""
    torch.manual_seed(0)
    generator = Generator(
        latent=4,
        mapping_layers=1,
        mapping_lr_multiplier=0.1,
        channels=[3, 2],
        conditions=CONDITIONS.size,
    )
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    folder = tmp_path / "release"
    folder.mkdir()
    description = weights.Description(
        generator.architecture,
        {"size": 8, "spacing_mm": 1.5, "window_min": -1000, "window_max": 1000},
        measure([{"effective_spacing_mm": 3.0}], ["effective_spacing_mm"]).to_json(),
        CONDITIONS.to_json(),
        {"version": "v0", "index_sha256": "a" * 64, "training_cases": 11},
        8,
    )
    weights.save(folder, generator, description)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds nothing."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def syda() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command in the current folder."""
    return lambda *arguments: subprocess.run(
        [sys.executable, "-m", "syda", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
