"""A public bucket on loopback, which the real s5cmd reads, and pinned lists of its series."""

import csv
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ruamel.yaml import YAML

from syda.open_data.bucket import executable

WRITER = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
FILES = 4


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    """URL of an S3 server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("moto") / "log"
    command = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with log.open("w") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as server:
        try:
            for _ in range(600):
                assert server.poll() is None, log.read_text()
                try:
                    urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
                    break
                except (urllib.error.URLError, TimeoutError):
                    time.sleep(0.1)
            yield url
        finally:
            server.terminate()


@dataclass
class PublicBucket:
    """A bucket, and the folder that was uploaded into it."""

    endpoint: str
    name: str
    files: Path

    def s5cmd(self, *words):
        command = [executable(), "--endpoint-url", self.endpoint, *words]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | WRITER)

    def upload(self, *options):
        """Bring the bucket to what the folder holds now, but remove nothing."""
        source = f"{self.files}/*"
        self.s5cmd("cp", "--acl", "public-read", *options, source, f"s3://{self.name}/")

    def remove(self, path):
        self.s5cmd("rm", f"s3://{self.name}/{path}")


@pytest.fixture
def public_bucket(endpoint, tmp_path):
    """An empty bucket."""
    bucket = PublicBucket(endpoint, f"b{uuid.uuid4().hex}", tmp_path / "uploaded")
    bucket.s5cmd("mb", f"s3://{bucket.name}")
    return bucket


@pytest.fixture
def publish(public_bucket, workspace, make_slice):
    """Upload some series, list them as ``phantoms`` and return their folders: (count, side)."""

    def make(count=3, side=8):
        root, rows = workspace(), []
        for number in range(count):
            folder, uid = str(uuid.UUID(int=number + 1)), f"1.2.{number}"
            (public_bucket.files / folder).mkdir(parents=True)
            for z in range(FILES):
                pixels = np.full((side, side), 100 * number + z)
                ds = make_slice(pixels, (0, 0, z), series_uid=uid, number=z + 1)
                path = public_bucket.files / folder / f"{uuid.UUID(int=z)}.dcm"
                pydicom.dcmwrite(path, ds, enforce_file_format=True)
            size = sum(file.stat().st_size for file in (public_bucket.files / folder).iterdir())
            rows.append((uid, folder, FILES, size))
        public_bucket.upload()
        write_list(root, public_bucket.name, rows)
        return root, [folder for _, folder, *_ in rows]

    return make


def write_list(root, bucket, rows):
    """Write ``data/sources/phantoms`` from rows of SeriesInstanceUID, folder, files and bytes."""
    (root / "data" / "sources").mkdir(parents=True)
    with (root / "data/sources/phantoms.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows(
            [("SeriesInstanceUID", "crdc_series_uuid", "instanceCount", "size"), *rows]
        )
    text = dict.fromkeys(
        ("title", "licence", "licence_url", "doi", "citation", "query", "index_version"), "none"
    )
    totals = {
        "patients": len(rows),
        "files": sum(row[2] for row in rows),
        "bytes": sum(row[3] for row in rows),
    }
    stones = {"status": "read by nobody", "reader": None, "note": None}
    cohort = {**dict.fromkeys(("disease", "consent", "contrast")), "stones": stones}
    YAML().dump(
        {**text, **totals, "bucket": bucket, "cohort": cohort}, root / "data/sources/phantoms.yaml"
    )
