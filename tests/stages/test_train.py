import csv
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import changed_params
from slurm import Slurm, free_ports, missing
from syda import paths
from syda.errors import CheckFailed, ParamsError, UsageError
from syda.model import device
from syda.model.device import activation_dtype, default_device, dtype_name
from syda.records.index import INDEX
from syda.runtime.digest import sha256_of_file
from syda.runtime.mlflow_store import open_store
from syda.sampling import weights
from syda.stages import train
from syda.training import tracking
from syda.training.checkpoint import Checkpoints
from syda.training.distributed import DistributedInfo
from tiny_training import train_params
from training_stages import stages

TINY = {
    "ct.size": 8,
    "model.latent": 6,
    "model.mapping_layers": 2,
    "model.channels": [6, 4],
    "model.discriminator_channels": [5, 4],
    "model.properties": ["effective_spacing_mm", "body_width_mm", "sex"],
    "train.stages": stages(12, side=8, coarse=4, first=4),
    "train.r1_interval": 2,
    "train.path_weight": 2.0,
    "train.path_interval": 2,
    "train.log_images": 8,
    "train.pictures": 1,
    "train.encoder.images": 20,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, made_up_records: Callable[..., Path]) -> Path:
    return made_up_records(tmp_path_factory.mktemp("train"), 8)


@pytest.fixture(scope="module")
def with_params(root: Path) -> Callable[..., None]:
    return functools.partial(changed_params.write, root)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, made_up_records: Callable[..., Path]) -> Path:
    """A root of its own: the slow tests train in the other one before."""
    root = made_up_records(tmp_path_factory.mktemp("trained"), 8)
    changed_params.write(root, TINY)
    train.run(root)
    return root


def sha256(root: Path) -> str:
    return hashlib.sha256((root / "data/weights/generator.safetensors").read_bytes()).hexdigest()


def test_released_weights_load_and_hold_only_the_generator(trained):
    generator, description = weights.load(trained / "data/weights")
    stored = load_file(trained / "data/weights/generator.safetensors")
    assert stored.keys() == generator.state_dict().keys()
    assert {name.split(".")[0] for name in stored} == {"mapping", "synthesis", "w_average"}
    assert stored["w_average"].any()
    assert description.images_seen == 12
    assert description.precision == dtype_name(activation_dtype("auto", default_device()))
    assert {path.name for path in (trained / "data/weights").iterdir()} == {
        "generator.safetensors",
        "generator.json",
        "encoder.safetensors",
    }


def test_the_encoder_is_released_with_the_generator(trained):
    generator, description = weights.load(trained / "data/weights")
    encoder = weights.load_encoder(trained / "data/weights", description)
    assert encoder.weight.shape == (6, 8**3 + description.architecture["conditions"])
    assert torch.equal(encoder.intensity_curve.knots, generator.synthesis.intensity_curve.knots)
    assert description.encoder["images"] == 20
    assert 0 < description.encoder["residual_variance"] < 1


def test_the_description_names_data_and_architecture(trained):
    index = json.loads((trained / "data/records/index.json").read_text())["records"]
    training = [line for line in index if line["split"] == "train"]
    description = json.loads((trained / "data/weights/generator.json").read_text())
    assert description["architecture"]["channels"] == [6, 4]
    assert description["ct"] == {
        "size": 8,
        "spacing_mm": 1.5,
        "window_min": -1000,
        "window_max": 1000,
    }
    sizes, length = description["sizes"]["numbers"]
    assert (length["name"], length["low"], length["high"]) == ("scan_length_mm", 12.0, 12.0)
    assert description["body_part"] is None  # made-up records state none
    spacings = [1.5 * line["longest_side"] / 8 for line in training]
    assert sizes["mean"] == pytest.approx(fmean(spacings))
    assert min(spacings) < sizes["low"] < sizes["high"] < max(spacings)
    assert description["data"]["training_cases"] == len(training)
    assert description["data"]["version"] == "v0"


def test_curves_have_one_line_for_each_span(trained):
    with (trained / "reports/train/curves.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert [line["images"] for line in lines] == ["8"]
    values = {name: float(value) for name, value in lines[0].items() if value}
    assert np.isfinite(list(values.values())).all()
    assert values.keys() >= {"loss_g", "loss_d", "reconstruction", "kl", "ada_rt", "spread"}


def test_device_and_precision_are_reported(trained):
    stored = json.loads((trained / "reports/train/environment.json").read_text())
    released = json.loads((trained / "data/weights/generator.json").read_text())
    assert stored["device"] == "cpu"
    assert stored["precision"] == released["precision"]
    assert stored["processes"] == 1


def test_properties_are_reported_as_statistics(trained):
    stored = json.loads((trained / "reports/train/properties.json").read_text())
    released = json.loads((trained / "data/weights/generator.json").read_text())
    assert stored == {"columns": released["architecture"]["conditions"], **released["conditions"]}
    assert [number["name"] for number in stored["numbers"]] == [
        "effective_spacing_mm",
        "body_width_mm",
    ]
    assert released["architecture"]["conditions"] == 2 * 2 + len(stored["terms"][0]["shares"])


def test_mlflow_has_parameters_curves_tags_and_a_grid(trained):
    client, experiment = open_store(trained / paths.MLFLOW, tracking.EXPERIMENT)
    (run,) = client.search_runs([experiment], "params.`train.loss` = 'nonsaturating'")
    assert run.info.status == "FINISHED"
    assert "'batch': 4" in run.data.params["train.stages"]
    assert run.data.params["train.augment.probability"]
    assert run.data.tags["data.version"] == "v0"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "loss_g")] == [8]
    (grid,) = client.list_artifacts(run.info.run_id, "samples")
    assert grid.path == "samples/00000012.png"
    (logged,) = run.inputs.dataset_inputs
    index = sha256_of_file(trained / paths.RECORDS / INDEX)
    assert run.data.tags["data.index_sha256"] == index
    assert (logged.dataset.name, logged.dataset.digest) == ("v0", index[:36])
    assert json.loads(logged.dataset.source)["path"] == "data/records"
    folder = trained / ".mlflow" / "artifacts" / run.info.run_id / "artifacts"
    assert (folder / grid.path).is_file()


def test_same_seed_same_weights_and_mlflow_out_of_reach_is_a_warning(trained, monkeypatch, capfd):
    before = sha256(trained)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained}/params.yaml/mlflow.db")
    train.run(trained)
    assert sha256(trained) == before
    warnings = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
    assert len(warnings) == 1
    assert "training continues without MLflow" in warnings[0]


def test_a_diverged_training_leaves_no_weights(trained, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained}/params.yaml/mlflow.db")
    before = sha256(trained)
    changed_params.write(trained, TINY | {"train.discriminator_lr": 1e30})
    with pytest.raises(CheckFailed, match=r"not finite after \d+ images"):
        train.run(trained)
    assert sha256(trained) == before  # those of the run before; none of this one
    assert not list((trained / "data").glob(".*partial"))
    assert not (trained / "reports/manifest/train.json").exists()


def test_a_training_stopped_while_the_encoder_learns_writes_the_same_bytes(
    root, with_params, monkeypatch
):
    with_params(TINY | {"train.checkpoint_images": 4})
    train.run(root)
    files = sorted((root / "data/weights").iterdir())
    expected = {file.name: file.read_bytes() for file in files}

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train, "fit_encoder", stop)
        with pytest.raises(KeyboardInterrupt):
            train.run(root)
    assert any((root / paths.CHECKPOINTS).rglob("*.pt"))
    assert {file.name: file.read_bytes() for file in files} == expected  # of the run before
    train.run(root)
    assert {file.name: file.read_bytes() for file in files} == expected
    assert not any((root / paths.CHECKPOINTS).rglob("*.pt"))


def test_unknown_and_wrong_parameters_are_named(root, with_params):
    with_params(TINY | {"train.r1_interval": 0, "train.precision": "float16"})
    with pytest.raises(ParamsError, match=r"(?s)train\.r1_interval.*train\.precision"):
        train.run(root)


def test_slow_bfloat16_is_a_warning(root, with_params, monkeypatch, capfd):
    monkeypatch.setattr(device, "computes_in_bfloat16", lambda _: False)
    for precision, warned in (("bfloat16", True), ("auto", False)):
        with_params(TINY | {"train.precision": precision, "train.stages": stages(8, side=8)})
        train.run(root)
        assert (
            "warning: train.precision=bfloat16: this machine" in capfd.readouterr().err
        ) is warned


def test_a_training_with_another_precision_has_other_checkpoints(monkeypatch):
    folders = []
    for native in (True, False):
        monkeypatch.setattr(device, "computes_in_bfloat16", lambda _, native=native: native)
        environment = train_params(precision="auto").environment()
        folders.append(Checkpoints.of(Path(), {"environment": environment}).folder)
    assert folders[0] != folders[1]


def test_a_property_that_no_case_has_is_one_line(root, with_params):
    with_params(TINY | {"model.properties": ["kidneys"]})
    with pytest.raises(CheckFailed, match=r"model\.properties: kidneys: no training case has it"):
        train.run(root)


def test_few_real_patients_have_no_mean_in_the_weights(root, with_params):
    real = TINY | {"data.version": "v2"}
    with_params(real)
    with pytest.raises(UsageError, match=r"mean scan of 4 patients .* 50 are needed: set model\."):
        train.run(root)
    with_params(real | {"model.start": "none"})
    train.run(root)
    assert not load_file(root / "data/weights/generator.safetensors")["synthesis.mean"].any()


def test_without_properties_the_model_is_unconditional(root, with_params):
    with_params(TINY | {"model.properties": []})
    train.run(root)
    stored = load_file(root / "data/weights/generator.safetensors")
    assert not any("embed" in name for name in stored)


FOR_TWO = {
    "train.stages": stages(32, side=8, coarse=4, first=4),
    "train.precision": "float32",
    "train.style_mixing": 0.5,
}
"""A training for one process or two, with both penalties."""

TRAIN = (sys.executable, "-m", "syda", "train")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1")
ON_TWO_NODES = ("srun", "--nodes", "2", "--ntasks-per-node", "1", *TRAIN)
MORE = {
    "torchrun on two machines": [(*TORCHRUN, "--node-rank", rank, *TRAIN[1:]) for rank in "01"],
    "srun on one machine": [("srun", "--nodes", "1", "--ntasks-per-node", "2", *TRAIN)],
    "SYDA_DEVICES in a job": [("srun", "--ntasks", "1", "env", "SYDA_DEVICES=2", *TRAIN)],
}
"""Rarer ways to start two processes; the entries of a list start together."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A cluster, or a skip where there is no SLURM."""
    if missing_commands := missing():
        pytest.skip(f"no {', '.join(missing_commands)} here: `apt-get install slurm-wlm`")
    with Slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


Ended = tuple[dict[str, torch.Tensor], list[list[float]]]


def ended(root: Path) -> Ended:
    """Read the weights and the lines of the curves."""
    lines = (root / "reports/train/curves.csv").read_text().splitlines()[1:]
    curves = [[float(x) for x in line.split(",") if x] for line in lines]
    return load_file(root / "data/weights/generator.safetensors"), curves


def in_one_process(root: Path) -> Ended:
    train.run(root)
    return ended(root)


@pytest.fixture(scope="module")
def single(root: Path, with_params: Callable[..., None]) -> Ended:
    """Result of ``FOR_TWO`` in one process."""
    with_params(TINY | FOR_TWO)
    return in_one_process(root)


def run_together(request: pytest.FixtureRequest, root: Path, commands: Any) -> tuple[bool, str]:
    """Start commands together; return whether all succeeded, and their output."""
    port = str(free_ports(1)[0])
    environment = {**os.environ, "SYDA_DEVICES": "2", "PET_MASTER_PORT": port}
    if commands[0][0] == "srun":
        environment = request.getfixturevalue("slurm").environment | {"MASTER_PORT": port}
    with ExitStack() as started:
        processes = []
        for command in commands:
            process = subprocess.Popen(
                command,
                cwd=root,
                env=environment | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            started.callback(process.kill)
            processes.append(process)
        output = [process.communicate(timeout=300)[0] for process in processes]
    return not any(process.returncode for process in processes), "\n".join(output)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_job_of_one_task_starts_two_processes(request, root, with_params):
    """A batch of three is an error for two processes, but not for one."""
    with_params(TINY | FOR_TWO | {"train.stages": stages(9, side=8, batch=3)})
    done, output = run_together(request, root, MORE["SYDA_DEVICES in a job"])
    assert not done
    assert "train.stages: batch 3 must be a multiple of 2 processes" in output


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("way", MORE)
def test_two_processes_give_the_weights_of_one(request, root, with_params, single, way):
    """Each process takes half of the batch: weights and curves are the same."""
    with_params(TINY | FOR_TWO)
    check_equal_to_one_process(request, root, MORE[way], single, lines=4)


@pytest.mark.slow
@pytest.mark.parametrize("commands", [[TRAIN], [ON_TWO_NODES]], ids=["SYDA_DEVICES", "srun"])
def test_two_processes_with_one_volume_each_give_the_weights_of_one(
    request, root, with_params, commands
):
    """The diversity is of both volumes, the path length of the first."""
    with_params(TINY | FOR_TWO | {"train.stages": stages(16, side=8, batch=2)})
    check_equal_to_one_process(request, root, commands, in_one_process(root), lines=2)


def mlflow_runs(root: Path) -> Any:
    """All runs of trainings here."""
    client, experiment = open_store(root / paths.MLFLOW, tracking.EXPERIMENT)
    return client.search_runs([experiment])


def check_equal_to_one_process(
    request: pytest.FixtureRequest, root: Path, commands: Any, single: Ended, lines: int
) -> None:
    """Two processes write the weights and curves of one, and one MLflow run."""
    before, runs = (root / "data/weights").stat().st_ino, len(mlflow_runs(root))
    done, output = run_together(request, root, commands)
    assert done, output
    assert (root / "data/weights").stat().st_ino != before
    assert len(mlflow_runs(root)) == runs + 1
    weights_of_one, curves_of_one = single
    weights_of_two, curves_of_two = ended(root)
    assert weights_of_two.keys() == weights_of_one.keys()
    for name, value in weights_of_one.items():
        torch.testing.assert_close(weights_of_two[name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert len(curves_of_one) == lines
    assert curves_of_two == [pytest.approx(line, rel=1e-3, abs=1e-4) for line in curves_of_one]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in Linux's /proc")
@pytest.mark.parametrize(
    "signum", [pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive), signal.SIGKILL]
)
def test_no_process_outlives_the_command(root, with_params, signum):
    """torchrun starts a session for each process, which a signal to the command does not reach."""
    with_params(TINY | {"train.stages": stages(40000, side=8), "train.checkpoint_images": 8})
    shutil.rmtree(root / paths.CHECKPOINTS, ignore_errors=True)
    first = subprocess.Popen(
        TRAIN,
        cwd=root,
        env={**os.environ, "SYDA_DEVICES": "2", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        while first.poll() is None and not any((root / paths.CHECKPOINTS).rglob("*.pt")):
            time.sleep(0.01)
        assert len(working_in(root)) == 4  # the first, torchrun and two
        os.killpg(first.pid, signum)
        assert first.wait(timeout=60) == -signum
        deadline = time.monotonic() + 60
        while working_in(root):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        for pid in (first.pid, *working_in(root)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def working_in(folder: Path) -> list[int]:
    """Return the processes with this working folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended just now
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_killed_slurm_job_continues_when_submitted_again(root, with_params, slurm):
    """SLURM kills it on both nodes; the same command then writes the same bytes."""
    with_params(TINY | {"train.stages": stages(200, side=8), "train.checkpoint_images": 8})
    command = ON_TWO_NODES
    environment = {**slurm.environment, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=root, env=environment, check=True)
    expected = sha256(root), (root / "reports/train/curves.csv").read_bytes()
    job = subprocess.Popen(command, cwd=root, env=environment)
    while job.poll() is None and len(set((root / paths.CHECKPOINTS).rglob("*.pt"))) < 2:
        time.sleep(0.005)
    assert job.poll() is None
    slurm.kill_jobs()
    assert job.wait() != 0
    assert any((root / paths.CHECKPOINTS).rglob("*.pt"))
    again = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert "continues after" in again.stdout + again.stderr
    assert (sha256(root), (root / "reports/train/curves.csv").read_bytes()) == expected


def test_a_batch_that_is_no_multiple_of_the_processes_is_a_usage_error(
    root, with_params, monkeypatch
):
    with_params(TINY | {"train.stages": stages(9, side=8, batch=3)})
    monkeypatch.setattr(train.distributed, "distributed_info", lambda: DistributedInfo(0, 2, 2))
    with pytest.raises(
        UsageError, match=r"train\.stages: batch 3 must be a multiple of 2 processes"
    ):
        train.run(root)


@pytest.mark.slow
def test_a_training_killed_twice_writes_the_bytes_of_an_undisturbed_one(root, with_params):
    with_params(TINY | {"train.stages": stages(160, side=8), "train.checkpoint_images": 8})
    client, experiment = open_store(root / paths.MLFLOW, tracking.EXPERIMENT)
    others = len(client.search_runs([experiment]))
    train.run(root)
    expected = sha256(root), (root / "reports/train/curves.csv").read_bytes()
    killed = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-m", "syda", "train"], cwd=root)
        checkpoints = root / paths.CHECKPOINTS
        before = set(checkpoints.rglob("*.pt"))
        while process.poll() is None and len(set(checkpoints.rglob("*.pt")) - before) < 2:
            time.sleep(0.005)
        process.kill()
        killed.append(process.wait())
        assert any(checkpoints.rglob("*.pt"))
    assert killed == [-signal.SIGKILL] * 2
    train.run(root)
    assert (sha256(root), (root / "reports/train/curves.csv").read_bytes()) == expected
    assert not (root / paths.CHECKPOINTS).exists() or not any((root / paths.CHECKPOINTS).iterdir())
    runs = client.search_runs([experiment])  # the last one first
    runs = runs[: len(runs) - others]
    assert len(runs) == 2  # the undisturbed one, and one for all three parts of the other
    for run in runs:
        assert run.info.status == "FINISHED"
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "loss_g")]
        assert sorted(steps) == [8 * n for n in range(1, 21)]
