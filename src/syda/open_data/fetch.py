"""``syda fetch NAME --version V``: the series of a pinned list as ``data/raw/V``.

A series is downloaded beside the data version, checked, and renamed into it. So an interrupted
fetch goes on with the series that is missing, and ``data/raw/V`` never holds an unchecked file.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.open_data import data_version, digests, source
from syda.open_data.bucket import PUBLIC_ENDPOINT, Bucket, BucketObject, executable
from syda.open_data.check import check_series
from syda.params import load
from syda.runtime import disk, guard, progress
from syda.runtime.digest import digest_path
from syda.runtime.outputs import scratch_folder


@dataclass(frozen=True)
class FetchOptions:
    """Options of the command.

    Attributes:
        version: data version to write.
        limit: number of patients from the start of the list, or None for all.
        endpoint: URL of the server.
        retries: number of retries of a failed request.
    """

    version: str
    limit: int | None = None
    endpoint: str = PUBLIC_ENDPOINT
    retries: int = 5


@dataclass(frozen=True)
class _Fetch:
    """What the series of one command share.

    Attributes:
        bucket: to read.
        recorded: digests of the first fetch.
        folder: of the data version.
    """

    bucket: Bucket
    recorded: digests.DigestFile
    folder: Path

    def has(self, series: source.PinnedSeries) -> bool:
        """Whether the data version holds a series, and holds it as it was fetched."""
        target = self.folder / series.folder
        if not target.exists():
            return False
        try:
            digest = self.recorded.digest(series.folder)
            if digest is None:
                self._record(series, target, self.bucket.list_objects(series.folder))
            elif digest != digest_path(target)["sha256"]:
                raise CheckFailed(f"{series.folder}: other bytes than at the first fetch")
        except CheckFailed as fault:
            progress.log(f"warning: fetch: {fault}, in {target.parent.name}: it is fetched again")
            return False
        return True

    def get(
        self, series: source.PinnedSeries, scratch: Path, report: Callable[[int], None]
    ) -> None:
        """Download a series into ``scratch``, check it and rename it into the data version."""
        partial, target = scratch / series.folder, self.folder / series.folder
        objects = self.bucket.list_objects(series.folder)
        if not objects:
            raise CheckFailed(f"{series.folder}: the bucket has no files of it")
        partial.mkdir()
        self.bucket.download(series.folder, partial, report)
        self._record(series, partial, objects)
        if target.exists():
            shutil.rmtree(target)
        self.folder.mkdir(exist_ok=True)
        partial.replace(target)

    def _record(
        self, series: source.PinnedSeries, folder: Path, objects: list[BucketObject]
    ) -> None:
        digest = self.recorded.digest(series.folder)
        row = check_series(series, folder, objects, digest)
        if digest is None:
            self.recorded.add(row)


def run(root: Path, name: str, options: FetchOptions) -> list[str]:
    """Fetch the series that are missing or altered.

    Args:
        root: of the repository.
        name: of the list in ``data/sources``.
        options: of the command.

    Returns:
        Lines to print: what is here, and the next commands.

    Raises:
        CheckFailed: a series is faulty; the others are fetched all the same.
        CorruptData: the list or its digests are malformed.
        SydaError: the server does not answer, or the disk is too small.
        UsageError: no such list, a version that is something else, or no s5cmd.
    """
    pinned = source.load(root, name)
    folder = _version_folder(root, pinned, options.version)
    executable()
    wanted = pinned.series[: options.limit]
    with guard.exclusive(root, "fetch"):
        recorded = digests.load(root, name)
        before = set(recorded.rows)
        bucket = Bucket(pinned.description.bucket, options.endpoint, options.retries)
        fetch = _Fetch(bucket, recorded, folder)
        found = progress.track(wanted, len(wanted), "check what is here", "series")
        missing = [series for series in found if not fetch.has(series)]
        faults = _get(fetch, wanted, missing)
        if folder.exists():
            data_version.register(root, options.version, name)
    if faults:
        raise CheckFailed(
            f"fetch: {len(faults)} of {len(wanted)} series are faulty and were not added to "
            f"{paths.RAW / options.version}: {'; '.join(faults)}: run it again"
        )
    return _summary(root, pinned, wanted, options, [f for f in recorded.rows if f not in before])


def _version_folder(root: Path, pinned: source.OpenDataSource, version: str) -> Path:
    if not re.fullmatch(r"\w[\w.-]*", version):
        raise UsageError(f"fetch: {version!r}: a version is a folder name such as v2")
    if version in load(root).data.artificial:
        raise UsageError(f"fetch: {version} is an artificial cohort: name another --version")
    folder = root / paths.RAW / version
    others = {path.name for path in folder.iterdir()} if folder.exists() else set()
    others -= {series.folder for series in pinned.series}
    if others:  # a name may be that of a person, so it is not shown
        raise UsageError(
            f"fetch: {paths.RAW / version} holds {len(others)} files or folders that are not in "
            f"{pinned.name}: name another --version"
        )
    return folder


def _get(
    fetch: _Fetch, wanted: tuple[source.PinnedSeries, ...], missing: list[source.PinnedSeries]
) -> list[str]:
    """Fetch the missing series and return the faults."""
    total, left = (sum(series.size for series in part) for part in (wanted, missing))
    fetch.folder.parent.mkdir(parents=True, exist_ok=True)
    disk.require_free(fetch.folder.parent, left, "fetch")
    faults: list[str] = []
    with (
        scratch_folder(fetch.folder) as scratch,
        progress.bar(total, "fetch", "B", total - left, scale=True) as bar,
    ):
        for series in missing:
            try:
                fetch.get(series, scratch, lambda count: _advance(bar, count))
            except CheckFailed as fault:
                progress.log(f"fetch: {fault}")
                faults.append(str(fault))
    return faults


def _advance(bar: Any, count: int) -> None:
    bar.set_postfix_str(f"{max(bar.total - bar.n - count, 0) / 1e6:,.0f} MB left", refresh=False)
    bar.update(count)


def _summary(
    root: Path,
    pinned: source.OpenDataSource,
    wanted: tuple[source.PinnedSeries, ...],
    options: FetchOptions,
    new: list[str],
) -> list[str]:
    version, description = paths.RAW / options.version, pinned.description
    files, size = sum(series.files for series in wanted), sum(series.size for series in wanted)
    lines = [
        f"fetch: {len(wanted)} of {len(pinned.series)} series of {pinned.name}, {files:,} files, "
        f"{size / 1e6:,.0f} MB, checked, in {version}",
        f"licence {description.licence}, doi {description.doi}: cite it as {paths.SOURCES}/"
        f"{pinned.name}.yaml says",
    ]
    rows = digests.load(root, pinned.name).rows
    unverified = [folder for folder in new if not rows[folder].md5_verified]
    if unverified:
        lines.append(
            f"{len(unverified)} series are unverified at this first fetch, as the bucket has no "
            f"MD5 of each file: {', '.join(unverified)}"
        )
    if new:
        lines.append(f"{len(new)} digests are new: commit them, so that later fetches compare them")
    key = [] if (root / paths.PRIVATE_KEY).exists() else ["syda key new"]
    run = f"dvc exp run -S data.version={options.version} -S model.start=none"
    commands = [f"dvc add {version}", f"git add {paths.SOURCES}", *key, run]
    if not data_version.is_pushed(root, options.version):
        lines.append(f"`dvc push` does not send the scans; {version}.dvc says how to allow it")
    return [*lines, "next:", *(f"  {command}" for command in commands)]
