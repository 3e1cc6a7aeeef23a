import ctypes
import subprocess
import sys
from functools import partial
from unittest import mock

import pytest

from syda.model import memory
from syda.sampling.export import produce
from syda.tools import shadow
from syda.training.fit import fit

FAULTS = """
import resource, sys, torch
from syda.model import memory

def step():
    for megabytes in (16, 48, 31, 64, 33):
        torch.ones(megabytes, 256, 1024)

if sys.argv[1] == "keep":
    memory.keep()
for _ in range(10):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(what):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, what], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_freed_memory_is_used_again():
    """Pages of 4 kB that the system had to clear: 490,000 where none is kept."""
    assert faults("keep") < 0.1 * faults("leave")


@pytest.mark.parametrize(
    ("run", "arguments"), [(fit, 6), (partial(produce, exported=0), 4), (shadow.make, 4)]
)
def test_training_sampling_and_shadows_begin_with_it(run, arguments):
    with (
        mock.patch.object(memory, "keep", side_effect=InterruptedError),
        pytest.raises(InterruptedError),
    ):
        run(*[mock.MagicMock()] * arguments)
