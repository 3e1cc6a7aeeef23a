"""What a run needs around it, as ``syda doctor`` finds it: space, tools, code and configuration."""

import re
import shutil
from collections.abc import Iterator
from importlib import metadata

from syda import paths
from syda.dicom import identity
from syda.errors import CorruptData, SydaError
from syda.integrity.recorded import Repository
from syda.integrity.symptoms import Symptom
from syda.params import load
from syda.runtime import closure


def missing_tools(repository: Repository) -> Iterator[Symptom]:
    """Commands and packages that are absent or of another version than requirements.lock's."""
    for tool in ("dvc", "git", "syda"):
        if shutil.which(tool) is None:
            yield Symptom(f"{tool} is not on PATH", "`make setup`, and put .venv/bin on PATH")
    pinned = repository.root / "requirements.lock"
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
        yield Symptom(what, "`make setup`")


def foreign_code(repository: Repository) -> Iterator[Symptom]:
    """The ``syda`` that runs is not this repository's, so dvc.lock would record other code."""
    source = repository.root / "src"
    if source.is_dir() and closure.SOURCE.resolve() != source:
        what = f"syda runs from {closure.SOURCE}, dvc.lock records src of this repository"
        yield Symptom(what, "`make setup` here, or put this repository's .venv/bin on PATH first")


def wrong_configuration(repository: Repository) -> Iterator[Symptom]:
    """params.yaml or dvc.yaml is unreadable, or the data version lacks its scans or its key."""
    try:
        repository.declared()
        data = load(repository.root).data
        if data.version not in data.artificial:
            identity.read_key(repository.root / paths.PRIVATE_KEY)
            if not (repository.root / paths.RAW / data.version).is_dir():
                what = f"{paths.RAW / data.version} does not exist"
                yield Symptom(what, "put the DICOM there, or `dvc pull` it")
    except SydaError as error:
        yield Symptom(str(error))


def little_space(repository: Repository) -> Iterator[Symptom]:
    """The disk cannot take what dvc.lock says a full run writes."""
    try:
        outs = [entry for stage in repository.lock().values() for entry in stage.outs.values()]
    except CorruptData:
        return
    need = sum(entry.size for entry in outs)  # the old objects stay in the cache
    free = shutil.disk_usage(repository.root).free
    if free < need:
        what = f"{free / 1e6:,.0f} MB free, a full `dvc repro` writes {need / 1e6:,.0f} MB"
        yield Symptom(what, "free some, or `dvc gc -w` if older versions are on a remote")
