"""A dask cluster on the loopback: one scheduler, two workers, one of them killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from syda.dicom import archive, intake
from syda.errors import SydaError, UsageError
from syda.runtime import cluster, engine
from syda.stages import convert
from syda.types import Volume
from syda.volume import nifti

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # dask's own
]


class Cluster:
    """Processes of a cluster."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        log = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self.wait(log, r"Scheduler at: +(tcp://127\.0\.0\.1:\d+)")

    def start(self, *command, **environment):
        log = self.folder / f"{len(self.processes)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **environment},
            )
        self.processes.append(process)
        return log

    def worker(self, **environment):
        log = self.start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", **environment
        )
        self.wait(log, "(Registered to)")
        return self.processes[-1]

    @staticmethod
    def wait(log, pattern, seconds=60):
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return found.group(1)

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def running(tmp_path, monkeypatch):
    started = Cluster(tmp_path)
    monkeypatch.setenv("SYDA_SCHEDULER", started.address)
    yield started
    started.stop()


def test_results_come_in_order_from_the_cluster(running):
    running.worker()
    running.worker()
    assert list(engine.parallel_map(partial(pow, 2), range(20), "power", "numbers")) == [
        2**n for n in range(20)
    ]
    pids = set(engine.parallel_map(eval, ["__import__('os').getpid()"] * 8, "pid", "numbers"))
    assert pids <= {process.pid for process in running.processes[1:]}


def test_a_killed_worker_costs_nothing_but_its_case(running):
    victim = running.worker()
    running.worker()
    slow = "(__import__('time').sleep(0.1), {n} ** 2)[1]"
    results = engine.parallel_map(eval, [slow.format(n=n) for n in range(30)], "square", "numbers")
    found = [next(results), next(results)]
    victim.send_signal(signal.SIGKILL)
    assert found + list(results) == [n**2 for n in range(30)]


def syda(root, *words, **environment):
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "syda", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(cluster.module_dependencies.SOURCE), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def taken(root):
    """Read and remove what ``resample`` wrote and kept: its files, and its manifest.

    But for ``packages``, those that the stage's own process imported: dask brings jinja2.
    """
    files = {file.name: file.read_bytes() for file in (root / "data/resampled").iterdir()}
    made = json.loads((root / "reports/manifest/resample.json").read_text())
    del made["packages"]
    for folder in ("data/resampled", "reports", ".work"):
        shutil.rmtree(root / folder)
    return files, made


def test_a_stage_that_loses_a_worker_writes_the_bytes_of_a_local_run(running, workspace):
    root, count = workspace(), 16
    rng = np.random.default_rng(0)
    for number in range(count):
        hu = rng.normal(40, 300, (192, 160, 64)).astype(np.int16)
        volume = Volume(hu, np.diag([0.8, 0.9, 2.5, 1.0]))
        nifti.write(root / f"data/nifti/c{number}.nii.gz", volume)
        (root / f"data/nifti/c{number}.json").write_text(f'{{"case": {number}}}')
    local = syda(root, "resample", SYDA_SCHEDULER="")
    said, _ = local.communicate()
    assert local.returncode == 0, said
    expected = taken(root)
    assert len(expected[0]) == 2 * count

    victim = running.worker()
    running.worker()
    stage = syda(root, "resample")
    store = root / ".work" / "cases" / "resample"
    while (done := len([*store.glob("[0-9a-f]*")])) < count // 2:
        assert stage.poll() is None, stage.communicate()[0]
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    said, _ = stage.communicate()
    print(f"\nkilled after {done} of {count} cases\n{said}")  # noqa: T201
    assert done < count
    assert victim.wait() == -signal.SIGKILL
    assert stage.returncode == 0, said
    assert taken(root) == expected


CANARY = "Canary^Johanna"


def traces(running):
    """Lines of the cluster's logs with the name, in any case of letters."""
    logs = [log.read_text() for log in running.folder.glob("*.log")]
    assert len(logs) == len(running.processes)
    return [line for log in logs for line in log.splitlines() if CANARY.lower() in line.lower()]


def test_no_log_tells_what_a_task_that_fails_was_given(running, tmp_path):
    running.worker()
    with distributed.Client(running.address) as client:  # what dask tells by itself
        client.submit(warnings.warn, CANARY).result()
        with pytest.raises(ValueError, match="invalid literal"):
            client.submit(int, CANARY).result()
    lines = traces(running)
    assert {"Exception", "UserWarning"} <= {
        word for line in lines for word in re.split(r"\W", line)
    }

    with pytest.raises(ValueError, match=re.escape(CANARY)) as error:
        list(engine.parallel_map(int, [CANARY], "read", "numbers"))
    (note,) = error.value.__notes__
    assert note.startswith("On the worker:\n")
    assert CANARY not in note
    gone = tmp_path / f"{CANARY}.dcm"
    with pytest.raises(FileNotFoundError) as missing:
        list(engine.parallel_map(Path.read_bytes, [gone], "read", "files"))
    assert missing.value.filename == str(gone)
    list(engine.parallel_map(warnings.warn, [f"{CANARY} {n}" for n in range(4)], "warn", "times"))
    assert traces(running) == lines


def test_no_log_tells_a_name_of_raw_data(
    running, workspace, ramp, as_slices, save_slices, monkeypatch
):
    """A sound series, a cut one, a broken archive, and a file that is gone when it is read."""
    changes = {"data.version": "v0", "convert.select.min_slices": 4}
    root = workspace(changes | {"convert.max_rejected_share": 1.0})
    raw = root / "data" / "raw" / "v0" / CANARY
    ramp.hu[0] = -1000  # air, and soft tissue
    ramp.hu[1:] = ramp.hu[1:] // 2
    save_slices(raw / "sound", as_slices(ramp))
    cut = as_slices(ramp, "1.2.4")
    for ds in cut:
        ds.PatientName = ds.PatientID = CANARY
        ds.PixelData = ds.PixelData[:-40]
    save_slices(raw / "cut", cut)
    for file in [*raw.rglob("0*")]:
        file.rename(file.with_name(f"{CANARY}{file.name}.dcm"))
    (raw / f"{CANARY}.zip").write_bytes(b"PK\x03\x04" + CANARY.encode() * 9)
    running.worker()
    convert.run(root)
    report = (root / "reports" / "convert.json").read_text()
    for reason in ("undecodable_pixels", "archive_unreadable"):
        assert f'"{reason}"' in report
    assert traces(running) == []

    listed = intake.list_files(raw)
    monkeypatch.setattr(intake, "list_files", lambda folder: listed)
    monkeypatch.setattr(archive, "is_archive", lambda file: False)
    listed[0].unlink()
    with pytest.raises(SydaError, match=r"a file or folder in data/raw/v0 cannot be read"):
        convert.run(root)
    assert traces(running) == []


def test_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    monkeypatch.setenv("SYDA_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(SydaError, match="no scheduler answers at SYDA_SCHEDULER=tcp://127"):
        list(engine.parallel_map(abs, [1], "abs", "numbers"))


def test_no_worker_is_one_line(running):
    with pytest.raises(SydaError, match="has no worker: start some"):
        list(engine.parallel_map(abs, [1], "abs", "numbers"))


def test_other_code_on_a_worker_is_refused(running, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", cluster.module_dependencies.SOURCE, other], check=True)
    (other / "syda" / "errors.py").write_text((other / "syda" / "errors.py").read_text() + "# x\n")
    running.worker(PYTHONPATH=str(other))
    with pytest.raises(UsageError, match="run other code, libraries or Python"):
        list(engine.parallel_map(abs, [1], "abs", "numbers"))


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("SYDA_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"pip install -r requirements\.lock"):
        list(engine.parallel_map(abs, [1], "abs", "numbers"))
