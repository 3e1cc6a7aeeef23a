"""The modules that a stage imports, directly and indirectly, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2]

UNTRACKED = (
    "syda.__main__",
    "syda.cli",
    "syda.errors",
    "syda.params",
    "syda.paths",
    "syda.runtime",
    "syda.training.tracking",
    "syda.types",
)
"""Modules and packages without processing: no stage depends on them or on their imports. The same
holds for the ``__init__`` of a package, which is a docstring."""


def _is_tracked(module: str) -> bool:
    return not any(module == name or module.startswith(f"{name}.") for name in UNTRACKED)


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_of(stage: str) -> dict[str, Path]:
    """Return the module of a stage and every ``syda`` module that it imports, sorted by name.

    Args:
        stage: name of a module of ``syda.stages``.
    """
    return modules_from(f"syda.stages.{stage}")


def modules_from(module: str) -> dict[str, Path]:
    """Return a module and every ``syda`` module that it imports, sorted by name."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = SOURCE.joinpath(*name.split(".")).with_suffix(".py")
        if name not in found and name.startswith("syda.") and _is_tracked(name) and file.is_file():
            found[name] = file
            waiting += _imports(file)
    return dict(sorted(found.items()))
