"""dvc.yaml, the code and the paths tell the same story: DVC does not see Python imports."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from syda import paths
from syda.cli import app
from syda.runtime.closure import modules_of

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
NAMES = sorted(STAGES)


def body(stage):
    return STAGES[stage].get("do", STAGES[stage])


def expanded(stage, path):
    """The paths that a templated one stands for."""
    items = STAGES[stage].get("foreach", {None: None}).items()
    return [path.replace("${key}", str(k)).replace("${item}", str(v)) for k, v in items]


def closure(stage):
    return set(modules_of(stage).values())


def declared_code(stage):
    files = set()
    for dep in body(stage)["deps"]:
        path = ROOT / dep if "${" not in dep else None
        if path is not None and SRC in path.parents:
            assert path.exists(), f"{stage}: {dep} does not exist"
            files |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return {file for file in files if file.name != "__init__.py"}


def outs(stage):
    return [out if isinstance(out, str) else next(iter(out)) for out in body(stage)["outs"]]


@pytest.mark.parametrize("stage", NAMES)
def test_every_imported_module_is_a_dep(stage):
    missing = closure(stage) - declared_code(stage)
    assert not missing, sorted(str(f.relative_to(ROOT)) for f in missing)


@pytest.mark.parametrize("stage", NAMES)
def test_no_dep_is_without_use(stage):
    unused = declared_code(stage) - closure(stage)
    if stage == "train":  # the whole of model/ is one dep; a training never builds a layer table
        unused -= set((SRC / "syda/model").glob("*.py"))
    assert not unused, sorted(str(f.relative_to(ROOT)) for f in unused)


@pytest.mark.parametrize("package", sorted(SRC.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_packages_hold_a_docstring_and_nothing_else(package):
    (only,) = ast.parse(package.read_text(encoding="utf-8")).body
    assert isinstance(only, ast.Expr)


def test_stages_are_modules_and_commands():
    modules = {p.stem for p in (SRC / "syda/stages").glob("*.py")} - {"__init__"}
    commands = {c.callback.__name__ for c in app.registered_commands}
    assert modules == set(NAMES)
    assert modules <= commands


@pytest.mark.parametrize("stage", NAMES)
def test_commands_carry_no_option(stage):
    words = body(stage)["cmd"].split()
    assert words[:2] == ["syda", stage]
    assert len(words) <= 3
    assert not any(word.startswith("-") for word in words)


@pytest.mark.parametrize("stage", NAMES)
def test_each_stage_is_described_and_has_a_manifest(stage):
    assert body(stage)["desc"]
    assert any(out.startswith(f"{paths.MANIFEST}/{stage}") for out in outs(stage))


def test_paths_are_those_of_the_code():
    known = {
        value.as_posix()
        for value in vars(paths).values()
        if isinstance(value, Path) and value.parts[0] in {"data", "reports", "model_card"}
    }
    written = [(stage, out) for stage in NAMES for out in outs(stage)]
    read = [(stage, d) for stage in NAMES for d in body(stage)["deps"] if not d.startswith("src/")]
    for path in {p for stage, templated in written + read for p in expanded(stage, templated)}:
        plain = path.split("${")[0].rstrip("/-")
        assert any(plain == k or plain.startswith(f"{k}/") for k in known), path


def test_what_shows_real_voxels_is_never_in_git():
    for stage in NAMES:
        for out in body(stage)["outs"]:
            if isinstance(out, dict):
                ((path, options),) = out.items()
                assert options == {"cache": False}
                assert path.startswith(("reports/", "model_card/"))
                assert "real" not in path
