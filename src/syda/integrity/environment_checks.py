"""What a run needs, as ``syda doctor`` checks it: space, tools, code and configuration."""

import re
import shutil
from collections.abc import Iterator
from importlib import metadata

from syda import paths
from syda.dicom import identity
from syda.errors import CorruptData, SydaError
from syda.integrity.crash_checks import Diagnosis
from syda.integrity.dvc_repository import DvcRepository
from syda.params import load
from syda.runtime.module_dependencies import SOURCE


def missing_tools(repository: DvcRepository) -> Iterator[Diagnosis]:
    """Commands and packages that are absent or have another version than in requirements.lock."""
    for tool in ("dvc", "git", "syda"):
        if shutil.which(tool) is None:
            yield Diagnosis(f"{tool} is not on PATH", "`make setup`, and put .venv/bin on PATH")
    pinned = repository.root / paths.LOCK
    text = pinned.read_text(encoding="utf-8") if pinned.is_file() else ""
    differing = []
    for name, wanted in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE):
        try:
            version = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            version = "absent"
        if version != wanted:
            differing.append(f"{name} {version}, not {wanted}")
    if differing:
        what = f"{len(differing)} packages are not those of requirements.lock: {differing[0]}"
        yield Diagnosis(what, "`make setup`")


def foreign_code(repository: DvcRepository) -> Iterator[Diagnosis]:
    """The running ``syda`` is not this repository's, so dvc.lock would record other code."""
    source = repository.root / "src"
    if source.is_dir() and SOURCE.resolve() != source:
        what = f"syda runs from {SOURCE}, dvc.lock records src of this repository"
        yield Diagnosis(what, "`make setup` here, or put this repository's .venv/bin on PATH first")


def wrong_configuration(repository: DvcRepository) -> Iterator[Diagnosis]:
    """params.yaml or dvc.yaml is unreadable, or the data version lacks its scans or its key."""
    try:
        repository.declared()
        data = load(repository.root).data
        if data.version not in data.artificial:
            identity.read_key(repository.root / paths.PRIVATE_KEY)
            if not (repository.root / paths.RAW / data.version).is_dir():
                what = f"{paths.RAW / data.version} does not exist"
                yield Diagnosis(what, "put the DICOM there, or `dvc pull` it")
    except SydaError as error:
        yield Diagnosis(str(error))


def little_space(repository: DvcRepository) -> Iterator[Diagnosis]:
    """The disk cannot take what a full run writes by dvc.lock."""
    try:
        outs = [entry for stage in repository.lock().values() for entry in stage.outs.values()]
    except CorruptData:
        return
    need = sum(entry.size for entry in outs)  # the old objects stay in the cache
    free = shutil.disk_usage(repository.root).free
    if free < need:
        what = f"{free / 1e6:,.0f} MB free, a full `dvc repro` writes {need / 1e6:,.0f} MB"
        yield Diagnosis(what, "free some, or `dvc gc -w` if older versions are on a remote")
