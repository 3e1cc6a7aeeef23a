import functools
import json
import operator
import shlex
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from syda.errors import ParamsError
from syda.params import load
from syda.tuning import space
from syda.tuning.config import TuneParams

REPOSITORY = Path(__file__).parents[2]


class Lowest:
    """Proposes the first of everything."""

    def suggest_float(self, name, low, high, *, log):
        return low * 1.000001

    def suggest_int(self, name, low, high, *, log):
        return low

    def suggest_categorical(self, name, choices):
        return choices[0]


@pytest.fixture
def spaced(workspace):
    """Parameters with another space, and the space as it is read."""

    def make(axes, changes=()):
        params = load(workspace({**dict(changes), "tune.space": axes}))
        return params, params.section("tune", TuneParams).space

    return make


def faults(params, axes):
    with pytest.raises(ParamsError) as error:
        space.check(params, axes)
    assert error.value.exit_code == 2
    return str(error.value).splitlines()


def test_the_space_in_params_yaml_is_valid(repository):
    params = load(repository)
    space.check(params, params.section("tune", TuneParams).space)


def test_keys_that_do_not_exist_are_named_with_their_lines(spaced):
    names = ("train.generator_rl", "generate.seed", "train.augment", "train.augment.zoom.x", "lr")
    params, axes = spaced({name: {"choices": [1, 2]} for name in names})
    found = faults(params, axes)
    assert {line.split(": ", 2)[1] for line in found} == {f"tune.space.{name}" for name in names}
    for line in found:
        assert line.endswith("no such key in the sections train and model")
        number = int(line.split(":")[1])
        text = params_lines(params, number)
        assert line.split(": ", 2)[1].removeprefix("tune.space.") in text


def params_lines(params, number):
    (path,) = [at for at, line in params.source.lines.items() if line == number and len(at) == 3]
    return path[-1]


@pytest.mark.parametrize(
    ("key", "axis", "wrong"),
    [
        ("train.generator_lr", {"low": -1.0, "high": 1.0, "log": False}, "-1.0 is refused"),
        ("train.r1_interval", {"low": 2.5, "high": 4, "log": False}, "2.5 is refused"),
        ("train.loss", {"low": 1, "high": 2, "log": False}, "give choices"),
        ("train.loss", {"choices": ["minmax", "hinge"]}, '"hinge" is refused'),
        ("train.recompute", {"low": 0, "high": 1, "log": False}, "give choices"),
        ("model.channels", {"choices": [[8, 8], [48, 32, 32, 16]]}, "leads to 8 voxels"),
        ("train.stages", {"low": 10, "high": 20, "log": False}, "tune.images"),
        ("train.seed", {"choices": [1, 2]}, "a best seed is noise"),
    ],
)
def test_bounds_are_checked_by_the_section_of_the_key(spaced, key, axis, wrong):
    params, axes = spaced({key: axis})
    assert wrong in "\n".join(faults(params, axes))


@pytest.mark.parametrize(
    "axis",
    [
        {"low": 2.0, "high": 1.0, "log": False},
        {"low": 0.0, "high": 1.0, "log": True},
        {"low": 0.0, "high": 1.0},
        {"choices": [1]},
        {"choices": [1, 2], "low": 1},
        3,
    ],
)
def test_an_axis_must_be_a_range_or_choices(spaced, axis):
    with pytest.raises(ParamsError, match=r"tune\.space\.train\.generator_lr"):
        spaced({"train.generator_lr": axis})


def test_values_are_as_params_yaml_holds_them(spaced):
    axes = {
        "train.generator_lr": {"low": 0.002, "high": 0.008, "log": True},
        "train.augment.images": {"low": 100, "high": 200, "log": False},
        "train.path_weight": {"low": 1, "high": 2, "log": False},
        "model.channels": {"choices": [[48, 32, 32, 16], [8, 8, 8, 8]]},
    }
    params, read = spaced(axes)
    space.check(params, read)
    values = space.suggest(Lowest(), read)
    assert values == {
        "train.generator_lr": 0.002,
        "train.augment.images": 100,
        "train.path_weight": 1.0,
        "model.channels": [48, 32, 32, 16],
    }
    assert isinstance(values["train.augment.images"], int)
    assert isinstance(values["train.path_weight"], float)  # the key takes any number


def test_the_values_of_params_yaml_are_the_baseline_if_they_lie_in_the_space(spaced):
    axes = {
        "train.generator_lr": {"low": 0.002, "high": 0.008, "log": True},
        "train.loss": {"choices": ["minmax", "nonsaturating"]},
    }
    assert space.baseline_values(*spaced(axes)) == {
        "train.generator_lr": 0.003,
        "train.loss": json.dumps("nonsaturating"),
    }
    assert space.baseline_values(*spaced(axes, {"train.generator_lr": 0.1}.items())) is None
    assert space.baseline_values(*spaced(axes, {"train.loss": "rpgan"}.items())) is None


def test_dvc_reads_the_values_of_the_command(workspace):
    values = {
        "train.loss": "minmax",
        "train.generator_lr": 0.0031,
        "train.r1_weight": 1e-05,
        "train.r1_interval": 8,
        "train.recompute": True,
        "train.augment.zoom": 0.1,
        "model.channels": [8, 8, 8, 8],
        "model.properties": ["sex"],
    }
    words = shlex.split(space.command(values))
    assert words[:3] == ["dvc", "exp", "run"]
    root = workspace()
    apply_overrides(root / "params.yaml", words[4::2])
    params = load(root)
    for key, value in values.items():
        name, *inner = key.split(".")
        found = params.section(name, space.SECTIONS[name]).model_dump()
        assert functools.reduce(operator.getitem, inner, found) == value
    assert params.section("tune", TuneParams) == load(REPOSITORY).section("tune", TuneParams)


def test_a_command_is_safe_in_a_shell():
    values = {"train.loss": "minmax", "model.channels": [8, 4], "train.r1_weight": 1e-05}
    assert space.command(values) == (
        "dvc exp run -S train.loss=minmax -S 'model.channels=[8, 4]' -S train.r1_weight=1e-05"
    )
