"""What a stage read, wrote, ran and was told: ``reports/manifest/<stage>.json``.

The chain from a figure in the card back to data, code and parameters is made of these files. They
hold no clock, host, user, absolute path or commit, so that the same run gives the same bytes.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from syda import paths
from syda.params import Section
from syda.runtime import closure
from syda.runtime.outputs import write_json


def digest_file(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(path: Path) -> dict[str, Any]:
    """Digest of a file, or of a folder as the sorted list of its relative names and digests.

    Only the digest leaves this function: names in a raw folder may identify a person.

    Returns:
        ``sha256``, ``files`` and ``bytes``.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    if path.is_file():
        sha256 = digest_file(path)
    else:
        sha256 = together((f.relative_to(path).as_posix(), digest_file(f)) for f in files)
    return {"sha256": sha256, "files": len(files), "bytes": sum(f.stat().st_size for f in files)}


def together(digests: Iterable[tuple[str, str]]) -> str:
    """sha256 of many files: of a line ``<sha256>  <name>`` each, in the order given.

    Names are bytes to the system: those that are no UTF-8 count as the bytes they are.
    """
    lines = "".join(f"{sha}  {name}\n" for name, sha in digests)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def code_digest(stage: str) -> dict[str, Any]:
    """sha256 of each module behind a stage (:mod:`syda.runtime.closure`), and of them all."""
    return _digest_modules(closure.modules_of(stage))


def code_digest_from(module: str) -> str:
    """sha256 of a module and of all that it leads to, for work that is no stage."""
    sha256: str = _digest_modules(closure.modules_from(module))["sha256"]
    return sha256


def _digest_modules(modules: Mapping[str, Path]) -> dict[str, Any]:
    files = {
        file.relative_to(closure.SOURCE).as_posix(): digest_file(file) for file in modules.values()
    }
    return {"sha256": together(files.items()), "files": files}


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


def made_by(stage: str, params: Mapping[str, Section | dict[str, Any]]) -> dict[str, Any]:
    """What decides a stage's results beside its input: code, libraries, parameters, Python."""
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
            "reads": {path.as_posix(): digest(root / path) for path in reads},
            "writes": {path.as_posix(): digest(root / path) for path in writes},
            "code": code_digest(stage),
            "params": plain(params),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "packages": package_versions(),
        },
    )
