"""Several processes, one a device: who they are, what is whose, and how gradients become one.

``torchrun`` or SLURM starts them; ``SYDA_DEVICES=4`` has ``syda train`` start them by itself, on
this machine, so that ``dvc repro`` stays the command. Every process draws what the whole batch
needs and takes its own part: N processes compute what one would with the same batch.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from pytorch_lightning.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, distributed, nn

from syda.errors import SydaError, UsageError

_LOCAL = {
    TorchElasticEnvironment: "LOCAL_WORLD_SIZE",
    SLURMEnvironment: "SLURM_NTASKS_PER_NODE",
}
"""Variable that holds the number of processes on this machine."""

HAS_SRUN = ".*The `srun` command is available"
"""Lightning's warning wherever SLURM is installed: a cluster's users also train without it."""


@dataclass(frozen=True)
class Place:
    """Which of the processes this is.

    Attributes:
        rank: from 0; the first one writes.
        world: how many there are.
        local: how many on each machine.
    """

    rank: int
    world: int
    local: int

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, logs and shows."""
        return self.rank == 0

    def own(self, whole: Tensor) -> Tensor:
        """Return this process's part of a whole batch ``[N, ...]``."""
        part = len(whole) // self.world
        return whole[self.rank * part : (self.rank + 1) * part]


def place() -> Place:
    """Read from the environment that ``torchrun`` or SLURM made; one process where neither did.

    Raises:
        UsageError: the processes are no multiple of those on this machine.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=HAS_SRUN)
        launchers = [environment for environment in _LOCAL if environment.detect()]
    for launcher in launchers:
        found = launcher()
        world = found.world_size()
        local = int(os.environ.get(_LOCAL[launcher], world))
        if world % local:
            raise UsageError(
                f"{_LOCAL[launcher]}={local}: {world} processes are no multiple of it: start as "
                "many on every machine"
            )
        return Place(found.global_rank(), world, local)
    return Place(0, 1, 1)


def launch(command: str) -> bool:
    """Run a command once a device, if ``SYDA_DEVICES`` asks for several and nobody has done so.

    Args:
        command: of ``syda``.

    Returns:
        Whether it has run; its processes have then done the work.

    Raises:
        SydaError: one of the processes failed.
        UsageError: ``SYDA_DEVICES`` is not a positive integer.
    """
    wanted = os.environ.get("SYDA_DEVICES", "1")
    if not wanted.isdigit() or int(wanted) < 1:
        raise UsageError(f"SYDA_DEVICES={wanted}: must be a positive integer")
    if wanted == "1" or place().world > 1:
        return False
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    with tempfile.TemporaryDirectory(prefix="syda-") as logs:
        # a folder for logs of torchrun's own would stay behind
        run += ["--nproc-per-node", wanted, "--log-dir", logs]
        done = subprocess.run([*run, "-m", "syda", command], check=False)
    if done.returncode:
        raise SydaError(f"{command}: one of {wanted} processes failed, its own words are above")
    return True


class Averaged(DDPStrategy):  # type: ignore[misc]  # Lightning is untyped here
    """Processes and their start from Lightning, gradients averaged by :func:`average`.

    DDP's hooks count on one backward pass a step; here the two sides take turns, and a penalty
    differentiates twice.
    """

    def configure_ddp(self) -> None:
        """Leave the module as it is."""


def averaged(*, cuda: bool) -> Averaged:
    """Return the strategy for processes with a GPU each, or on CPUs."""
    return Averaged(process_group_backend="nccl" if cuda else "gloo")


def gather(part: Tensor) -> Tensor:
    """Return the whole batch of which each process has a part ``[N, ...]``, without gradients."""
    if not distributed.is_available() or not distributed.is_initialized():
        return part
    part = part.contiguous()
    parts = [torch.empty_like(part) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, part)
    return torch.cat(parts)


def average(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes; nothing for a single one."""
    if not distributed.is_available() or not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
