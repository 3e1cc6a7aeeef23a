"""Files of a raw data folder: found, unpacked from archives, and grouped by series."""

import errno
import os
import shutil
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syda.dicom import archive, identity, series
from syda.dicom.config import ArchiveParams
from syda.dicom.outcome import Outcome
from syda.dicom.reject import InputRejected, Reason, reject_on_error
from syda.errors import SydaError, UsageError
from syda.runtime import engine
from syda.runtime.digest import sha256_of_file

_FILES_PER_BATCH = 128


@dataclass(frozen=True)
class UnpackTask:
    """One archive for a worker.

    Attributes:
        path: the archive.
        folder: new folder for its files. It is removed again if the archive is rejected.
        params: limits of an archive.
    """

    path: Path
    folder: Path
    params: ArchiveParams


@dataclass(frozen=True)
class RejectedArchive:
    """An archive that is not read.

    Attributes:
        sha256: digest of its content.
        reason: reason code.
        detail: numbers that explain it.
    """

    sha256: str
    reason: Reason
    detail: str = ""


def list_files(folder: Path) -> list[Path]:
    """Return every file below a folder, sorted.

    Raises:
        OSError: a folder cannot be listed, a link leads nowhere, or something is neither file nor
            folder. It is not skipped.
        UsageError: links to folders. DVC does not version what they lead to.
    """

    def fail(error: OSError) -> None:
        raise error

    linked, paths = 0, []
    for parent, folders, names in os.walk(folder, onerror=fail):
        linked += sum(Path(parent, name).is_symlink() for name in folders)
        paths += [Path(parent, name) for name in names]
    if linked:
        raise UsageError(
            f"{linked} of the folders with scans are links: DVC does not version what a link leads "
            "to. Put the folders themselves there, or give the folder that they lead to"
        )
    for path in paths:
        if not path.is_file():
            kind = "a link leads nowhere" if path.is_symlink() else "neither a file nor a folder"
            raise FileNotFoundError(errno.ENOENT, kind, str(path))
    return sorted(paths)


def unpack_archive(task: UnpackTask) -> list[RejectedArchive]:
    """Unpack one archive.

    Returns:
        The archive itself if it is rejected, otherwise each archive inside it. A compressed DICOM
        file inside it is unpacked.
    """
    try:
        archive.unpack(task.path, task.folder, task.params)
    except InputRejected as error:
        shutil.rmtree(task.folder)
        return [RejectedArchive(sha256_of_file(task.path), error.reason, error.detail)]
    rejected = []
    for file in list_files(task.folder):
        if archive.is_archive(file):
            if archive.is_packed_file(file):
                inner = UnpackTask(file, file.with_suffix(".unpacked"), task.params)
                rejected += unpack_archive(inner)
            else:
                rejected.append(RejectedArchive(sha256_of_file(file), Reason.ARCHIVE_NESTED))
            file.unlink()
    return rejected


def unpack_archives(
    files: list[Path], unpacked: Path, params: ArchiveParams, key: bytes
) -> tuple[list[Path], list[Outcome]]:
    """Replace the archives among files by the files in them.

    Args:
        files: files of any kind.
        unpacked: folder for the content of archives.
        params: limits of an archive.
        key: key of the pseudonyms.

    Returns:
        The files, and an outcome for each rejected archive.
    """
    archives = [file for file in files if archive.is_archive(file)]
    if not archives:
        return files, []
    tasks = [
        UnpackTask(path, unpacked / str(number), params)
        for number, path in enumerate(archives, start=1)
    ]
    rejected = [
        Outcome(identity.archive_pseudonym(key, one.sha256), reason=one.reason, detail=one.detail)
        for found in engine.parallel_map(unpack_archive, tasks, "unpack", "archives")
        for one in found
    ]
    return sorted({*files} - {*archives}) + list_files(unpacked), rejected


def group_by_series(files: Sequence[Path]) -> tuple[dict[str, list[Path]], Counter[Reason]]:
    """Group CT slices by SeriesInstanceUID, and count the other files by reason."""
    batches = [files[i : i + _FILES_PER_BATCH] for i in range(0, len(files), _FILES_PER_BATCH)]
    groups: dict[str, list[Path]] = defaultdict(list)
    ignored: Counter[Reason] = Counter()
    for batch in engine.parallel_map(_read_series_uids, batches, "index", "batches"):
        for found in batch:
            if isinstance(found, Reason):
                ignored[found] += 1
            else:
                groups[found[0]].append(found[1])
    return groups, ignored


def _read_series_uids(files: Sequence[Path]) -> list[tuple[str, Path] | Reason]:
    found: list[tuple[str, Path] | Reason] = []
    for file in files:
        try:
            with warnings.catch_warnings(action="ignore"), reject_on_error(Reason.DAMAGED):
                found.append((series.series_uid(file), file))
        except InputRejected as error:
            found.append(error.reason)
    return found


@contextmanager
def names_hidden(folder: Path, shown: Path) -> Iterator[None]:
    """Hide the name of an unreadable raw file in the error: it may be the name of a person.

    Args:
        folder: folder of raw data.
        shown: what the message calls this folder.

    Raises:
        SydaError: a file or folder in ``folder`` cannot be read.
    """
    try:
        yield
    except OSError as error:
        if not error.filename or folder not in Path(os.fsdecode(error.filename)).parents:
            raise
        raise SydaError(
            f"a file or folder in {shown} cannot be read ({error.strerror}): give this user read "
            "access to all of it, or remove it"
        ) from None
