"""What a change reruns: DVC does not see Python imports, so its word is held against them."""

import functools
import json
import operator
import warnings
from collections import defaultdict
from pathlib import Path

import networkx as nx
import pytest
from ruamel.yaml import YAML

from syda.params import COMMANDS, STAGES
from syda.runtime.module_dependencies import modules_of
from syda.runtime.nested import flatten

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(
    path.relative_to(SRC).as_posix()
    for path in (SRC / "syda").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts and path.name != "__init__.py"
)
CLOSURES = {stage: set(modules_of(stage).values()) for stage in STAGES}


def behind(file):
    """Stages whose imports lead to a file, or to a module that reads it (template, style)."""
    path = SRC / file
    readers = {path}
    if path.suffix != ".py":
        folder, word = path.parent, path.name
        if folder.name == "templates":  # the names of some are put together
            folder, word = folder.parent, "templates"
        readers = {other for other in folder.glob("*.py") if word in other.read_text()}
        assert readers, f"{file}: no module of its package names it"
    return {stage for stage, files in CLOSURES.items() if readers & files}


def depend_on_package(stages, file):
    """Stages that depend on a whole folder with the file in it."""
    folders = {(name.split("@")[0], d.def_path) for name, s in stages.items() for d in s.deps}
    return {name for name, folder in folders if Path(folder) in Path("src", file).parents}


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
def test_a_changed_file_reruns_the_stages_that_import_it_and_no_other(touch, stages, file):
    assert touch(f"src/{file}") == behind(file) | depend_on_package(stages, file)


COPY_CHECK = {
    f"syda/metrics/{name}.py"
    for name in (
        *("cohorts", "copy_check", "efficientnet", "estimate", "features"),
        *("scans", "slices", "voxels"),
    )
}
"""What the gate of ``generate`` needs of the metrics."""


@pytest.mark.parametrize(
    "pattern",
    [
        "card/*",
        "metrics/*.py",
        "figures/*.py",
        "gallery/*",
        "expectations/*.py",
        "training/tracking.py",
        "runtime/*.py",
        "integrity/*.py",
        "tuning/*.py",
        "cli.py",
    ],
)
def test_what_never_retrains(with_what_follows, pattern):
    """An edited template, a new metric, a changed tracking call leave the model as it is."""
    files = [f for f in FILES if Path(f).match(pattern)]
    assert files
    for file in files:
        # A gate runs again; its report is the same, so what depends on it does not.
        rerun = with_what_follows(behind(file) - {"validate"})
        assert "train" not in rerun, file
        assert "generate" not in rerun or file in COPY_CHECK, file


def test_what_does_retrain(with_what_follows):
    rerun = with_what_follows(behind("syda/training/losses.py"))
    assert rerun >= {"train", "generate", "validate", "evaluate", "gallery", "card"}


def test_a_new_metric_is_seen(dvc, stages):
    """A folder as a dependency: a file that comes counts as a change."""
    file = Path(dvc.root_dir) / "src/syda/metrics/another.py"
    file.write_text('"""A metric."""\n')
    try:
        assert "evaluate" in changed(stages, "src")
    finally:
        file.unlink()


def first_keys():
    """The first key of each section, dotted, with its value."""
    document = YAML(typ="safe").load((SRC.parent / "params.yaml").read_text(encoding="utf-8"))
    return [next(iter(flatten({name: section}).items())) for name, section in document.items()]


@pytest.mark.parametrize(("key", "value"), first_keys())
def test_a_changed_key_reruns_the_stages_that_use_it_and_no_other(touch, declared, key, value):
    def edit(content):
        *sections, last = key.split(".")
        document = YAML(typ="safe").load(content)
        functools.reduce(operator.getitem, sections, document)[last] = [value, "changed"]
        return json.dumps(document).encode()  # JSON is YAML

    given = {name.split("@")[0] for name, one in declared.items() if key in one.params}
    assert bool(given) == (key.split(".")[0] not in COMMANDS)
    assert touch("params.yaml", edit) == given
