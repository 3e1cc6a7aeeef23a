"""Remotes in S3 and Google Cloud Storage: push, a second clone's pull, nothing left to do."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

BUCKET = "remote-bucket"
PIPELINE = """\
stages:
  copy:
    cmd: cp in.txt out.txt
    deps: [in.txt]
    outs: [out.txt]
"""


def run(root, command, variables):
    environment = os.environ | {
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(root / ".dvc" / "site"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        command.split(),
        cwd=root,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def push_and_pull(folder, url, server, variables):
    """Push from one repository; a clone of it pulls and has nothing to run."""
    here, there = folder / "here", folder / "there"
    here.mkdir()
    for command in ("git init -q", "dvc init -q"):
        run(here, command, variables)
    (here / "in.txt").write_text("data")
    (here / "dvc.yaml").write_text(PIPELINE)
    for command in (
        "dvc repro -q",
        f"dvc remote add -d store {url}",
        f"dvc remote modify store endpointurl {server}",
        "git add -A",
        "git -c user.name=test -c user.email=test@example.org commit -q -m run",
        "dvc push",
        f"git clone -q . {there}",
    ):
        run(here, command, variables)
    run(there, "dvc pull", variables)
    assert (there / "out.txt").read_text() == "data"
    assert "Running stage" not in run(there, "dvc repro", variables)


@pytest.fixture
def s3():
    """Address of an S3 server on loopback."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_s3(s3, tmp_path):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=BUCKET)
    variables = {name.upper(): value for name, value in keys.items()}
    push_and_pull(tmp_path, f"s3://{BUCKET}/store", s3, variables)
    assert client.list_objects_v2(Bucket=BUCKET, Prefix="store/")["KeyCount"] == 1


@pytest.fixture
def google_storage(tmp_path):
    """Address of a Google Cloud Storage server on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("gcp-storage-emulator")
    options = [f"--port={port}", "--host=127.0.0.1", "--in-memory", f"--default-bucket={BUCKET}"]
    log = tmp_path / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen([program, "start", *options], stdout=stream, stderr=stream) as server,
    ):
        try:
            for _ in range(600):
                assert server.poll() is None, log.read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def test_google_cloud_storage(google_storage, tmp_path):
    variables = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}  # else gcsfs waits for the emulator
    push_and_pull(tmp_path, f"gs://{BUCKET}/store", google_storage, variables)
