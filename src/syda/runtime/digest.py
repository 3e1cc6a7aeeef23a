"""Digests of bytes, files, folders and JSON. Every sha256 and md5 of the project is made here.

Not here: identifiers that are derived from a hash (case ids, DICOM UIDs, the split).
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20  # bytes


def sha256_of(content: bytes | str) -> str:
    """Hexadecimal sha256 of bytes, or of a text in UTF-8.

    >>> sha256_of("abc")[:8]
    'ba7816bf'
    """
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_json(value: Any) -> str:
    """Hexadecimal sha256 of a value as JSON with sorted keys."""
    return sha256_of(json.dumps(value, sort_keys=True))


def csp_sha256(text: str) -> str:
    """Source expression of an inline style or script for a Content-Security-Policy (CSP 3)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def combined_digest(digests: Iterable[tuple[str, str]]) -> str:
    """sha256 of many files: of one line ``<sha256>  <name>`` each, in the given order.

    A name that is not UTF-8 counts as its bytes.

    Args:
        digests: name and sha256 of each file.
    """
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in digests)
    return sha256_of(lines.encode(errors="surrogateescape"))


def digest_path(path: Path) -> dict[str, Any]:
    """Digest of a file, or of a folder as the sorted list of its relative names and digests.

    The result holds no name: names in a raw folder may identify a person.

    Returns:
        ``sha256``, ``files`` and ``bytes``.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    if path.is_file():
        sha256 = sha256_of_file(path)
    else:
        sha256 = combined_digest((f.relative_to(path).as_posix(), sha256_of_file(f)) for f in files)
    return {"sha256": sha256, "files": len(files), "bytes": sum(f.stat().st_size for f in files)}


def md5_of(content: bytes) -> str:
    """Hexadecimal md5, by which DVC names its objects."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def dvc_folder_md5(files: Mapping[str, str]) -> str:
    """DVC's digest of a folder: md5 of the JSON list of its files, sorted by name.

    Args:
        files: md5 of each file by its name relative to the folder.
    """
    listing = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return f"{md5_of(json.dumps(listing, sort_keys=True).encode())}.dir"


@dataclass(frozen=True)
class FileDigest:
    """Digests and size of a file; where it cannot be read, ``error`` says why."""

    md5: str
    sha256: str
    size: int
    error: str = ""


def digest_file(file: Path) -> FileDigest:
    """Read a file once for both digests: md5 for DVC, sha256 for the manifests."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    try:
        with file.open("rb", buffering=0) as stream:
            buffer = memoryview(bytearray(_CHUNK))
            while count := stream.readinto(buffer):
                md5.update(buffer[:count])
                sha256.update(buffer[:count])
                size += count
    except OSError as error:
        return FileDigest("", "", 0, os.strerror(error.errno or 0))
    return FileDigest(md5.hexdigest(), sha256.hexdigest(), size)
