import importlib

import pytest

from changed_params import section_class
from syda import params
from syda.errors import ParamsError
from syda.params import COMMANDS, SHARED, STAGES, CtParams, Section, load

CT = (
    "ct: {spacing_mm: 1.5, hu_min: -1024, hu_max: 3071, "
    "window_min: -1000, window_max: 1000, size: 32}"
)


@pytest.fixture
def write(repository, tmp_path):
    """params.yaml of the repository with some of its text replaced, or another text."""

    def make(*changes, text=None):
        text = text or (repository / "params.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in params.yaml"
            text = text.replace(old, new)
        (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
        return text

    make.root = tmp_path
    return make


def line(text, start):
    """Number of the line that begins with this, from 1."""
    (found,) = [n for n, at in enumerate(text.split("\n"), 1) if at.strip().startswith(start)]
    return found


def refused(root, name="ct", cls=CtParams):
    with pytest.raises(ParamsError) as error:
        load(root).section(name, cls)
    return str(error.value).split("\n")


def test_the_repositorys_own_sections_load(repository):
    loaded = load(repository)
    assert loaded.ct.spacing_mm == 1.5
    assert loaded.data.version in loaded.data.artificial
    assert 4 * 2 ** (len(loaded.model.channels) - 1) == loaded.ct.size


def test_every_fault_is_named_at_once_with_file_and_line(write):
    text = write(
        ("  version: v0", "  version: 2026-11-22"),  # mistyped: a date
        ("  hu_min: -1024", "  hu_minimum: -1024"),  # unknown, and one is missing
        ("  size: 32", "  size: true"),  # mistyped
        ("\n  stages:", "\n  stagess:"),
        ("    shift: 0.16", "    shift: 2.5"),  # out of range, nested
        ("  pictures: 4", "  seed: 1\n  pictures: 4"),  # duplicate
        ("resample:", "trian: {}\nresample:"),  # unknown section
        ("  shards: 4", "  shards: 4\n  shards: 5\n  shards: 6\n  #"),  # of another stage, thrice
    )
    ct, train = line(text, "ct:"), line(text, "train:")
    at = {start: line(text, start) for start in ("shift:", "stagess:", "trian:", "size:")}
    assert refused(write.root, "train", section_class("train")) == [
        f"params.yaml:{line(text, 'version:')}: data.version: 2026-11-22: neither text nor "
        "number: put it in quotes",
        f"params.yaml:{ct}: ct.hu_min: missing key",
        f"params.yaml:{line(text, 'hu_minimum:')}: ct.hu_minimum: unknown key",
        f"params.yaml:{at['size:']}: ct.size: must be a valid integer, is true",
        f"params.yaml:{at['trian:']}: trian: unknown section",
        f"params.yaml:{line(text, 'shards: 5')}: pack.shards: duplicate key, first in line "
        f"{line(text, 'shards: 4')}",
        f"params.yaml:{line(text, 'shards: 6')}: pack.shards: duplicate key, first in line "
        f"{line(text, 'shards: 4')}",
        f"params.yaml:{train}: train.stages: missing key",
        f"params.yaml:{at['stagess:']}: train.stagess: unknown key",
        f"params.yaml:{at['shift:']}: train.augment.shift: must be less than or equal to 0.5, "
        "is 2.5",
        f"params.yaml:{line(text, 'seed: 1')}: train.seed: duplicate key, first in line "
        f"{train + 1}",
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_names_its_own_faults_with_those_of_the_whole(write, stage):
    text = write(("hu_max: 3071", "hu_max: high"), (f"\n{stage}:", f"\n{stage}:\n  unheard: 1"))
    run = importlib.import_module(f"syda.stages.{stage}").run
    item = {"phantom": ["v0"], "validate": ["records"]}.get(stage, [])
    with pytest.raises(ParamsError) as error:
        run(write.root, *item)
    assert set(str(error.value).split("\n")) == {
        f'params.yaml:{line(text, "hu_max:")}: ct.hu_max: must be a valid integer, is "high"',
        f"params.yaml:{line(text, 'unheard:')}: {stage}.unheard: unknown key",
    }


def test_missing_sections_are_named(write):
    write(text=CT)
    assert refused(write.root) == sorted(
        f"params.yaml: {name}: missing section" for name in {*SHARED, *STAGES, *COMMANDS} - {"ct"}
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("size: 32", "size: 32.5", "ct.size: must be a valid integer"),
        ("size: 32", "size: [32]", "ct.size: must be a valid integer, is [32]"),
        ("spacing_mm: 1.5", "spacing_mm: '1.5'", 'ct.spacing_mm: must be a valid number, is "1.5"'),
        ("spacing_mm: 1.5", "spacing_mm: 0", "ct.spacing_mm: must be greater than 0, is 0"),
        ("spacing_mm: 1.5", "spacing_mm: .inf", "ct.spacing_mm: must be a finite number"),
        ("hu_min: -1024", "hu_min: 0", "ct: needs hu_min <= window_min"),
        ("hu_min: -1024", "1: -1024", "ct: holds a key that is no name"),
    ],
)
def test_wrong_types_and_ranges_are_refused(write, old, new, fault):
    write((f"  {old}", f"  {new}"))
    assert any(f": {fault}" in named for named in refused(write.root))


def test_a_section_that_is_no_mapping_is_refused(write):
    write(text="ct: 3\n")
    assert "params.yaml:1: ct: must be an object, is 3" in refused(write.root)


def test_numbers_without_a_point_are_numbers(write):
    write(("spacing_mm: 1.5", "spacing_mm: 15e-1"))
    assert load(write.root).ct.spacing_mm == 1.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nct: [", r"^params\.yaml:\d: not YAML: "),
        ("a: \x00", r"^params\.yaml: not YAML: "),
        ("- ct", "not a mapping"),
        ("# nothing", "not a mapping"),
    ],
)
def test_what_is_no_mapping_of_sections_is_refused(write, text, said):
    write(text=text)
    with pytest.raises(ParamsError, match=said) as error:
        load(write.root)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ParamsError, match="repository's root"):
        load(tmp_path)


def test_channels_must_lead_to_the_size(workspace):
    named = refused(workspace({"ct.size": 64}))
    assert [n.split(": ", 1)[1] for n in named] == [
        f"model.{key}: leads to 32 voxels a side, ct.size is 64; one entry for each of "
        "4, 8, ..., 64"
        for key in ("channels", "discriminator_channels")
    ]


def test_sections_are_frozen(repository):
    with pytest.raises(ValueError, match="frozen"):
        params.load(repository).ct.size = 3


def test_changed_values_are_checked_and_leave_the_rest_alone(repository):
    loaded = load(repository)
    other = loaded.changed({"train.generator_lr": 0.1, "train.augment.zoom": 0.5})
    found, before = (one.section("train", section_class("train")) for one in (other, loaded))
    assert (found.generator_lr, found.augment.zoom) == (0.1, 0.5)
    assert (before.generator_lr, before.augment.zoom) == (0.003, 0.0)
    with pytest.raises(ParamsError, match=r"params\.yaml:\d+: train\.r1_interval: must be greater"):
        loaded.changed({"train.r1_interval": -1}).section("train", section_class("train"))
    with pytest.raises(ParamsError, match=r"params\.yaml: train\.bach, lr: unknown key"):
        loaded.changed({"train.bach": 1, "lr": 1, "train.r1_interval": 1})


def test_every_section_of_the_repository_is_right(repository):
    loaded = load(repository)
    for stage in STAGES:
        assert issubclass(section_class(stage), Section)
        assert loaded.section(stage, section_class(stage))
