"""Distributed training: processes, shards of a batch, and averaged gradients.

``torchrun`` or SLURM starts the processes, or ``syda train`` does with ``SYDA_DEVICES=4``. Every
process generates the random numbers of the whole batch and takes its shard, so that N processes
compute what one process computes with the same batch.
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

_LOCAL_WORLD_SIZE = {
    TorchElasticEnvironment: "LOCAL_WORLD_SIZE",
    SLURMEnvironment: "SLURM_NTASKS_PER_NODE",
}
"""Environment variable with the number of processes on this machine, by launcher."""

HAS_SRUN = ".*The `srun` command is available"
"""Lightning's warning on every machine with SLURM, also outside of a job."""


@dataclass(frozen=True)
class DistributedInfo:
    """The rank of this process, and the number of processes.

    Attributes:
        rank: from 0; rank 0 writes the outputs.
        world_size: number of processes.
        local_world_size: number of processes on each machine.
    """

    rank: int
    world_size: int
    local_world_size: int

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes outputs, logs and progress."""
        return self.rank == 0

    def shard(self, batch: Tensor) -> Tensor:
        """Return this process's part of a whole batch ``[N, ...]``."""
        size = len(batch) // self.world_size
        return batch[self.rank * size : (self.rank + 1) * size]


SINGLE_PROCESS = DistributedInfo(0, 1, 1)


def distributed_info() -> DistributedInfo:
    """Read the environment of ``torchrun`` or SLURM; one process without either.

    Raises:
        UsageError: the machines have different numbers of processes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=HAS_SRUN)
        launchers = [environment for environment in _LOCAL_WORLD_SIZE if environment.detect()]
    for launcher in launchers:
        environment, variable = launcher(), _LOCAL_WORLD_SIZE[launcher]
        world_size = environment.world_size()
        local = int(os.environ.get(variable, world_size))
        if world_size % local:
            raise UsageError(
                f"{variable}={local}: {world_size} processes are not a multiple of it: start the "
                "same number on every machine"
            )
        return DistributedInfo(environment.global_rank(), world_size, local)
    return SINGLE_PROCESS


def launch(command: str) -> bool:
    """Run a ``syda`` command in one process per device if ``SYDA_DEVICES`` asks for several.

    Returns:
        Whether the command was run; if so, its work is done.

    Raises:
        SydaError: a process failed.
        UsageError: ``SYDA_DEVICES`` is not a positive integer.
    """
    devices = os.environ.get("SYDA_DEVICES", "1")
    if not devices.isdigit() or int(devices) < 1:
        raise UsageError(f"SYDA_DEVICES={devices}: must be a positive integer")
    if devices == "1" or distributed_info().world_size > 1:
        return False
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    with tempfile.TemporaryDirectory(prefix="syda-") as logs:
        # Without --log-dir, torchrun leaves a folder of logs behind.
        run += ["--nproc-per-node", devices, "--log-dir", logs]
        done = subprocess.run([*run, "-m", "syda", command], check=False)
    if done.returncode:
        raise SydaError(f"{command}: one of {devices} processes failed: see its message above")
    return True


class ManualAllReduceStrategy(DDPStrategy):  # type: ignore[misc]  # Lightning is untyped here
    """Lightning starts the processes; :func:`all_reduce_gradients` averages the gradients.

    The hooks of DDP need one backward pass a step. Here two networks alternate, and penalties
    differentiate twice.
    """

    def configure_ddp(self) -> None:
        """Do not wrap the module in DDP."""


def all_reduce_strategy(*, cuda: bool) -> ManualAllReduceStrategy:
    """Return the strategy for one GPU a process, or for CPUs."""
    return ManualAllReduceStrategy(process_group_backend="nccl" if cuda else "gloo")


def all_gather(shard: Tensor) -> Tensor:
    """Return the whole batch from the shards ``[N, ...]`` of all processes, without gradients."""
    if not distributed.is_available() or not distributed.is_initialized():
        return shard
    shard = shard.contiguous()
    shards = [torch.empty_like(shard) for _ in range(distributed.get_world_size())]
    distributed.all_gather(shards, shard)
    return torch.cat(shards)


def all_reduce_mean(value: float, processes: DistributedInfo, device: torch.device) -> float:
    """Return the mean of a number over all processes, computed on a device."""
    if processes.world_size == 1:
        return value
    whole = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.all_reduce(whole)
    return whole.item() / processes.world_size


def all_reduce_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes; nothing for a single process."""
    if not distributed.is_available() or not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
