"""Atomic outputs: written under a temporary name, then renamed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from syda.errors import UsageError


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Add the file name to an OSError without one, e.g. of a write to a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary sibling and rename it into place."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with _naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text as :func:`write_bytes` does."""
    write_bytes(path, content.encode())


def as_json(value: Any) -> bytes:
    """JSON with stable bytes: sorted keys, two spaces, no NaN.

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return f"{text}\n".encode()


def write_json(path: Path, value: Any) -> None:
    """Write JSON as :func:`as_json` gives it.

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    write_bytes(path, as_json(value))


def require_empty(folder: Path, command: str) -> None:
    """Check that a command may write a folder: it does not exist yet, or is empty.

    Raises:
        UsageError: it holds something, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{command}: {folder} exists and is no empty folder: name another --out")


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` that is gone when the block ends, however it does."""
    temporary = path.with_name(f".{path.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    try:
        with _naming(path):
            temporary.mkdir(parents=True)
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that becomes ``path`` when the block ends without error."""
    with scratch_folder(path) as temporary:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
