"""A finished pipeline: two clones give the same bytes, and one flipped bit is found and named."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from syda.integrity import verify
from syda.records import tfrecord
from training_stages import stages

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]


SMALLEST = {
    "phantom.base_subjects": 4,
    "phantom.added_subjects": 1,
    "pack.holdout_share": 0.3,  # two of these four
    "train.stages": stages(12, side=32, coarse=4, first=4),
    "train.log_images": 4,
    "train.pictures": 1,
    "validate.min_cases": 2,
    "generate.count": 2,
}


def build(clone, home, workers):
    """`dvc repro` without a lock, as another user, with a cache and a home of its own."""
    home.mkdir()
    clone.set_params(SMALLEST)
    (clone.root / "dvc.lock").unlink()
    clone.commit("smallest")
    environment = clone.environment() | {
        "LOGNAME": home.name,
        "HOME": str(home),
        "SYDA_WORKERS": str(workers),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
    }
    assert "Running stage 'train'" in run(clone, environment, "dvc", "repro")
    clone.commit("run")
    return environment


def run(clone, environment, *command):
    done = subprocess.run(
        command,
        cwd=clone.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def two_clones(make_clone, tmp_path_factory):
    """Clones with other folders, users, homes and numbers of workers, and their environments."""
    folder = tmp_path_factory.mktemp("clones")
    clones = [make_clone(folder / name) for name in ("here", "there-and-deeper/clone")]
    homes = [folder / "ann-of-here", folder / "bob-of-there"]
    with ThreadPoolExecutor() as both:
        return list(zip(clones, both.map(build, clones, homes, (1, 2)), strict=True))


@pytest.fixture(scope="module")
def finished(two_clones):
    return two_clones[0][0]


def test_two_clones_built_from_nothing_are_byte_for_byte_the_same(two_clones):
    """One commit on one machine."""
    (first, _), (second, environment) = two_clones
    here, there = first.root, second.root
    assert (here / "dvc.lock").read_bytes() == (there / "dvc.lock").read_bytes()
    names = first.run("git", "ls-files").split()
    assert names == second.run("git", "ls-files").split()
    assert not [n for n in names if (here / n).read_bytes() != (there / n).read_bytes()]

    # and what they wrote keeps the contracts that the committed files keep
    tests = [f"tests/contract/test_{name}.py" for name in ("traces", "card_figures")]
    said = run(second, environment, "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert "skipped" not in said


@contextmanager
def flipped(path, at=None):
    """One bit, size, mode and modification time kept, until the block ends."""
    status, before = path.stat(), path.read_bytes()
    after = bytearray(before)
    after[len(after) // 2 if at is None else at] ^= 1
    path.chmod(status.st_mode | 0o200)

    def put(content):
        with path.open("r+b") as stream:  # in place: every name of the file sees it
            stream.write(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    put(after)
    try:
        yield
    finally:
        put(before)
        path.chmod(status.st_mode)


@contextmanager
def rewritten(path, old, new):
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(before)


def places(clone, **options):
    return [fault.where for fault in verify.run(clone.root, **options).faults]


def test_a_finished_pipeline_is_as_recorded(finished):
    said = finished.run("syda", "verify")
    assert re.search(r"verify: all as recorded: 14 stages, \d+ files", said)
    assert finished.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "pattern",
    [
        "data/raw/v0/**/*",
        "data/raw/v1/**/*",
        "data/nifti/*.nii.gz",
        "data/nifti/*.json",
        "data/resampled/*.nii.gz",
        "data/records/train-*.tfrecord",
        "data/records/index.json",
        "data/weights/generator.safetensors",
        "data/weights/generator.json",
        "data/weights/encoder.safetensors",
        "data/synthetic/*.nii.gz",
        "data/synthetic/*.json",
        "data/synthetic/physical/*.nii.gz",
        "reports/metrics.json",
        "reports/train/curves.csv",
        "reports/evaluation/real_beside_synthetic.png",
        "reports/evaluation/synthetic.png",
        "reports/validation/records.md",
        "reports/manifest/train.json",
        "reports/manifest/phantom-v1.json",
        "model_card/model_card.md",
        "model_card/model_card.html",
        "model_card/card.json",
        "model_card/declared.yaml",
        "model_card/signoffs.yaml",
        "src/syda/metrics/ms_ssim.py",
        "src/syda/stages/card.py",
    ],
)
def test_the_file_of_a_flipped_bit_is_named_and_no_other(finished, pattern):
    path = next(p for p in sorted(finished.root.glob(pattern)) if p.is_file())
    with flipped(path):
        (fault,) = verify.run(finished.root).faults
    name = path.relative_to(finished.root).as_posix()
    assert name in str(fault)  # a link into the cache is named beside its object


def test_every_object_of_the_cache_is_looked_at(finished):
    objects = sorted((finished.root / ".dvc/cache").rglob("*"))
    objects = [path for path in objects if path.is_file()]
    for path in (*objects[:: len(objects) // 3], next(p for p in objects if p.suffix == ".dir")):
        with flipped(path):
            (fault,) = verify.run(finished.root).faults
        assert fault.where == path.relative_to(finished.root).as_posix()


def test_the_cards_template_is_named_by_its_folder(finished):
    with flipped(finished.root / "src/syda/card/templates/card.md.j2"):
        assert places(finished) == ["src/syda/card"]


def test_a_parameter_is_named_on_either_side(finished):
    for path in ("dvc.lock", "params.yaml"):
        with rewritten(finished.root / path, "generator_lr: 0.003", "generator_lr: 0.005"):
            (fault,) = verify.run(finished.root).faults
        assert fault.what.startswith("train.generator_lr is ")
    with rewritten(finished.root / "params.yaml", "spacing_mm: 1.5", "spacing_mm: 1.6"):
        (fault,) = verify.run(finished.root).faults  # one line, though six stages read it
    assert "validate@records" in fault.what


def test_a_clone_without_data_is_checked_as_far_as_it_goes(finished, tmp_path):
    other = type(finished)(tmp_path / "other")
    finished.run("git", "clone", "-q", str(finished.root), str(other.root))
    said = other.run("syda", "verify", "--allow-missing")
    assert "10 outputs not here, not checked: data/nifti, " in said
    assert "data/raw/v0: is missing" in other.run("syda", "verify", code=1)
    with flipped(other.root / "model_card/model_card.md"):
        assert places(other, allow_missing=True) == ["model_card/model_card.md"]


def test_an_empty_lock_is_named_and_repaired(finished):
    assert finished.run("syda", "doctor").splitlines()[-1] == "doctor: nothing is wrong"
    (finished.root / "dvc.lock").write_bytes(b"")
    assert "dvc.lock: not readable (it is empty): `syda doctor`" in finished.run(
        "syda", "verify", code=1
    )
    said = finished.run("syda", "doctor", code=1)
    assert "dvc.lock: not readable (it is empty): `syda doctor --repair` restores git's" in said
    said = finished.run("syda", "doctor", "--repair")
    assert "restored dvc.lock from git's HEAD; the damaged one is .work/doctor/dvc.lock.1" in said
    assert "up to date" in finished.run("dvc", "status")
    assert finished.run("git", "status", "--porcelain") == ""


# What DVC itself was told to take for right (`dvc commit -f`): manifests, checksums and the card
# say no. Each test leaves the pipeline as it was.


@contextmanager
def committed(clone, stage):
    lock = (clone.root / "dvc.lock").read_bytes()
    clone.run("dvc", "commit", "-q", "-f", stage)
    try:
        yield
    finally:
        (clone.root / "dvc.lock").write_bytes(lock)


def test_a_blessed_change_of_the_card_is_found(finished):
    path = finished.root / "model_card/model_card.md"
    with rewritten(path, "not for diagnosis", "for diagnosis"), committed(finished, "card"):
        found = [str(fault) for fault in verify.run(finished.root).faults]
    assert any("model_card/model_card.md: is not what its sources give" in line for line in found)


def test_blessed_weights_are_not_those_that_volumes_quote(finished):
    path = finished.root / "data/weights/generator.safetensors"
    saved = path.read_bytes()
    path.unlink()  # of the link into the cache
    path.write_bytes(saved[:-1] + bytes([saved[-1] ^ 1]))
    with committed(finished, "train"):
        found = [str(fault) for fault in verify.run(finished.root).faults]
    path.unlink()
    path.write_bytes(saved)
    assert any("quote other weights than data/weights/generator.safetensors" in x for x in found)
    assert any("reports/manifest/train.json: writes another data/weights" in x for x in found)
    (line,) = (x for x in found if "read another data/weights than was written" in x)
    assert set(re.findall("generate|evaluate", line)) == {"generate", "evaluate"}


def test_a_blessed_record_fails_its_checksum_and_its_index(finished):
    index = json.loads((finished.root / "data/records/index.json").read_text())
    name = index["records"][0]["shard"]
    path = finished.root / "data/records" / name
    saved = path.read_bytes()
    first, *rest = tfrecord.read(path)
    for content, expected in (
        (saved[:100] + bytes([saved[100] ^ 1]) + saved[101:], "wrong checksum of the data"),
        (
            b"".join(map(tfrecord.frame, [first[:-1] + bytes([first[-1] ^ 1]), *rest])),
            "record 0 is not the one of index.json",
        ),
        (saved + tfrecord.frame(first), "index.json has "),
    ):
        path.unlink()
        path.write_bytes(content)
        with committed(finished, "pack"):
            found = [str(fault) for fault in verify.run(finished.root).faults]
        path.unlink()
        path.write_bytes(saved)
        assert any(line.startswith(f"data/records/{name}: ") and expected in line for line in found)
    assert places(finished) == []
