"""Real CT through the whole pipeline, with the commands that the README gives for own data."""

import json
import os
import tarfile
from pathlib import Path

import pytest

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
KEY = "5" * 64  # fixed, so that the split of these eight patients is

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "abdomen").is_dir(),
        reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/abdomen is missing)",
    ),
]


def unpack(archive: Path, folder: Path, prefixes: tuple[str, ...] = ("",)) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.lstrip("./").startswith(prefixes):
                file = folder / member.name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tar.extractfile(member).read())


def test_two_abdomens_and_six_of_the_cohort(clone):
    raw = clone.root / "data/raw/v2"
    for archive in sorted((DATA / "abdomen").glob("*.tar.xz")):
        unpack(archive, raw / "abdomen")
    subjects = tuple(f"STS_{number:03d}" for number in range(1, 7))
    unpack(DATA / "cohort" / "sts_001-036.tar.xz", raw / "cohort", subjects)

    # the README's section "Your own data", with a fixed key in the place of a random one
    clone.run("dvc", "add", "data/raw/v2")
    change = ("dvc", "exp", "run", "-S", "data.version=v2", "-S", "model.start=none")
    assert "syda key new" in clone.run(*change, code=255)
    (clone.root / ".syda").mkdir()
    (clone.root / ".syda/key").write_text(KEY)
    clone.run(*change)

    report = json.loads((clone.root / "reports/convert.json").read_text())
    assert report["artificial"] is False
    assert (report["converted"], report["rejected"]) == (8, [])
    assert report["manufacturer"] == {"GE": 8}
    packed = json.loads((clone.root / "reports/pack.json").read_text())
    assert sum(packed["cases"].values()) == sum(packed["patients"].values()) == 8
    for name in ("resampled", "records", "synthetic"):
        validated = json.loads((clone.root / f"reports/validation/{name}.json").read_text())
        assert validated["success"] is True
        assert validated["warnings"] == 0 or name == "synthetic"
    assert "v2" in (clone.root / "model_card/model_card.md").read_text()

    # real voxels and the key stay out of git
    clone.commit("own data")
    tracked = clone.run("git", "ls-files")
    assert "data/raw/v2.dvc" in tracked
    assert ".syda" not in tracked
    images = {n for n in tracked.split() if n.endswith((".dcm", ".nii.gz", ".tfrecord"))}
    assert images == {"tests/records/data/tensorflow.tfrecord"}  # artificial, known to the hook
