"""A fetched data version: the list that it comes from, and its file of DVC."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from syda import paths
from syda.errors import CorruptData
from syda.runtime.outputs import write_json, write_text

FILE = paths.SOURCES / "versions.json"
"""Data version to name of its list. git tracks it, and the card reads it."""

_DVC_FILE = """\
outs:
- path: {version}
  push: false  # raw scans stay here; remove this line to let `dvc push` send them to the remote
"""
"""DVC keeps the line when ``dvc add`` completes the file."""


def lists(root: Path) -> dict[str, str]:
    """Return the name of the list of each fetched data version.

    Raises:
        CorruptData: the file is malformed.
    """
    if not (root / FILE).exists():
        return {}
    try:
        return TypeAdapter(dict[str, str]).validate_json((root / FILE).read_bytes())
    except ValidationError as error:
        raise CorruptData(f"fetch: {FILE}: malformed: `git checkout {FILE}`") from error


def register(root: Path, version: str, name: str) -> None:
    """Write down the list of a data version, and keep ``dvc push`` from sending its scans.

    A file of DVC that is there already stays as it is.

    Raises:
        CorruptData: the file of the lists is malformed.
    """
    write_json(root / FILE, lists(root) | {version: name})
    if not (root / _dvc_path(version)).exists():
        write_text(root / _dvc_path(version), _DVC_FILE.format(version=version))


def is_pushed(root: Path, version: str) -> bool:
    """Whether ``dvc push`` sends the scans of a registered data version."""
    out = YAML(typ="safe").load(root / _dvc_path(version))["outs"][0]
    return bool(out.get("push", True))


def _dvc_path(version: str) -> Path:
    return paths.RAW / f"{version}.dvc"
