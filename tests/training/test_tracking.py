import socket
import sqlite3
import subprocess
import time
from types import SimpleNamespace

import pytest

from syda.runtime.mlflow_store import open_store
from syda.training import tracking

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

DATA = {"version": "v0", "index_sha256": "a" * 64}
NO_GRIDS = tracking.SampleGridConfig(0, None, [], None)


@pytest.fixture
def tracker(tmp_path):
    return tracking.MlflowCallback(
        tmp_path / ".mlflow",
        params={"train": {"batch": 4}},
        tags={},
        data=DATA,
        grids=NO_GRIDS,
        run_file=tmp_path / "run",
    )


def watch(tracker):
    """Go through a training of one logged line; no hook may raise."""
    curves = SimpleNamespace(lines=[{"images": 8.0, "loss_g": 1.0}])
    params = SimpleNamespace(images=8)
    gan = SimpleNamespace(curves=curves, images_seen=0, params=params)
    tracker.on_train_start(None, gan)
    gan.images_seen = 8
    tracker.on_train_batch_end(None, gan, None, None, 0)
    tracker.on_train_end(None, gan)


def warned(capfd):
    output = capfd.readouterr().err
    assert "Traceback" not in output
    return [line for line in output.splitlines() if line.strip()]


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        yield taken.getsockname()[1]


def test_an_unreachable_server_is_one_warning(tracker, closed_port, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port}")
    watch(tracker)
    (line,) = warned(capfd)
    assert line.startswith("warning: training continues without MLflow: ")
    assert str(closed_port) in line


def test_a_server_that_does_not_answer_is_one_warning_and_no_long_wait(tracker, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        watch(tracker)
        assert time.monotonic() - began < 60  # MLflow's own defaults take a quarter of an hour
    (line,) = warned(capfd)
    assert line.startswith("warning: training continues without MLflow: ")


@pytest.mark.slow
def test_a_locked_database_is_one_warning(tracker, tmp_path, capfd):
    open_store(tmp_path / ".mlflow", tracking.EXPERIMENT)
    capfd.readouterr()
    with sqlite3.connect(tmp_path / ".mlflow/mlflow.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        watch(tracker)
    (line,) = warned(capfd)
    assert (
        line == "warning: training continues without MLflow: (sqlite3.OperationalError) "
        "database is locked"
    )


def test_a_store_receives_the_line(tracker, tmp_path, capfd):
    watch(tracker)
    assert warned(capfd) == []
    client, experiment = open_store(tmp_path / ".mlflow", tracking.EXPERIMENT)
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["loss_g"] == 1.0
    assert run.data.metrics["system/images_per_second"] > 0
    assert 50 < run.data.metrics["system/peak_memory_mb"] < 100_000


def test_tags_hold_the_commit_and_whether_files_differ(tmp_path, capfd):
    def git(*command):
        settings = ("user.name=n", "user.email=e@x", "commit.gpgsign=false", "core.hooksPath=none")
        output = subprocess.run(
            ["git", *(word for one in settings for word in ("-c", one)), *command],
            cwd=tmp_path, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return output.stdout.strip()

    git("init", "-q")
    (tmp_path / "code.py").write_text("1")
    git("add", "code.py")
    git("commit", "-q", "-m", "first")
    found = []
    for content in ("1", "2"):
        (tmp_path / "code.py").write_text(content)
        one = tracking.MlflowCallback(
            tmp_path / ".mlflow", params={}, tags={"data.version": "v7"}, data=DATA,
            grids=NO_GRIDS, run_file=tmp_path / content,
        )  # fmt: skip
        watch(one)
        client, _ = open_store(tmp_path / ".mlflow", tracking.EXPERIMENT)
        tags = client.get_run((tmp_path / content).read_text()).data.tags
        found.append({key: tags[key] for key in ("data.version", "git.commit", "git.dirty")})
    commit = git("rev-parse", "HEAD")
    assert found == [
        {"data.version": "v7", "git.commit": commit, "git.dirty": dirty}
        for dirty in ("false", "true")
    ]
    assert warned(capfd) == []


def test_a_training_that_fails_closes_its_run_as_failed(tracker, tmp_path):
    gan = SimpleNamespace(
        curves=SimpleNamespace(lines=[]), images_seen=0, params=SimpleNamespace(images=8)
    )
    tracker.on_train_start(None, gan)
    tracker.on_exception(None, gan, ValueError())
    client, experiment = open_store(tmp_path / ".mlflow", tracking.EXPERIMENT)
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FAILED"


def test_a_continued_training_continues_its_run(tmp_path, capfd):
    """Lines that the stopped one had logged after its last checkpoint come once."""

    def tracker():
        return tracking.MlflowCallback(
            tmp_path / ".mlflow", params={"train": {"batch": 4}}, tags={}, data=DATA,
            grids=NO_GRIDS, run_file=tmp_path / "run",
        )  # fmt: skip

    curves = SimpleNamespace(lines=[])
    gan = SimpleNamespace(curves=curves, images_seen=0, params=SimpleNamespace(images=32))
    stopped = tracker()
    stopped.on_train_start(None, gan)
    for images in (8, 16):
        curves.lines.append({"images": images, "loss_g": float(images)})
        stopped.on_train_batch_end(None, gan, None, None, 0)
    curves.lines[1:] = []  # the checkpoint knew the first one
    again = tracker()
    again.on_train_start(None, gan)
    for images in (16, 24):
        curves.lines.append({"images": images, "loss_g": float(images)})
        again.on_train_batch_end(None, gan, None, None, 0)
    again.on_train_end(None, gan)
    assert warned(capfd) == []
    client, experiment = open_store(tmp_path / ".mlflow", tracking.EXPERIMENT)
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "loss_g")
    assert sorted((metric.step, metric.value) for metric in history) == [(8, 8), (16, 16), (24, 24)]
