import ctypes
import subprocess
import sys
from functools import partial
from unittest import mock

import pytest

from syda.model import memory
from syda.sampling.generation import generate
from syda.shadow.create import create_shadow
from syda.training.fit import fit

FAULTS = """
import resource, sys, torch
from syda.model import memory

def step():
    for megabytes in (16, 48, 31, 64, 33):
        torch.ones(megabytes, 256, 1024)

if sys.argv[1] == "disable_malloc_trim":
    memory.disable_malloc_trim()
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
    assert faults("disable_malloc_trim") < 0.1 * faults("leave")


@pytest.mark.parametrize(
    ("run", "arguments"), [(fit, 6), (partial(generate, exported=0), 4), (create_shadow, 4)]
)
def test_training_sampling_and_shadows_disable_malloc_trim(run, arguments):
    with (
        mock.patch.object(memory, "disable_malloc_trim", side_effect=InterruptedError),
        pytest.raises(InterruptedError),
    ):
        run(*[mock.MagicMock()] * arguments)
