"""No output says when, where, by whom or at which commit it was made.

A commit in a file would never settle (the lock is committed after the run), and two clones must
write the same bytes. MLflow's store, .mlflow, is no output: to tell when and at which commit is its
purpose. Nor is the record of a release, which names the commit that was released.
"""

import datetime
import getpass
import gzip
import re
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMIT = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


def git(*arguments):
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def own_words():
    """Words of the code and the parameters: a user called `runner` is not betrayed by them."""
    files = [*(ROOT / "src").rglob("*.py"), ROOT / "params.yaml"]
    return {w for file in files for w in re.findall(r"\w+", file.read_text(encoding="utf-8"))}


def forbidden():
    """Patterns by what they would tell."""
    today = datetime.datetime.now(datetime.UTC).date()
    days = [today, today - datetime.timedelta(1), today + datetime.timedelta(1)]  # time zones
    dates = [day.strftime(form) for day in days for form in ("%Y-%m-%d", "%Y%m%d")]
    words = own_words()
    user, host = getpass.getuser(), socket.gethostname()
    found = {
        "clock": r"(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d",
        "day": rf"(?<!\d)(?:{'|'.join(date for date in dates if date not in words)})(?!\d)",
        "absolute path": rf"(?<![\w.]){re.escape(str(ROOT))}(?!\w)",
        "home": rf"(?<![\w.]){re.escape(str(Path.home()))}/",
        "any absolute path": r"(?<![\w.#:/)-])/(?:home|root|Users|tmp|work|mnt|var|opt|private)/\w",
        "account": rf"\b{re.escape(user)}@|/{re.escape(user)}/",
    }
    for what, name in (("user", user), ("host", host)):
        if not set(re.findall(r"\w+", name)) <= words:
            found[what] = rf"(?<!\w){re.escape(name)}(?!\w)"
    return {what: re.compile(pattern.encode()) for what, pattern in found.items()}


PATTERNS = forbidden()
COMMITS = {commit.encode() for commit in git("rev-list", "--all")}


def traces(content):
    """What some bytes tell; of binary ones, what stands there as text of five or more."""
    binary = b"\0" in content
    if binary:
        content = b"\0".join(re.findall(rb"[ -~]{5,}", content))
    found = ((what, pattern.search(content)) for what, pattern in PATTERNS.items())
    message = {what: match.group() for what, match in found if match}
    if binary:  # a shorter name stands in any picture by chance
        message = {what: text for what, text in message.items() if len(text) >= 5}
    commits = set(COMMIT.findall(content)) & COMMITS
    return message | ({"commit": commits} if commits else {})


def traces_in(file):
    """What a file tells, unpacked where it is packed."""
    content = file.read_bytes()
    if file.suffix == ".gz":
        message = {"clock of gzip": True} if content[4:8] != bytes(4) else {}
        return message | traces(gzip.decompress(content))
    return traces(content) | ({"clock of PNG": True} if b"tIME" in content[:4096] else {})


def test_no_report_and_no_card_tells_when_where_or_by_whom():
    files = [ROOT / name for name in git("ls-files", "reports", "model_card")]
    files = [file for file in files if file.is_file()]
    assert len(files) > 20
    message = {file.relative_to(ROOT).as_posix(): traces_in(file) for file in files}
    for name, found in message.items():
        if name.startswith("model_card/releases/"):
            found.pop("commit", None)
    assert {name: found for name, found in message.items() if found} == {}


def test_the_lock_tells_neither():
    assert traces_in(ROOT / "dvc.lock") == {}


@pytest.mark.slow
def test_no_data_tell_when_where_or_by_whom():
    files = sorted(file for file in (ROOT / "data").rglob("*") if file.is_file())
    files = [file for file in files if file.name != ".gitignore" and file.suffix != ".dvc"]
    if not files:
        pytest.skip("no data here: `dvc repro` or `dvc pull` brings them")
    message = {str(file.relative_to(ROOT)): found for file in files if (found := traces_in(file))}
    assert message == {}


@pytest.mark.parametrize("around", [b"", b"\0\xff\0"])
@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("clock", "made 2026-11-22T23:58:01Z"),
        ("day", f"on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}."),
        ("absolute path", f'"{ROOT}/data"'),
        ("home", f"in {Path.home()}/data"),
        ("any absolute path", "from /tmp/x"),
        ("account", f"{getpass.getuser()}@somewhere"),
        ("commit", f"at {git('rev-parse', 'HEAD')[0]}"),
    ],
)
def test_a_trace_is_found(what, text, around):
    assert what in traces(around + text.encode() + around)


@pytest.mark.parametrize(
    "text", ["reports/convert.json#/home/x", "0" * 40, "20991231", "aged 1926-11-22", "](../work/)"]
)
def test_what_is_no_trace_is_not(text):
    assert traces(text.encode()) == {}


def test_clocks_in_packed_files_are_found(tmp_path):
    for clock in (0, 7):
        with (
            (tmp_path / "a.gz").open("wb") as stream,
            gzip.GzipFile("", "wb", fileobj=stream, mtime=clock) as packed,
        ):
            packed.write(b"1999-11-22 10:00" if clock else b"quiet")
        assert set(traces_in(tmp_path / "a.gz")) == ({"clock", "clock of gzip"} if clock else set())
