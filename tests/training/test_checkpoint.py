import io
import pickle
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from syda.errors import CheckFailed
from syda.training import checkpoint, distributed
from syda.training.checkpoint import Checkpoints
from syda.training.distributed import SINGLE_PROCESS
from syda.training.fit import fit
from tiny_training import MODEL, SCHEMA, train_params, training_set


class KilledError(Exception):
    """What stops a training here."""


class KillAfter(pl.Callback):
    """Ends a training after so many steps, as a kill would: no later hook of ours runs."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(self, trainer, gan, outputs, batch, batch_idx):
        if gan.steps == self.steps:
            raise KilledError


LAZY = {
    "r1_interval": 3,
    "path_interval": 5,
    "augment.probability": 0.3,
    "augment.target": 0.1,
    "augment.images": 100,
    "decay_share": 0.4,
    "precision": "bfloat16",
    "checkpoint_images": 12,
    "log_images": 10,
}
"""Penalties, resolutions and checkpoints change at different steps."""


def train(folder, callbacks=(), images=48, **changes):
    params = train_params(LAZY | changes, images=images, first=8, coarse=12, fade=16)
    checkpoints = Checkpoints(folder)
    return fit(training_set(), SCHEMA, MODEL, params, SINGLE_PROCESS, checkpoints, callbacks)


def ended(gan):
    state = gan.state()
    parts = ("generator", "discriminator", "posterior", "ema")
    weights = {f"{part}.{name}": value for part in parts for name, value in state[part].items()}
    return weights, gan.curves.csv(), state["rng"], state["augment_rng"], gan.augment_probability


def same(one, other):
    assert one[0].keys() == other[0].keys()
    for name, value in one[0].items():
        assert torch.equal(value, other[0][name]), name
    assert one[1] == other[1]
    assert torch.equal(one[2], other[2])
    assert torch.equal(one[3], other[3])
    assert one[4] == other[4]


def apart(one, other) -> float:
    """Euclidean distance of all weights of two trainings."""
    return torch.cat([(v - other[0][name]).flatten() for name, v in one[0].items()]).norm().item()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return ended(train(tmp_path_factory.mktemp("undisturbed")))


@pytest.mark.parametrize("steps", [2, 3, 4, 8, 11])
def test_a_stopped_training_ends_with_the_same_bits(undisturbed, tmp_path, steps, capfd):
    """Before the first checkpoint, at one, while coarse, while the finest block fades in."""
    with pytest.raises(KilledError):
        train(tmp_path / "stopped", [KillAfter(steps)])
    gan = train(tmp_path / "stopped")
    messages = capfd.readouterr().err
    assert ("train: continues after" in messages) == (steps >= 3)
    same(ended(gan), undisturbed)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: make test-gpu uses it")
def test_on_a_gpu_a_stopped_training_ends_close_to_an_undisturbed_one(tmp_path):
    """Sums come in another order there, by which undisturbed ones differ too."""
    first, second, third = (ended(train(tmp_path / name)) for name in ("1", "2", "3"))
    with pytest.raises(KilledError):
        train(tmp_path / "stopped", [KillAfter(8)])
    stopped = ended(train(tmp_path / "stopped"))
    size = torch.cat([value.flatten() for value in first[0].values()]).norm().item()
    by_chance = max(apart(first, second), apart(second, third), apart(first, third))
    assert apart(stopped, first) <= 4 * by_chance + 1e-3 * size
    assert torch.equal(stopped[2], first[2])
    assert torch.equal(stopped[3], first[3])


def test_a_training_can_be_stopped_again_and_again(undisturbed, tmp_path):
    for steps in (4, 7, 10):
        with pytest.raises(KilledError):
            train(tmp_path / "stopped", [KillAfter(steps)])
    same(ended(train(tmp_path / "stopped")), undisturbed)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    undisturbed, tmp_path, damage, capfd
):
    with pytest.raises(KilledError):
        train(tmp_path / "stopped", [KillAfter(8)])
    older, latest = sorted((tmp_path / "stopped").glob("*.pt"))
    content = bytearray(latest.read_bytes())
    content[len(content) // 2] ^= 1
    latest.write_bytes({"cut": content[:-100], "flipped": content, "empty": b""}[damage])
    capfd.readouterr()
    gan = train(tmp_path / "stopped")
    messages = capfd.readouterr().err
    assert f"warning: train: checkpoint {latest.name} is damaged and was skipped" in messages
    assert "train: continues after 12 images" in messages
    same(ended(gan), undisturbed)
    assert older.name.startswith("0000000012-")


def test_two_checkpoints_are_stored_and_a_damaged_one_is_replaced(tmp_path):
    checkpoints = Checkpoints(tmp_path / "stopped")
    for images in (8, 16, 24):
        checkpoints.save(images, {"steps": images})
    first, second = sorted((tmp_path / "stopped").iterdir())
    assert [file.name[:10] for file in (first, second)] == ["0000000016", "0000000024"]
    second.write_bytes(b"cut")
    assert checkpoints.latest() == {"steps": 16}
    checkpoints.save(20, {"steps": 20})
    assert [file.name[:10] for file in sorted((tmp_path / "stopped").iterdir())] == [
        "0000000016",
        "0000000020",
    ]
    checkpoints.save(20, {"steps": 20})
    assert checkpoints.latest() == {"steps": 20}


def test_the_partial_file_of_a_killed_save_is_removed_by_the_next(tmp_path):
    checkpoints = Checkpoints(tmp_path / "stopped")
    checkpoints.save(8, {"steps": 2})
    (tmp_path / "stopped" / ".0000000016-00.pt.partial").write_bytes(b"half")
    assert checkpoints.latest() == {"steps": 2}
    checkpoints.save(16, {"steps": 4})
    assert len(list((tmp_path / "stopped").iterdir())) == 2


def test_checkpoints_that_cannot_be_removed_are_an_error(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path / "stopped")
    checkpoints.clear()
    checkpoints.save(8, {"steps": 2})

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.unlink", refused)
    with pytest.raises(PermissionError):
        checkpoints.clear()


def test_the_checkpoints_of_other_trainings_are_removed(tmp_path):
    other, current = Checkpoints(tmp_path / "other"), Checkpoints(tmp_path / "stopped")
    for checkpoints in (other, current):
        checkpoints.save(8, {"steps": 2})
    current.discard_others()
    assert [path.name for path in tmp_path.iterdir()] == ["stopped"]
    assert current.latest() == {"steps": 2}
    current.clear()
    assert current.latest() is None


def test_a_checkpoint_runs_no_code(tmp_path):
    """Whatever its name says: it is read as tensors and plain values alone."""

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    buffer = io.BytesIO()
    torch.save({"x": Evil()}, buffer)
    content = buffer.getvalue()
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / checkpoint._name(8, content)).write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        Checkpoints(tmp_path / "stopped").latest()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("calls", "images"), [(6, 12), (33, 48)])
def test_weights_that_are_not_finite_are_not_saved(tmp_path, monkeypatch, calls, images):
    """At a checkpoint or the end, where no loss would tell any more."""
    taken, all_reduce = [], distributed.all_reduce_gradients

    def poisoned(parameters):
        parameters = list(parameters)
        all_reduce(parameters)
        taken.append(True)
        if len(taken) == calls:
            parameters[0].grad.fill_(float("nan"))

    monkeypatch.setattr(distributed, "all_reduce_gradients", poisoned)
    with pytest.raises(CheckFailed, match=f"weights of generator.* not finite after {images} im"):
        train(tmp_path / "stopped")
    saved = {int(file.name[:10]) for file in (tmp_path / "stopped").glob("*.pt")}
    assert saved == ({24, 36} if images == 48 else set())


def test_a_checkpoint_is_not_written_at_the_end(tmp_path):
    train(tmp_path / "stopped", images=24, checkpoint_images=24)
    assert not (tmp_path / "stopped").exists()
