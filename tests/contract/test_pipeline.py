"""dvc.yaml, params.yaml, the code and the paths tell the same story."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from syda import params, paths
from syda.cli import app
from syda.export.registry import MODEL

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "syda"
WHOLE = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
DVC = WHOLE["stages"]
KEYS = {
    path: line
    for path, line in params.load(ROOT).source.lines.items()
    if not any(part.isdigit() for part in path)  # members of a list
}
LEAVES = {".".join(path) for path in KEYS} - {".".join(path[:-1]) for path in KEYS}
AXES = ("tune", "space")
"""Each axis below stands in one line, and ``space`` says what its keys mean."""


def body(stage):
    return DVC[stage].get("do", DVC[stage])


def items_of(stages, stage):
    """DVC's stages of one name: one, or one an item."""
    found = [s for name, s in stages.items() if name.split("@")[0] == stage]
    assert found, stage
    return found


def data(dependencies):
    """Paths of dependencies that are neither code nor parameters."""
    found = {dep.def_path for dep in dependencies}
    return {path for path in found if not path.startswith(("src/", "params.yaml"))}


def test_stages_have_the_same_names_everywhere():
    sections = {path[0] for path in KEYS if len(path) == 1}
    bare = [g.typer_instance.registered_callback for g in app.registered_groups]
    alone = [c for c in bare if c is not None and c.invoke_without_command]
    commands = {c.callback.__name__ for c in (*app.registered_commands, *alone)}
    assert set(params.STAGES) == set(DVC) == sections - {*params.SHARED, *params.COMMANDS}
    assert {*params.STAGES, *params.COMMANDS} <= commands


def test_a_stage_is_one_command_without_options(stage):
    words = body(stage)["cmd"].split()
    assert words[:2] == ["syda", stage]
    items = {"matrix": "${item.version}", "foreach": "${key}"}
    item = [text for key, text in items.items() if key in DVC[stage]]
    assert words[2:] == item


def test_a_stage_is_described(stage):
    assert re.fullmatch(r"[A-Z].{10,}[^.]", body(stage)["desc"])


def test_dvc_and_the_manifest_know_the_same_inputs(stage, stages, declared):
    for one in items_of(stages, stage):
        assert data(one.deps) == declared[one.name].reads


def test_dvc_and_the_manifest_know_the_same_outputs(stage, stages, declared):
    for one in items_of(stages, stage):
        _, _, item = one.name.partition("@")
        manifest = paths.manifest(stage, item or None).as_posix()
        assert {out.def_path for out in one.outs} == declared[one.name].writes | {manifest}


def test_dvc_and_the_manifest_know_the_same_parameters(stage, stages, declared):
    for one in items_of(stages, stage):
        in_dvc = {
            key
            for dep in one.deps
            if dep.def_path == "params.yaml"
            for name in dep.params
            for key in LEAVES
            if key == name or key.startswith(f"{name}.")
        }
        assert in_dvc == declared[one.name].params


def test_every_parameter_of_the_pipeline_is_used_by_a_stage(declared):
    """The sections of commands outside the pipeline rerun nothing."""
    used = set.union(*(one.params for one in declared.values()))
    assert used == {key for key in LEAVES if key.split(".")[0] not in params.COMMANDS}


def test_every_key_has_a_comment():
    text = (ROOT / "params.yaml").read_text(encoding="utf-8").split("\n")
    keys = {path: line for path, line in KEYS.items() if path[:2] != AXES or len(path) <= 3}
    lines = {line: ".".join(path) for path, line in keys.items()}
    assert len(lines) == len(keys)  # a line each
    assert not [key for n, key in lines.items() if not re.search(r"\s# \w.{3,}", text[n - 1])]
    assert not [n for n, line in enumerate(text, 1) if len(line) > 120]
    assert not [stage for stage in params.STAGES if "# stage: " not in text[KEYS[stage,] - 1]]


def test_paths_of_the_pipeline_stand_in_paths_py(stages):
    """Each path of dvc.yaml is one of paths.py, or lies in one."""
    named = {value for value in vars(paths).values() if isinstance(value, Path)}
    used = {
        Path(path)
        for one in stages.values()
        for path in data(one.deps) | {out.def_path for out in one.outs}
    }
    assert not {path for path in used if not named & {path, *path.parents}}


def test_what_is_released_is_what_export_writes(stages):
    """``gto`` and ``dvc artifacts get`` go by it; so does the registered model of MLflow."""
    (name,) = WHOLE["artifacts"]
    released = WHOLE["artifacts"][name]
    assert (name, released["path"], released["type"]) == (MODEL, str(paths.RELEASE), "model")
    (export,) = items_of(stages, "export")
    assert {out.def_path: out.use_cache for out in export.outs}[released["path"]]


def test_checkpoints_lie_where_no_stage_reads_or_writes_and_git_ignores_them(stages):
    """They hold the discriminator."""
    file = (paths.CHECKPOINTS / "0" / "1.pt").as_posix()
    for one in stages.values():
        for path in data(one.deps) | {out.def_path for out in one.outs}:
            assert not file.startswith(f"{path}/")
    assert (
        subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT, check=False).returncode == 0
    )
    users = {path.stem for path in SRC.rglob("*.py") if "paths.CHECKPOINTS" in path.read_text()}
    assert users == {"train"}


def test_what_torch_loads_is_plain_data():
    """Anything else in a file could run."""
    loads = [
        node
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert len(loads) >= 2
    for call in loads:
        (flag,) = [word.value for word in call.keywords if word.arg == "weights_only"]
        assert ast.unparse(flag) == "True"


def test_what_shows_real_voxels_is_never_in_git(stages):
    for one in stages.values():
        for out in one.outs:
            if out.use_cache:
                continue
            assert out.def_path.startswith(("reports/", "model_card/", "docs/crosswalk.md"))
            assert "real" not in out.def_path


@pytest.mark.parametrize("package", sorted(SRC.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_packages_hold_a_docstring_and_nothing_else(package):
    (only,) = ast.parse(package.read_text(encoding="utf-8")).body
    assert isinstance(only, ast.Expr)
