import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from syda.errors import SydaError, UsageError
from syda.training import distributed
from syda.training.distributed import DistributedInfo

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "1",
}  # fmt: skip
SLURM = {
    "SLURM_NTASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_JOB_NAME": "syda",
    "SLURM_NTASKS_PER_NODE": "4", "SLURM_JOB_ID": "7",
}  # fmt: skip


def test_without_a_launcher_there_is_one_main_process():
    assert distributed.distributed_info() == DistributedInfo(0, 1, 1)
    assert distributed.distributed_info().is_main_process


def test_a_cluster_that_is_only_installed_is_not_warned_of(monkeypatch, tmp_path):
    (tmp_path / "srun").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.warns(match=distributed.HAS_SRUN):
        assert not distributed.SLURMEnvironment.detect()
    assert distributed.distributed_info() == DistributedInfo(0, 1, 1)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [(TORCHRUN, DistributedInfo(3, 4, 2)), (SLURM, DistributedInfo(5, 8, 4))],
)
def test_launchers_say_which_process_this_is(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert distributed.distributed_info() == expected
    assert not distributed.distributed_info().is_main_process


def test_machines_with_different_numbers_of_processes_are_wrong_use(monkeypatch):
    for name, value in (TORCHRUN | {"LOCAL_WORLD_SIZE": "3"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        UsageError, match="LOCAL_WORLD_SIZE=3: 4 processes are not a multiple of it"
    ):
        distributed.distributed_info()


def test_a_batch_is_shared_in_the_order_of_the_ranks():
    whole = torch.arange(6)
    assert [DistributedInfo(rank, 3, 3).shard(whole).tolist() for rank in range(3)] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]


def test_the_shard_of_a_single_process_is_the_whole_batch():
    part = torch.randn(3, 2)
    assert distributed.all_gather(part) is part


def test_one_device_launches_nothing(monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    assert not distributed.launch("train")


def test_a_process_that_was_launched_launches_no_more(monkeypatch):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SYDA_DEVICES", "2")
    monkeypatch.setattr(subprocess, "run", None)
    assert not distributed.launch("train")


@pytest.mark.parametrize("code", [0, 1])
def test_processes_are_begun_and_leave_no_folder_behind(monkeypatch, tmp_path, code):
    """torchrun would make a folder for logs of its own and leave it."""
    monkeypatch.setenv("SYDA_DEVICES", "2")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    begun = []

    def run(command: Sequence[str], **_: object) -> SimpleNamespace:
        begun.append(command)
        assert [str(folder) for folder in tmp_path.iterdir()] == [
            command[command.index("--log-dir") + 1]
        ]
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr(subprocess, "run", run)
    expected = pytest.raises(SydaError, match="train: one of 2 processes failed")
    with expected if code else nullcontext():
        assert distributed.launch("train")
    assert len(begun) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wanted", ["0", "two", "-1"])
def test_a_wrong_number_is_wrong_use(monkeypatch, wanted):
    monkeypatch.setenv("SYDA_DEVICES", wanted)
    with pytest.raises(UsageError, match=f"SYDA_DEVICES={wanted}: must be a positive integer"):
        distributed.launch("train")
