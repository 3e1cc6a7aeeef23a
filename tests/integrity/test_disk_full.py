"""DVC on a disk that fills up under it: whatever it leaves, doctor mends, and the run completes."""

import os
import shutil
import subprocess

import pytest

from syda.integrity import doctor, verify

pytestmark = [
    pytest.mark.slow,
    pytest.mark.exhaustive,
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a tmpfs"
    ),
]

KB = 1000
SCRIPT = """\
mkdir -p data/halves/deep reports
yes one | head -c 900000 > data/halves/one
yes two | head -c 300000 > data/halves/deep/two
echo '{"halves": 3}' > reports/halves.json
"""


@pytest.fixture
def disk(small, tmp_path):
    """The small repository on a file system of its own."""
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    shutil.copytree(small.root, root / "repository", symlinks=True)
    yield type(small)(root / "repository")
    subprocess.run(["umount", str(root)], check=True)


def leave(disk, free):
    """Fill the disk up until so many bytes are free."""
    with (disk.root.parent / "ballast").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(disk.root).free - free)


# 1.2 MB of halves, stored once more by DVC, then 1.2 MB of a whole, which is stored too
@pytest.mark.parametrize("free", [0, 1300 * KB, 3620 * KB])
def test_a_run_completes_after_the_disk_was_full(disk, free):
    disk.write("src/halves.sh", SCRIPT)
    leave(disk, free)
    disk.run("dvc", "repro", "-q", code=255)
    (disk.root.parent / "ballast").unlink()
    list(doctor.run(disk.root, repair=True))
    unfinished = [path.name for path in disk.root.rglob("*.tmp") if path.is_file()]
    assert unfinished == []
    disk.run("dvc", "repro", "-q")
    assert (disk.root / "data/left").stat().st_size == 1_200_000
    assert verify.run(disk.root).faults == []


def test_a_lock_that_a_full_disk_cut_off_is_restored(disk):
    """DVC writes the lock in place: a long one does not fit where all else still did."""
    disk.write("params.yaml", f"halves: {list(range(3000))}\n")
    disk.run("dvc", "commit", "-q", "-f")
    disk.run("git", "commit", "-q", "-a", "-m", "a long list")
    lock = disk.root / "dvc.lock"
    whole = lock.read_bytes()
    lock.unlink()
    leave(disk, 32 * KB)
    disk.run("dvc", "commit", "-q", "-f", code=255)
    left = lock.read_bytes()
    assert len(left) < len(whole)
    (disk.root.parent / "ballast").unlink()
    assert "modified:           data/left" in disk.run("dvc", "status")  # and would make it again
    first, *_ = (line for _, line in doctor.run(disk.root, repair=True))
    assert first.startswith("dvc.lock: not readable (")
    assert "restored dvc.lock from git's HEAD" in first
    assert lock.read_bytes() == whole
    assert (disk.root / ".work/doctor/dvc.lock.1").read_bytes() == left
    disk.run("dvc", "status", "-q")
