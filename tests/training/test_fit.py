import signal
from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch

from syda.model import conditions
from syda.training import devices
from syda.training.checkpoint import Checkpoints
from syda.training.data import Scans
from syda.training.fit import fit

NETWORKS = {
    "generator": {
        "latent": 4,
        "mapping_layers": 1,
        "mapping_lr_multiplier": 0.1,
        "channels": [4, 3],
        "conditions": 0,
    },
    "discriminator": {"channels": [4, 3], "conditions": 0},
}


@pytest.fixture
def handler():
    """A handler of SIGTERM of our own."""

    def own(_signal, _frame):
        raise AssertionError("nobody sends it")

    before = signal.signal(signal.SIGTERM, own)
    yield own
    signal.signal(signal.SIGTERM, before)


def test_sigterm_stays_with_who_handled_it_before(handler, recipe, tmp_path):
    found = []

    class Look(pl.Callback):
        def on_train_batch_end(self, *_):
            found.append(signal.getsignal(signal.SIGTERM))

    scans = Scans(torch.rand(4, 1, 8, 8, 8) * 2 - 1, [{}] * 4)
    known = conditions.measure(scans.properties, [])
    short = replace(recipe, images=8)
    fit(scans, known, NETWORKS, short, devices.Place(0, 1, 1), Checkpoints(tmp_path), [Look()])
    assert found == [handler, handler]
    assert signal.getsignal(signal.SIGTERM) is handler
