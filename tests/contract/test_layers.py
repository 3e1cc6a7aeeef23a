"""The house: cli -> tuning, tools -> stages -> domain packages -> types, errors; no arrow runs up.

Beside the stages, under the command line as they are: integrity.
"""

import ast
import sys
from pathlib import Path

import networkx as nx
import pytest

SRC = Path(__file__).parents[2] / "src"
MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts): path
    for path in sorted((SRC / "syda").rglob("*.py"))
    if path.name != "__init__.py"
}
GROUND = {"types", "errors"}
"""Everybody may know these; they know nobody."""
NOT_DOMAIN = {
    "cli",
    "integrity",
    "tuning",
    "tools",
    "stages",
    "runtime",
    "params",
    "paths",
    "__main__",
    *GROUND,
}
DOMAIN_MAY_RUN = {"syda.runtime.progress", "syda.runtime.outputs"}


def room(module):
    """Package below ``syda``, or the module itself where it stands alone."""
    return module.split(".")[1]


ROOMS = {room(module) for module in MODULES}
DOMAIN = sorted(ROOMS - NOT_DOMAIN)


def imports(path):
    """Names that a file imports, inside functions too: modules, and what comes from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            yield from (
                name if (name := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            )


USES = {module: set(imports(path)) for module, path in MODULES.items()}


def own(module):
    """Modules of this project that a module imports."""
    return {name for name in USES[module] if name.split(".")[0] == "syda"}


def others(module):
    """Top-level packages from outside that a module imports."""
    return {name.split(".")[0] for name in USES[module]} - {"syda"} - sys.stdlib_module_names


def in_room(name):
    return [module for module in MODULES if room(module) == name]


def test_every_import_of_the_project_is_a_module():
    """Packages hold a docstring alone, so what is imported from ``syda`` is always a module."""
    assert not {name for module in MODULES for name in own(module)} - set(MODULES)


@pytest.mark.parametrize("name", sorted(GROUND))
def test_the_ground_knows_nobody(name):
    assert own(f"syda.{name}") == set()


@pytest.mark.parametrize("name", DOMAIN)
def test_domain_packages_know_no_one_above(name):
    for module in in_room(name):
        above = {used for used in own(module) if room(used) in NOT_DOMAIN - GROUND}
        assert above <= DOMAIN_MAY_RUN, module


def test_stages_know_neither_the_command_line_nor_each_other():
    for module in in_room("stages"):
        assert not {used for used in own(module) if room(used) in {"cli", "__main__", "stages"}}


def test_what_runs_a_stage_knows_no_stage_and_no_domain():
    allowed = {"runtime", "params", "paths", *GROUND}
    for module in in_room("runtime"):
        assert {room(used) for used in own(module)} <= allowed, module


def test_what_a_domain_package_may_run_knows_nothing():
    for module in DOMAIN_MAY_RUN:
        assert own(module) == set()


def test_the_parameters_know_paths_and_errors():
    assert own("syda.params") == {"syda.paths", "syda.errors"}
    assert own("syda.paths") == set()


def test_the_command_line_is_imported_by_nobody_but_the_package():
    users = {module for module in MODULES if "syda.cli" in own(module)}
    assert users == {"syda.__main__"}


def test_what_checks_a_repository_is_called_by_the_command_line_alone():
    users = {
        room(module) for module in MODULES for used in own(module) if room(used) == "integrity"
    }
    assert users == {"cli", "integrity"}


def test_what_searches_is_called_by_the_command_line_alone():
    """It stands on the stage whose parameters it tries; no stage depends on it."""
    users = {room(module) for module in MODULES for used in own(module) if room(used) == "tuning"}
    assert users == {"cli", "tuning"}
    stages = {used for module in in_room("tuning") for used in own(module)}
    assert {used for used in stages if room(used) == "stages"} == {"syda.stages.train"}


def test_tools_are_called_by_the_command_line_alone():
    """They use what the pipeline made; no stage depends on them."""
    users = {room(module) for module in MODULES for used in own(module) if room(used) == "tools"}
    assert users <= {"cli", "tools"}
    for module in in_room("tools"):
        assert not {used for used in own(module) if room(used) in {"cli", "integrity", "tuning"}}


def test_the_command_line_starts_without_a_stage():
    """A stage's imports take seconds; --help must not."""
    tree = ast.parse(MODULES["syda.cli"].read_text(encoding="utf-8"))
    top = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in top if name.split(".")[0] == "syda"} == {"syda.errors", "syda.runtime"}
    assert own("syda.runtime.guard") == {"syda.paths", "syda.errors"}
    assert others("syda.runtime.guard") == set()


def test_the_model_imports_torch_alone():
    for module in in_room("model"):
        assert others(module) <= {"torch"}, module
        assert {room(used) for used in own(module)} <= {"model"}, module


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("mlflow", "syda.training.tracking"),
        ("great_expectations", "syda.expectations.runner"),
        ("optuna", "syda.tuning.study"),
    ],
)
def test_one_module_imports(package, module):
    assert [name for name in MODULES if package in others(name)] == [module]


def test_packages_form_no_circle():
    graph = nx.DiGraph(
        (room(module), room(used))
        for module in MODULES
        for used in own(module)
        if room(module) != room(used)
    )
    assert list(nx.simple_cycles(graph)) == []


def test_modules_form_no_circle():
    graph = nx.DiGraph((module, used) for module in MODULES for used in own(module))
    assert list(nx.simple_cycles(graph)) == []


def test_the_data_half_needs_no_torch():
    """It takes a second or more to import, for each stage and each worker."""
    from syda.runtime.closure import modules_of

    for stage in ("phantom", "convert", "resample", "pack"):
        assert not {m for m in modules_of(stage) if m in MODULES and "torch" in others(m)}, stage
