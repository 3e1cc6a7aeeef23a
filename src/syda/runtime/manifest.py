"""Inputs, outputs, code and parameters of a stage: ``reports/manifest/<stage>.json``.

These files lead from a figure of the card back to data, code and parameters. They hold no clock,
host, user, absolute path or commit, so that the same run gives the same bytes.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from syda import paths
from syda.params import Section
from syda.runtime import module_dependencies
from syda.runtime.digest import combined_digest, digest_path, sha256_of_file
from syda.runtime.outputs import write_json


def code_digest(stage: str) -> dict[str, Any]:
    """sha256 of each module that a stage depends on, and of all of them."""
    return _digest_modules(module_dependencies.modules_of(stage))


def code_digest_from(module: str) -> str:
    """sha256 of a module and of its imports, for work that is no stage."""
    sha256: str = _digest_modules(module_dependencies.modules_from(module))["sha256"]
    return sha256


def _digest_modules(modules: Mapping[str, Path]) -> dict[str, Any]:
    files = {
        file.relative_to(module_dependencies.SOURCE).as_posix(): sha256_of_file(file)
        for file in modules.values()
    }
    return {"sha256": combined_digest(files.items()), "files": files}


def package_versions() -> dict[str, str]:
    """Versions of the project's direct dependencies that this process has imported.

    Without the local part: ``2.13.0`` is the same release as ``2.13.0+cpu``.
    """
    owners = metadata.packages_distributions()
    loaded = {
        _canonical(owner)
        for name in sys.modules
        if "." not in name
        for owner in owners.get(name, ())
    }
    return {name: version for name, version in direct_dependencies().items() if name in loaded}


def direct_dependencies() -> dict[str, str]:
    """Versions of the project's direct dependencies, imported or not, by name."""
    names = {
        _canonical(re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0])
        for requirement in metadata.requires("syda") or ()
        if "extra ==" not in requirement
    }
    return {name: metadata.version(name).split("+")[0] for name in sorted(names)}


def plain(params: Mapping[str, Section | dict[str, Any]]) -> dict[str, Any]:
    """Sections of params.yaml, or the keys used of them, as JSON holds them."""
    return {
        name: value.model_dump(mode="json") if isinstance(value, Section) else value
        for name, value in params.items()
    }


def fingerprint(stage: str, params: Mapping[str, Section | dict[str, Any]]) -> dict[str, Any]:
    """Code, libraries, parameters and Python of a stage: they and the inputs decide the result."""
    return {
        "code": code_digest(stage)["sha256"],
        "libraries": direct_dependencies(),
        "params": plain(params),
        "python": sys.version,
    }


def _canonical(name: str) -> str:
    """Normal form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write(
    root: Path,
    stage: str,
    item: str | None,
    *,
    reads: Sequence[Path],
    writes: Sequence[Path],
    params: Mapping[str, Section | dict[str, Any]],
) -> None:
    """Write the manifest of a finished stage.

    Args:
        root: repository root.
        stage: name of the stage.
        item: of the stage's matrix, or None.
        reads: files and folders it read, relative to root.
        writes: files and folders it wrote, relative to root.
        params: the sections of params.yaml it was given, or the keys it uses of them.
    """
    write_json(
        root / paths.manifest(stage, item),
        {
            "stage": stage,
            "item": item,
            "reads": {path.as_posix(): digest_path(root / path) for path in reads},
            "writes": {path.as_posix(): digest_path(root / path) for path in writes},
            "code": code_digest(stage),
            "params": plain(params),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "packages": package_versions(),
        },
    )
