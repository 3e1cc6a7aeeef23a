import signal

import pytest
import pytorch_lightning as pl

from syda.errors import CheckFailed
from syda.training.checkpoint import Checkpoints
from syda.training.data import TrainingSet
from syda.training.distributed import SINGLE_PROCESS
from syda.training.fit import fit
from tiny_training import MODEL, SCHEMA, train_params, training_set


@pytest.fixture
def handler():
    """Install a handler of SIGTERM."""

    def fail(_signal, _frame):
        raise AssertionError("nobody sends it")

    before = signal.signal(signal.SIGTERM, fail)
    yield fail
    signal.signal(signal.SIGTERM, before)


def test_training_volumes_that_do_not_differ_are_refused(tmp_path):
    one = TrainingSet(training_set().images[:1], training_set().properties[:1])
    with pytest.raises(CheckFailed, match="do not differ"):
        fit(one, SCHEMA, MODEL, train_params(images=8), SINGLE_PROCESS, Checkpoints(tmp_path))


def test_the_sigterm_handler_stays_during_and_after_a_training(handler, tmp_path):
    found = []

    class Look(pl.Callback):
        def on_train_batch_end(self, *_):
            found.append(signal.getsignal(signal.SIGTERM))

    params, checkpoints = train_params(images=8), Checkpoints(tmp_path)
    fit(training_set(), SCHEMA, MODEL, params, SINGLE_PROCESS, checkpoints, [Look()])
    assert found == [handler, handler]
    assert signal.getsignal(signal.SIGTERM) is handler
