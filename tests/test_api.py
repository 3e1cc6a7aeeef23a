"""``import syda``: what docs/api.md shows, and what the functions refuse."""

import re

import numpy as np
import pytest

import syda
from small_generator import random_generator, release
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.model.conditions import ConditionSchema
from syda.types import Volume
from syda.volume import nifti

SCHEMA = ConditionSchema.fit(
    [{"body_width_mm": 300.0 + 10 * i} for i in range(11)], ["body_width_mm"]
)


@pytest.fixture
def weights(tmp_path):
    return release(tmp_path / "data" / "weights", random_generator(SCHEMA), SCHEMA)


@pytest.fixture
def series(tmp_path, as_slices, save_slices):
    """Two series, numbered 1 and 2."""
    for number in (1, 2):
        hu = np.arange(8 * 6 * 4, dtype=np.int16).reshape(8, 6, 4) + number
        slices = as_slices(Volume(hu, np.diag([2.0, 2.0, 5.0, 1.0])), f"1.2.{number}")
        for one in slices:
            one.SeriesNumber = number
        save_slices(tmp_path / "scan" / str(number), slices)
    return tmp_path / "scan"


@pytest.fixture
def folders(tmp_path):
    """Four real and two synthetic cubes."""
    rng = np.random.default_rng(0)
    for name in ("real/a", "real/b", "real/c", "real/d", "synthetic/a", "synthetic/b"):
        hu = np.full((16, 16, 16), -1000, np.int16)
        hu[3:13, 3:13, 3:13] = rng.integers(0, 80, (10, 10, 10))
        nifti.write(tmp_path / f"{name}.nii.gz", Volume(hu, np.diag([3.0, 3.0, 3.0, 1.0])))


def test_every_name_is_there_and_documented(repository):
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    for name in syda.__all__:
        assert getattr(syda, name).__doc__
    functions = [name for name in syda.__all__ if name.islower()]
    assert not [name for name in functions if f"syda.{name}(" not in page]
    assert dir(syda) == syda.__all__
    assert len(syda.__all__) <= 12
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        syda.nothing  # noqa: B018


@pytest.mark.slow
def test_the_code_of_the_guide_runs(
    repository, tmp_path, monkeypatch, weights, series, folders, made_up_records
):
    made_up_records(tmp_path, 8)
    monkeypatch.chdir(tmp_path)
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(block, names)
    assert names["sample"].seed == 7
    assert 330 <= names["sample"].properties["body_width_mm"] <= 350
    assert names["volume"].hu.min() == 2
    assert names["record"].properties.body_width_mm > 300
    assert names["tensor"].shape == (1, 8, 8, 8)
    assert set(names["found"].results) == {"real_1", "real_2"}
    assert names["metric"] in names["results"]


def test_samples_depend_on_seed_and_properties_alone(weights):
    generator = syda.load_generator(weights / "generator.safetensors")
    first, second = generator.sample(2)
    (again,) = generator.sample(seeds=[1])
    np.testing.assert_array_equal(second.volume.hu, again.volume.hu)
    assert (first.volume.hu != second.volume.hu).any()
    with pytest.warns(UserWarning, match="body_width_mm=900: outside the range"):
        generator.sample(properties={"body_width_mm": 900})
    with pytest.raises(UsageError, match="kidneys: not a property of this model"):
        generator.sample(properties={"kidneys": 2})


def test_a_series_is_chosen_by_its_number(series):
    with pytest.raises(UsageError, match=r"2 CT series .*: 1 \(4 files\), 2 \(4 files\): choose"):
        syda.convert_series(series)
    assert syda.convert_series(series, 1).hu.max() == 192
    assert syda.convert_series(series, 1, hu_max=100).hu.max() == 100
    with pytest.raises(CheckFailed, match="no CT series of number 3"):
        syda.convert_series(series, 3)


def test_a_damaged_series_is_refused(series):
    files = sorted((series / "1").iterdir())
    files[1].unlink()
    with pytest.raises(CorruptData, match="cannot be converted: missing_slices"):
        syda.convert_series(series / "1")
