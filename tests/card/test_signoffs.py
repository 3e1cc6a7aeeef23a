import datetime
import hashlib
from pathlib import Path

import pytest

from syda import paths
from syda.card import signoffs
from syda.errors import UsageError

SHIPPED = Path(__file__).parents[2] / paths.SIGNOFFS
FILE = Path("signoffs.yaml")
ENTRY = {
    "section": '"7"',
    "name": "A Name",
    "role": "clinical lead",
    "date": "2026-01-31",
    "meaning": "read and agreed",
    "digest": "ab" * 32,
}


def read(root, **changes):
    lines = [f"    {key}: {text}" for key, text in (ENTRY | changes).items() if text is not None]
    (root / FILE).write_text("\n".join(["signoffs:", "  -", *lines]))
    return signoffs.read(root, FILE)


def test_the_form_that_the_comment_shows_is_read(tmp_path):
    (one,) = read(tmp_path)
    assert (one.section, one.date) == ("7", datetime.date(2026, 1, 31))
    shown = SHIPPED.read_text()
    assert {f"#     {key}: " for key in ENTRY if key != "section"} <= {
        line[: line.index(": ") + 2] for line in shown.splitlines() if line.startswith("#     ")
    }


def test_no_entry_is_none(tmp_path):
    (tmp_path / FILE).write_text("signoffs: []\n")
    assert signoffs.read(tmp_path, FILE) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"section": '"4.1"'}, r"signoffs\.0\.section: '4\.1' is none of: 1, 2, "),
        ({"section": "7"}, r"signoffs\.0\.section: Input should be a valid string"),
        ({"role": "director"}, r"signoffs\.0\.role: 'director' is none of: project owner, "),
        ({"name": "TBD"}, r"signoffs\.0\.name: 'TBD' is no answer"),
        ({"meaning": '"-"'}, r"signoffs\.0\.meaning: '-' is no answer"),
        ({"name": None}, r"signoffs\.0\.name: Field required"),
        ({"date": "yesterday"}, r"signoffs\.0\.date: Input should be a valid date"),
        ({"digest": "abc"}, r"signoffs\.0\.digest: String should match"),
        ({"signature": "x"}, r"signoffs\.0\.signature: Extra inputs .* shows the form"),
    ],
)
def test_an_entry_that_says_nothing_is_refused(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        read(tmp_path, **changes)


def test_the_digest_is_that_of_the_text():
    assert signoffs.digest("## 1 General") == hashlib.sha256(b"## 1 General").hexdigest()
