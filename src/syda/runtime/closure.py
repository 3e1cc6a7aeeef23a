"""The modules behind a stage: what it imports, and what those import.

Read from the source, so that the answer does not depend on which branch ran.
"""

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
"""Modules and rooms that hold no processing: no stage depends on their bytes, nor on what they
import. Nor does one on a package's ``__init__``, which holds a docstring and nothing else."""


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
    """Return the stage's module and every ``syda`` module it leads to, by name, sorted.

    Args:
        stage: name of a module of ``syda.stages``.
    """
    return modules_from(f"syda.stages.{stage}")


def modules_from(module: str) -> dict[str, Path]:
    """Return a module and every ``syda`` module it leads to, by name, sorted."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = SOURCE.joinpath(*name.split(".")).with_suffix(".py")
        if name not in found and name.startswith("syda.") and _is_tracked(name) and file.is_file():
            found[name] = file
            waiting += _imports(file)
    return dict(sorted(found.items()))
