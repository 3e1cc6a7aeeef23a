from dataclasses import replace
from pathlib import Path

import pytest
import torch

from syda.errors import CheckFailed
from syda.model import conditions
from syda.training import checkpoint, devices
from syda.training.checkpoint import Checkpoints
from syda.training.data import Scans
from syda.training.fit import fit

CASES = [{"width": 300.0 + 20 * i, "sex": "FM"[i % 2]} for i in range(6)]
KNOWN = conditions.measure(CASES, ["width", "sex"])
NETWORKS = {
    "generator": {
        "latent": 4,
        "mapping_layers": 1,
        "mapping_lr_multiplier": 0.1,
        "channels": [4, 4, 3],
        "conditions": KNOWN.size,
    },
    "discriminator": {"channels": [4, 4, 3], "conditions": KNOWN.size},
}


@pytest.fixture
def scans() -> Scans:
    images = torch.rand(6, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Scans(images, CASES)


class KilledError(Exception):
    """What stops a training here."""


class KillAfter:
    """Ends a training after so many steps, as a kill would: no hook of ours runs afterwards."""

    def __new__(cls, steps: int):
        import pytorch_lightning as pl

        class Callback(pl.Callback):
            def on_train_batch_end(self, trainer, game, outputs, batch, batch_idx):
                if game.steps == steps:
                    raise KilledError

        return Callback()


@pytest.fixture
def train(scans, recipe):
    """A training whose penalties, sides and checkpoints come at different steps."""
    lazy = replace(
        recipe,
        images=48,
        coarse_images=16,
        fade_images=16,
        r1_interval=3,
        path_interval=5,
        augment_probability=0.3,
        augment_target=0.1,
        augment_images=100,
        decay_share=0.4,
        bfloat16=True,
        checkpoint_images=12,
        log_images=10,
    )

    def train(folder, callbacks=(), **changes):
        own, place = replace(lazy, **changes), devices.Place(0, 1, 1)
        return fit(scans, KNOWN, NETWORKS, own, place, Checkpoints(folder), callbacks)

    return train


def ended(game):
    state = game.state()
    parts = ("generator", "discriminator", "ema")
    weights = {f"{part}.{name}": value for part in parts for name, value in state[part].items()}
    return weights, game.curves.csv(), state["rng"], state["augment_rng"], game.augment_probability


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


@pytest.fixture
def undisturbed(train, tmp_path):
    return ended(train(tmp_path / "undisturbed"))


@pytest.mark.parametrize("steps", [2, 3, 4, 8, 11])
def test_a_stopped_training_ends_with_the_bits_of_an_undisturbed_one(
    train, undisturbed, tmp_path, steps, capfd
):
    """Before the first checkpoint, at one, while coarse, while the finest block fades in."""
    with pytest.raises(KilledError):
        train(tmp_path / "own", [KillAfter(steps)])
    game = train(tmp_path / "own")
    told = capfd.readouterr().err
    assert ("train: goes on after" in told) == (steps >= 3)
    same(ended(game), undisturbed)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: make test-gpu uses it")
def test_on_a_gpu_a_stopped_training_ends_close_to_an_undisturbed_one(train, tmp_path):
    """Sums come in another order there, by which undisturbed ones differ too."""
    first, second, third = (ended(train(tmp_path / name)) for name in ("1", "2", "3"))
    with pytest.raises(KilledError):
        train(tmp_path / "own", [KillAfter(8)])
    stopped = ended(train(tmp_path / "own"))
    size = torch.cat([value.flatten() for value in first[0].values()]).norm().item()
    by_chance = max(apart(first, second), apart(second, third), apart(first, third))
    assert apart(stopped, first) <= 4 * by_chance + 1e-3 * size
    assert torch.equal(stopped[2], first[2])
    assert torch.equal(stopped[3], first[3])


def test_a_training_can_be_stopped_again_and_again(train, undisturbed, tmp_path):
    for steps in (4, 7, 10):
        with pytest.raises(KilledError):
            train(tmp_path / "own", [KillAfter(steps)])
    same(ended(train(tmp_path / "own")), undisturbed)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(
    train, undisturbed, tmp_path, damage, capfd
):
    with pytest.raises(KilledError):
        train(tmp_path / "own", [KillAfter(8)])
    older, newest = sorted((tmp_path / "own").glob("*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": content[:-100], "flipped": content, "empty": b""}[damage])
    capfd.readouterr()
    game = train(tmp_path / "own")
    told = capfd.readouterr().err
    assert f"warning: train: checkpoint {newest.name} is damaged and left out" in told
    assert "train: goes on after 12 images" in told
    same(ended(game), undisturbed)
    assert older.name.startswith("0000000012-")


def test_two_are_kept_and_a_damaged_one_makes_room(tmp_path):
    checkpoints = Checkpoints(tmp_path / "own")
    for images in (8, 16, 24):
        checkpoints.save(images, {"steps": images})
    first, second = sorted((tmp_path / "own").iterdir())
    assert [file.name[:10] for file in (first, second)] == ["0000000016", "0000000024"]
    second.write_bytes(b"cut")
    assert checkpoints.newest() == {"steps": 16}
    checkpoints.save(20, {"steps": 20})
    assert [file.name[:10] for file in sorted((tmp_path / "own").iterdir())] == [
        "0000000016",
        "0000000020",
    ]
    checkpoints.save(20, {"steps": 20})
    assert checkpoints.newest() == {"steps": 20}


def test_what_a_killed_save_left_goes_with_the_next(tmp_path):
    checkpoints = Checkpoints(tmp_path / "own")
    checkpoints.save(8, {"steps": 2})
    (tmp_path / "own" / ".0000000016-00.pt.partial").write_bytes(b"half")
    assert checkpoints.newest() == {"steps": 2}
    checkpoints.save(16, {"steps": 4})
    assert len(list((tmp_path / "own").iterdir())) == 2


def test_checkpoints_that_cannot_be_removed_are_an_error(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path / "own")
    checkpoints.clear()
    checkpoints.save(8, {"steps": 2})

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.unlink", refused)
    with pytest.raises(PermissionError):
        checkpoints.clear()


def test_the_checkpoints_of_other_trainings_go(tmp_path):
    other, own = Checkpoints(tmp_path / "other"), Checkpoints(tmp_path / "own")
    for checkpoints in (other, own):
        checkpoints.save(8, {"steps": 2})
    own.discard_others()
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    assert own.newest() == {"steps": 2}
    own.clear()
    assert own.newest() is None


def test_a_checkpoint_runs_no_code(tmp_path):
    """Whatever its name says: it is read as tensors and plain values alone."""

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    import io
    import pickle

    buffer = io.BytesIO()
    torch.save({"x": Evil()}, buffer)
    content = buffer.getvalue()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / checkpoint._name(8, content)).write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        Checkpoints(tmp_path / "own").newest()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("step", "images"), [(3, 12), (12, 48)])
def test_weights_that_are_not_finite_are_not_kept(train, tmp_path, monkeypatch, step, images):
    """At a checkpoint or the end, where no loss would tell any more."""
    taken, average = [], devices.average

    def poisoned(parameters):
        parameters = list(parameters)
        average(parameters)
        taken.append(True)
        if len(taken) == 2 * step:  # the generator's turn
            parameters[0].grad.fill_(float("nan"))

    monkeypatch.setattr(devices, "average", poisoned)
    with pytest.raises(CheckFailed, match=f"weights of generator.* not finite after {images} im"):
        train(tmp_path / "own")
    kept = {int(file.name[:10]) for file in (tmp_path / "own").glob("*.pt")}
    assert kept == ({24, 36} if images == 48 else set())


def test_a_checkpoint_is_not_written_at_the_end(train, tmp_path):
    train(tmp_path / "own", images=24, checkpoint_images=24)
    assert not (tmp_path / "own").exists()
