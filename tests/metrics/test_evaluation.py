"""Evaluation of two folders of NIfTI files."""

from pathlib import Path

import numpy as np
import pytest

from syda.errors import CheckFailed, CorruptData
from syda.metrics import evaluation
from syda.metrics.cohorts import Sampling
from syda.types import Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace

SPACE = ModelSpace(8, 1.5, -1000, 1000)
SAMPLING = Sampling(7, 10, 100)


def write(folder: Path, count: int, hu: float, shape: tuple[int, int, int]) -> Path:
    """Volumes of noise around some HU at 3 mm."""
    rng = np.random.default_rng(int(hu))
    for number in range(count):
        voxels = np.rint(hu + rng.normal(0, 20, shape)).astype(np.int16)
        affine = np.diag([3.0, 3.0, 3.0, 1.0])
        nifti.write(folder / f"{number}{nifti.SUFFIX}", Volume(voxels, affine))
    return folder


def test_two_folders_are_compared_and_the_real_one_is_parted_in_halves(tmp_path: Path) -> None:
    real = write(tmp_path / "real", 5, 40, (6, 5, 4))
    synthetic = write(tmp_path / "synthetic", 3, 70, (8, 8, 8))
    found = evaluation.evaluate_folders(real, synthetic, SPACE, SAMPLING)
    halves = [set(found.cohorts.real[label].names) for label in ("real_1", "real_2")]
    assert halves[0] | halves[1] == set("01234")
    assert [len(half) for half in halves] == [2, 3]
    numbers, details = found.numbers(), found.details()
    assert numbers["n"] == {"real_1": 2, "real_2": 3, "synthetic": 3}
    peak = numbers["real_2"]["hu_peak_soft_s5"]
    assert peak["synthetic"] - peak["real"] == pytest.approx(30, abs=10)
    assert set(details["metrics"]) == set(details["figures"]["real_2"]) > set(numbers["real_2"])
    assert details["kid_baselines"]["split"] == "real_2"
    assert "privacy" not in numbers
    assert "privacy" not in details


def test_too_few_files_and_files_of_other_axes_are_refused(tmp_path: Path) -> None:
    real, synthetic = write(tmp_path / "real", 3, 40, (6, 5, 4)), tmp_path / "synthetic"
    write(synthetic, 2, 70, (8, 8, 8))
    with pytest.raises(CheckFailed, match="real_1 has 1 patients"):
        evaluation.evaluate_folders(real, synthetic, SPACE, SAMPLING)
    flat = Volume(np.zeros((4, 4, 2, 2), np.int16), np.eye(4))
    nifti.write(synthetic / f"flat{nifti.SUFFIX}", flat)
    with pytest.raises(CorruptData, match="one volume of three axes is needed"):
        evaluation.evaluate_folders(real, synthetic, SPACE, SAMPLING)
