import pytest
import torch

from syda.errors import CheckFailed
from syda.training.checkpoint import Checkpoints
from syda.training.copying import DistanceRatio
from syda.training.data import TrainingSet
from syda.training.distributed import SINGLE_PROCESS
from syda.training.fit import fit
from syda.types import Case
from tiny_training import MODEL, SCHEMA, tiny_module, train_params, training_set


def scans(patients: str, side: int = 8) -> TrainingSet:
    images = torch.rand(
        len(patients), 1, side, side, side, generator=torch.Generator().manual_seed(3)
    )
    cases = tuple(Case(f"case-{n}", patient, {}) for n, patient in enumerate(patients))
    return TrainingSet(images, [{} for _ in patients], cases)


def test_copies_have_no_distance_and_other_scans_that_of_scans():
    real = scans("abcdefgh")
    ratio = DistanceRatio(real.subset(range(6)), SCHEMA)
    assert ratio.of(real.images[:4]) == 0
    assert ratio.of(real.images[6:]) == pytest.approx(1, abs=0.1)
    near = real.images[:4] + 0.1 * torch.rand(4, 1, 8, 8, 8)
    assert 0 < ratio.of(near) < 0.5


def test_scans_of_one_patient_are_not_compared():
    real = scans("aabbccdd")
    real.images[1::2] = real.images[::2]
    assert DistanceRatio(real, SCHEMA).of(torch.rand(3, 1, 8, 8, 8)) > 0.9


def test_coarser_volumes_are_compared_with_coarser_scans():
    real = scans("abcd", side=16)
    ratio = DistanceRatio(real, SCHEMA)
    assert ratio(tiny_module().ema.average, 8, torch.float32) > 0


def test_the_same_weights_have_the_same_ratio_and_no_random_state_moves():
    gan, ratio = tiny_module(), DistanceRatio(training_set(), SCHEMA)
    before = torch.get_rng_state(), gan.rng.get_state()
    found = [ratio(gan.ema.average, 16, torch.float32) for _ in range(2)]
    assert found[0] == found[1]
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(gan.rng.get_state(), before[1])


def train(folder, monkeypatch, ratios, limit):
    found = iter(ratios)
    monkeypatch.setattr(DistanceRatio, "__call__", lambda *_: next(found))
    params = train_params(images=32, min_distance_ratio=limit)  # a checkpoint every 8 images
    return fit(training_set(), SCHEMA, MODEL, params, SINGLE_PROCESS, Checkpoints(folder))


def test_a_training_that_copies_keeps_the_weights_of_the_checkpoint_before(
    tmp_path, monkeypatch, capsys
):
    gan = train(tmp_path / "stopped", monkeypatch, [1.0, 0.95, 0.8], limit=0.9)
    assert gan.images_seen == 16
    assert "after 24 images synthetic volumes lie 0.80 times as far" in capsys.readouterr().err
    saved = Checkpoints(tmp_path / "stopped").latest()
    for name, value in gan.generator.state_dict().items():
        assert torch.equal(value, saved["generator"][name]), name
    whole = train(tmp_path / "whole", monkeypatch, [1.0, 0.95, 0.8, 0.7], limit=0.0)
    assert whole.images_seen == 32
    assert [line["distance_ratio"] for line in whole.curves.lines if "distance_ratio" in line] == [
        *(1.0, 0.95, 0.8),
    ]


def test_a_last_step_that_copies_is_not_kept(tmp_path, monkeypatch):
    assert train(tmp_path, monkeypatch, [1.0, 1.0, 1.0, 0.1], limit=0.9).images_seen == 24


def test_a_training_that_copies_from_the_start_fails(tmp_path, monkeypatch):
    with pytest.raises(CheckFailed, match="no checkpoint before: add scans"):
        train(tmp_path, monkeypatch, [0.1], limit=0.9)
