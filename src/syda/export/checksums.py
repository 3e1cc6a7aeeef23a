"""SHA256SUMS of a release, as ``sha256sum`` writes and reads it."""

from collections.abc import Mapping
from pathlib import Path

from syda import paths
from syda.runtime.digest import sha256_of_file


def listing(folder: Path) -> str:
    """Lines ``<sha256>  <path>`` of all files below a folder but the list itself, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {file.relative_to(folder).as_posix(): sha256_of_file(file) for file in files}
    return "".join(
        f"{sha256}  {name}\n" for name, sha256 in digests.items() if name != paths.SHA256SUMS
    )


def read(text: str) -> Mapping[str, str]:
    """Digests by path, from the lines of a list."""
    pairs = (line.split("  ", 1) for line in text.splitlines())
    return {name: sha256 for sha256, name in pairs}
