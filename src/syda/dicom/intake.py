"""What lies in a folder of raw data: its files, and those of its archives."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syda.dicom import archive
from syda.dicom.reject import Reason, SetAside
from syda.errors import SydaError


@dataclass(frozen=True)
class Opening:
    """An archive for a worker.

    Attributes:
        path: the archive.
        folder: where its files go; made there, and gone if it is refused.
        limits: what is too much.
    """

    path: Path
    folder: Path
    limits: archive.Limits


@dataclass(frozen=True)
class Refusal:
    """An archive that is not read.

    Attributes:
        sha256: of its content.
        reason: why.
        detail: numbers to it.
    """

    sha256: str
    reason: Reason
    detail: str


def files(folder: Path) -> list[Path]:
    """Return every file below a folder, sorted.

    Raises:
        OSError: a folder cannot be listed; none is passed over.
    """

    def fail(error: OSError) -> None:
        raise error

    walk = os.walk(folder, onerror=fail)
    paths = (Path(parent, name) for parent, _, names in walk for name in names)
    return sorted(path for path in paths if path.is_file())


def open_archive(opening: Opening) -> list[Refusal]:
    """Unpack one archive, or refuse it.

    Returns:
        Itself if it is refused, otherwise each archive inside it; empty where all was read.
    """
    try:
        archive.unpack(opening.path, opening.folder, opening.limits)
    except SetAside as fault:
        shutil.rmtree(opening.folder)
        return [Refusal(_sha256(opening.path), fault.reason, fault.detail)]
    refused = []
    for file in files(opening.folder):
        if archive.is_archive(file):
            refused.append(Refusal(_sha256(file), Reason.ARCHIVE_NESTED, ""))
            file.unlink()
    return refused


@contextmanager
def unnamed(folder: Path, shown: Path) -> Iterator[None]:
    """Tell a file that cannot be read without its name, which may be a person's.

    Args:
        folder: of raw data.
        shown: how a message calls it.

    Raises:
        SydaError: in the place of the system's error.
    """
    try:
        yield
    except OSError as error:
        if not error.filename or folder not in Path(os.fsdecode(error.filename)).parents:
            raise
        raise SydaError(
            f"a file or folder in {shown} cannot be read ({error.strerror}): let this user read "
            "all of it, or take it out"
        ) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
