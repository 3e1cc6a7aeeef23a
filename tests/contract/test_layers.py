"""Imports run one way: cli, stages, packages, runtime, params, paths, types and errors.

Beside the command line stands api, the functions of ``import syda``.
"""

import ast
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

from syda.runtime.module_dependencies import modules_of

SRC = Path(__file__).parents[2] / "src"
MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts): path
    for path in sorted((SRC / "syda").rglob("*.py"))
    if path.name != "__init__.py"
}
BASE = {"runtime", "params", "paths", "types", "errors"}
"""Packages that every package may import."""

BASE_IMPORTS = {
    "types": set(),
    "errors": set(),
    "paths": set(),
    "params": {"paths", "errors"},
    "runtime": BASE,
}
"""Packages that each package of the base may import."""


def package_of(module):
    """Package below ``syda``, or the module itself where it stands alone."""
    return module.split(".")[1]


def imports(path):
    """Yield the names that a file imports, inside functions too: modules and their members."""
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


def project_imports(module):
    return {name for name in USES[module] if name.split(".")[0] == "syda"}


def external_imports(module):
    return {name.split(".")[0] for name in USES[module]} - {"syda"} - sys.stdlib_module_names


def modules_in(name):
    return [module for module in MODULES if package_of(module) == name]


def packages_that_import(name):
    return {
        package_of(m) for m in MODULES for used in project_imports(m) if package_of(used) == name
    } - {name}


def test_every_import_of_the_project_names_a_module():
    """Packages hold a docstring alone, so what is imported from ``syda`` is always a module."""
    assert not {name for module in MODULES for name in project_imports(module)} - set(MODULES)


@pytest.mark.parametrize(("name", "allowed"), BASE_IMPORTS.items())
def test_the_base_imports_no_package_above_it(name, allowed):
    for module in modules_in(name):
        assert {package_of(used) for used in project_imports(module)} <= allowed, module


@pytest.mark.parametrize("name", ["stages", "integrity", "tuning"])
def test_only_the_command_line_imports(name):
    assert packages_that_import(name) == {"cli"}


def test_only_the_package_imports_the_command_line_and_nothing_the_public_api():
    assert packages_that_import("cli") == {"__main__"}
    assert packages_that_import("api") == set()


def test_the_public_api_uses_the_packages_below_the_stages_alone():
    above = {"cli", "stages", "integrity", "tuning"}
    assert not {package_of(used) for used in project_imports("syda.api")} & above


def test_importing_the_package_imports_no_heavy_library():
    """The names of the API are resolved when they are used."""
    code = "import sys, syda; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "syda" in loaded
    assert not loaded & {"torch", "monai", "lightning", "numpy", "pydantic", "scipy"}


def test_stages_do_not_import_each_other():
    for module in modules_in("stages"):
        assert not {used for used in project_imports(module) if package_of(used) == "stages"}, (
            module
        )


def test_the_command_line_starts_without_a_stage():
    """The imports of a stage take seconds; --help must not wait for them."""
    tree = ast.parse(MODULES["syda.cli"].read_text(encoding="utf-8"))
    top = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in top if name.split(".")[0] == "syda"} == {"syda.errors", "syda.runtime"}
    assert project_imports("syda.runtime.guard") == {"syda.paths", "syda.errors"}
    assert external_imports("syda.runtime.guard") == set()


def test_the_model_imports_torch_alone():
    for module in modules_in("model"):
        assert external_imports(module) <= {"torch"}, module
        assert {package_of(used) for used in project_imports(module)} <= {"model"}, module


@pytest.mark.parametrize(
    ("library", "packages"),
    [
        ("mlflow", {"runtime", "training", "export"}),  # store, log of a training, registry
        ("great_expectations", {"expectations"}),
        ("onnx", {"export"}),
        ("optuna", {"tuning"}),
    ],
)
def test_these_packages_alone_import(library, packages):
    found = {package_of(module) for module in MODULES if library in external_imports(module)}
    assert found == packages


@pytest.mark.parametrize("name", [package_of, str])
def test_packages_and_modules_form_no_circle(name):
    graph = nx.DiGraph(
        (name(module), name(used))
        for module in MODULES
        for used in project_imports(module)
        if name(module) != name(used)
    )
    assert list(nx.simple_cycles(graph)) == []


def test_every_module_is_used_by_a_command_or_the_public_api():
    graph = nx.DiGraph((module, used) for module in MODULES for used in project_imports(module))
    starts = {"syda.__main__", "syda.api"} & set(MODULES)
    assert set(MODULES) == starts.union(*(nx.descendants(graph, start) for start in starts))


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        *((stage, {"torch", "monai"}) for stage in ("phantom", "convert", "resample", "pack")),
        *((stage, {"monai"}) for stage in ("gallery", "validate")),
    ],
)
def test_a_stage_does_not_import_what_it_does_not_need(name, packages):
    """torch and MONAI take seconds to import, for each stage and each worker."""
    used = {module for module in modules_of(name) if module in MODULES}
    assert not {module for module in used if packages & external_imports(module)}
