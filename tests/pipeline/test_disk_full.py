"""Stages on a disk that is too small: a small tmpfs, filled to the megabyte."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import changed_params
from training_stages import stages

MB = 1_000_000
BAR = re.compile(r"\[\d\d:\d\d")  # the clock of a progress bar

pytestmark = [
    pytest.mark.slow,
    pytest.mark.exhaustive,
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a tmpfs"
    ),
]

TINY = {
    "phantom.base_subjects": 3,
    "pack.holdout_share": 0.3,
    "ct.size": 8,
    "model.channels": [6, 4],
    "model.discriminator_channels": [5, 4],
    "train.stages": stages(12, side=8, coarse=4, first=4),
    "train.log_images": 8,
}


@dataclass(frozen=True)
class Disk:
    """A workspace on a file system of its own."""

    root: Path

    def leave(self, free: int) -> None:
        """Fill it up until so many bytes are free."""
        ballast = self.root / "ballast"
        ballast.unlink(missing_ok=True)
        os.sync()
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(self.root).free - free)

    def syda(self, *arguments: str, code: int = 0) -> list[str]:
        """Run a command and return its lines, the progress bars aside."""
        done = subprocess.run(
            [sys.executable, "-m", "syda", *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return [line for line in done.stdout.splitlines() if line.strip() and not BAR.search(line)]

    def files(self, folder: str) -> list[str]:
        """What lies in a folder."""
        return sorted(p.name for p in (self.root / folder).iterdir())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    changed_params.write(root, TINY)
    yield Disk(root)
    subprocess.run(["umount", str(root)], check=True)


def test_no_space_is_one_line_and_leaves_nothing_behind(disk):
    """One test, since each stage needs the files of the one before."""
    disk.leave(2 * MB)
    (line,) = disk.syda("phantom", "v0", code=1)
    assert line == (
        "syda: phantom: needs about 10 MB in data/raw, 2 MB are free there: "
        "free some space and run it again"
    )
    assert disk.files("data") == ["raw"]

    disk.leave(100 * MB)
    disk.syda("phantom", "v0")
    disk.leave(MB)
    (line,) = disk.syda("convert", code=1)  # how small NIfTI will be is not known ahead
    assert line.startswith("syda: convert: No space left on device: data/nifti")
    assert line.endswith("free some space and run it again")
    assert disk.files("data") == ["raw"]

    disk.leave(100 * MB)
    disk.syda("convert")
    disk.leave(10 * MB)
    (line,) = disk.syda("resample", code=1)
    assert line.startswith("syda: resample: needs about 3")
    assert "in data, 10 MB are free there" in line

    disk.leave(100 * MB)
    disk.syda("resample")
    (disk.root / "reports/validation").mkdir()
    for gate in ("resampled", "records"):
        (disk.root / f"reports/validation/{gate}.json").write_text("{}")
    disk.leave(30 * MB)
    (line,) = disk.syda("pack", code=1)
    assert line.startswith("syda: pack: needs about 6")

    disk.leave(100 * MB)
    disk.syda("pack")
    disk.leave(0)
    warned, message, line = disk.syda("train", code=1)  # MLflow's store is on the same disk
    assert warned.startswith("warning: training continues without MLflow")
    assert message.startswith("train: the encoder explains ")
    assert line.startswith("syda: train: No space left on device: data/.weights.partial")
    assert "weights" not in disk.files("data")
