"""What a change reruns: DVC does not see Python imports, so its word is held against them."""

import json
import warnings
from collections import defaultdict
from pathlib import Path

import networkx as nx
import pytest
from ruamel.yaml import YAML

from syda.params import BESIDE, STAGES
from syda.runtime.closure import UNTRACKED, modules_of

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(
    path.relative_to(SRC).as_posix()
    for path in (SRC / "syda").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)
NO_PROCESSING = {
    "syda/__main__.py",
    "syda/cli.py",
    "syda/errors.py",
    "syda/params.py",
    "syda/paths.py",
    "syda/training/tracking.py",
    "syda/types.py",
}
"""Rerun nothing; nor do runtime, integrity, tools and tuning, and the docstring of a package."""


OF_TOOLS_ALONE = {"syda/sampling/projection.py"}
"""Domain modules that no stage imports: a command beside the pipeline does."""


CLOSURES = {stage: set(modules_of(stage).values()) for stage in STAGES}


def behind(file):
    """Stages whose imports lead to a file."""
    if not file.endswith(".py"):  # template, style, script
        return {Path(file).parts[1]}
    return {stage for stage, files in CLOSURES.items() if SRC / file in files}


def key_of(dep):
    return dep.def_path, *getattr(dep, "params", ())


def changed(stages, kind):
    """Stages that DVC would run for changes below a path; all items of one, or none."""
    verdicts = {}  # a module stands in several stages' lists: DVC is asked once
    found = defaultdict(set)
    for name, stage in stages.items():
        deps = [dep for dep in stage.deps if dep.def_path.startswith(kind)]
        for dep in deps:
            if key_of(dep) not in verdicts:
                verdicts[key_of(dep)] = bool(dep.workspace_status())
        found[name.split("@")[0]].add(any(verdicts[key_of(dep)] for dep in deps))
    assert all(len(items) == 1 for items in found.values()), "one item of a stage, not another"
    return {name for name, items in found.items() if items == {True}}


@pytest.fixture
def touch(dvc, stages):
    """Change a file of the copy, ask DVC what it would run, change it back."""

    def make(path, edit=lambda content: content + b"\n# changed\n"):
        file = Path(dvc.root_dir) / path
        content = file.read_bytes()
        file.write_bytes(edit(content))
        try:
            return changed(stages, path.split("/")[0])
        finally:
            file.write_bytes(content)

    return make


@pytest.fixture
def with_what_follows(dvc, stages):
    """Add the stages after some: what they write changes."""

    def make(names):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of pygtrie, inside DVC
            graph = dvc.index.graph  # from a stage to those it needs
        start = [stage for name, stage in stages.items() if name.split("@")[0] in names]
        after = {stage for first in start for stage in nx.ancestors(graph, first)}
        return names | {stage.name.split("@")[0] for stage in after}

    return make


def test_nothing_changed_reruns_nothing(stages):
    assert changed(stages, "src") == changed(stages, "params.yaml") == set()


@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_reruns_the_stages_that_import_it_and_no_other(touch, file):
    assert touch(f"src/{file}") == behind(file)


def test_the_exceptions_are_these():
    """Each other file, package docstrings apart, is behind some stage."""
    below = ("syda/runtime/", "syda/integrity/", "syda/tools/", "syda/tuning/")
    rooms = {file for file in FILES if file.startswith(below)}
    docstrings = {file for file in FILES if file.endswith("__init__.py")}
    exceptions = NO_PROCESSING | OF_TOOLS_ALONE | rooms | docstrings
    assert {file for file in FILES if not behind(file)} == exceptions
    named = {file.removesuffix(".py").replace("/", ".") for file in NO_PROCESSING}
    assert set(UNTRACKED) == named | {"syda.runtime"}


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("syda/card/*.*", {"card"}),
        ("syda/metrics/*.py", {"evaluate"}),
        ("syda/figures/*.py", {"evaluate"}),
        ("syda/gallery/*.*", {"gallery"}),
        ("syda/training/tracking.py", set()),
        ("syda/expectations/*.py", None),
        ("syda/runtime/*.py", set()),
        ("syda/sampling/projection.py", set()),
        ("syda/tools/*.py", set()),
        ("syda/tuning/*.py", set()),
    ],
)
def test_what_never_retrains(touch, with_what_follows, pattern, first):
    """An edited template, a new metric, a changed tracking call leave the model as it is."""
    files = [file for file in SRC.glob(pattern) if file.name != "__init__.py"]
    assert files
    for file in files:
        rerun = touch(f"src/{file.relative_to(SRC)}")
        if first is None:  # a gate runs again; its report, unchanged, stops there
            assert rerun == {"validate"}
        else:
            assert rerun == first
            assert not {"train", "generate"} & with_what_follows(rerun)


def test_what_does_retrain(touch, with_what_follows):
    rerun = with_what_follows(touch("src/syda/training/losses.py"))
    assert rerun == {"train", "generate", "validate", "evaluate", "gallery", "card"}


def test_a_new_metric_is_seen(dvc, stages):
    """A folder as a dependency: a file that comes counts as a change."""
    file = Path(dvc.root_dir) / "src/syda/metrics/another.py"
    file.write_text('"""A metric."""\n')
    try:
        assert changed(stages, "src") == {"evaluate"}
    finally:
        file.unlink()


PARAMETERS = [
    ("data.version", "v1"),
    ("data.artificial_key", "another-published-key"),
    ("ct.spacing_mm", 2.0),
    ("ct.hu_min", -1000),
    ("ct.window_max", 900),
    ("ct.size", 64),
    ("model.latent", 8),
    ("phantom.seed", 1),
    ("convert.select.min_slices", 3),
    ("resample.max_side", 5),
    ("validate.min_cases", 5),
    ("pack.shards", 3),
    ("train.augment.shift", 0.5),
    ("generate.seed", 9),
    ("evaluate.pairs", 3),
    ("gallery.real", 1),
    ("card.significant_digits", 3),
    ("shadow.steps", 3),
    ("tune.trials", 3),
]


def test_a_key_of_each_section_is_tried(told):
    tried = {key.split(".")[0] for key, _ in PARAMETERS}
    given = {key.split(".")[0] for one in told.values() for key in one.params}
    assert tried == given | set(BESIDE)


@pytest.mark.parametrize(("key", "value"), PARAMETERS)
def test_a_changed_key_reruns_the_stages_that_are_given_it_and_no_other(touch, told, key, value):
    def edit(content):
        *sections, last = key.split(".")
        document = place = YAML(typ="safe").load(content)
        for section in sections:
            place = place[section]
        assert place[last] != value
        place[last] = value
        return json.dumps(document).encode()  # JSON is YAML

    given = {name.split("@")[0] for name, one in told.items() if key in one.params}
    assert touch("params.yaml", edit) == given
