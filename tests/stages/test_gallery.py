import json
import re
from dataclasses import asdict

import numpy as np
import pytest

import changed_params
from syda import paths
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.properties.measured import measure_properties
from syda.records import reader
from syda.runtime.outputs import write_json
from syda.stages import gallery
from syda.types import Volume
from syda.volume import nifti

SYNTHETIC = 3


def body(seed):
    """A crude body of 48 x 36 x 24 mm in air, with noise that does not pack."""
    rng = np.random.default_rng(seed)
    hu = rng.integers(-200, 200, (16, 12, 8)).astype(np.int16)
    return Volume(np.pad(hu, 2, constant_values=-1000), np.diag([3.0, 3.0, 3.0, 1.0]))


@pytest.fixture
def root(workspace, made_up_records):
    """A repository as it is before the stage: records, synthetic volumes, the gate's report."""
    root = made_up_records(workspace(), 12)
    for seed in range(SYNTHETIC):
        nifti.write(root / paths.SYNTHETIC / f"{seed:06d}.nii.gz", body(seed))
        description = {
            "seed": seed,
            "truncation": 1.0,
            "weights_sha256": "ab" * 32,
            "effective_spacing_mm": 3.0,
            "properties": {
                "requested": {"sex": "F"},
                "measured": asdict(measure_properties(body(seed))),
            },
        }
        write_json(root / paths.SYNTHETIC / f"{seed:06d}.json", description)
    write_json(root / paths.validation_report("synthetic"), {})
    return root


@pytest.fixture
def holdout(root):
    """Case ids of the holdout, in the order of the records."""
    records = reader.read_split(root / paths.RECORDS, "holdout", 1.5)
    return [record.case.case for record in records]


def change(root, **values):
    named = {f"gallery.{key}": value for key, value in values.items()}
    changed_params.write(root, named, source=root)


def page_data(root):
    text = (root / paths.GALLERY).read_text(encoding="utf-8")
    (block,) = re.findall(r'id="page-data">(.*?)</script>', text)
    return json.loads(block)


def names(root):
    return [one["name"] for one in page_data(root)["items"]]


def test_the_first_of_each_kind_by_turns_and_real_ones_of_the_holdout(root, holdout):
    assert len(holdout) >= 3
    change(root, synthetic=2, real=2)
    gallery.run(root)
    cases = [f"Case {case}" for case in holdout]
    assert names(root) == ["Seed 0", cases[0], "Seed 1", cases[1]]
    text = (root / paths.GALLERY).read_text(encoding="utf-8")
    assert f"Shown: 2 of 3 synthetic volumes and 2 of {len(holdout)} real volumes" in text
    train = reader.read_split(root / paths.RECORDS, "train", 1.5)
    assert not [record for record in train if record.case.case in text]


def test_artificial_patients_are_said_to_be(root):
    gallery.run(root)
    sentence = "The patients of data version v0 are artificial."
    assert sentence in (root / paths.GALLERY).read_text(encoding="utf-8")
    changed_params.write(root, {"data.artificial": []}, source=root)
    gallery.run(root)
    assert "artificial" not in (root / paths.GALLERY).read_text(encoding="utf-8")


def test_scale_and_facts_of_the_page(root):
    gallery.run(root)
    page = page_data(root)
    assert (page["low"], page["high"], page["step"]) == (-1000, 1000, 4)
    synthetic, real = page["items"][:2]
    assert synthetic["shape"] == [16, 12, 8]
    assert synthetic["spacing"] == [3, 3, 3]
    assert ["sex", "F", "–"] in synthetic["rows"]
    assert real["spacing"] == [1.5, 1.5, 1.5]
    assert real["facts"][1:] == ["Split holdout", "Voxel 1.5 mm"]


def test_fewer_volumes_than_requested_are_all_shown(root, holdout, capsys):
    change(root, synthetic=50, real=50)
    gallery.run(root)
    assert len(names(root)) == SYNTHETIC + len(holdout)
    assert "more would exceed" not in capsys.readouterr().err


def test_the_page_stays_below_its_size_and_says_what_it_left_out(root, holdout, capsys):
    gallery.run(root)
    whole = (root / paths.GALLERY).stat().st_size
    capsys.readouterr()
    limit = round(whole / 1e6 - 0.002, 6)
    change(root, max_mb=limit)
    gallery.run(root)
    assert (root / paths.GALLERY).stat().st_size <= limit * 1e6
    shown = names(root)
    assert 2 <= len(shown) < SYNTHETIC + min(3, len(holdout))
    assert "more would exceed gallery.max_mb" in capsys.readouterr().err


def test_not_even_one_of_each_is_a_failure(root):
    change(root, max_mb=0.02)
    with pytest.raises(CheckFailed, match=r"gallery: 0 of 3 .* raise gallery\.max_mb"):
        gallery.run(root)
    assert not (root / paths.GALLERY).exists()
    assert not (root / paths.manifest("gallery")).exists()


def test_the_same_inputs_give_the_same_bytes(root):
    contents = []
    for _ in range(2):
        gallery.run(root)
        contents.append((root / paths.GALLERY).read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("content", ["{}", "[]", "broken", '{"properties": {"requested": {}}}'])
def test_a_volume_without_its_description_is_named(root, content):
    (root / paths.SYNTHETIC / "000001.json").write_text(content)
    with pytest.raises(CorruptData, match=r"data/synthetic/000001\.json: no description"):
        gallery.run(root)
    assert not (root / paths.GALLERY).exists()


def test_a_broken_volume_is_named(root):
    (root / paths.SYNTHETIC / "000002.nii.gz").write_bytes(b"broken")
    with pytest.raises(CorruptData, match="000002"):
        gallery.run(root)


def test_without_synthetic_volumes_it_says_what_to_do(root):
    (root / paths.SYNTHETIC).rename(root / "elsewhere")
    with pytest.raises(UsageError, match="data/synthetic does not exist"):
        gallery.run(root)


def test_git_ignores_the_page(repository):
    """The page shows real voxels."""
    ignored = (repository / paths.REPORTS / ".gitignore").read_text().split()
    assert f"/{paths.GALLERY.name}" in ignored
