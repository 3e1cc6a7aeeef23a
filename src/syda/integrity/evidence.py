"""The checks of ``syda verify`` beyond DVC: manifests, records, weights and the card."""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import CorruptData, SydaError
from syda.integrity.inspection import Inspection
from syda.integrity.recorded import flat
from syda.records import tfrecord
from syda.records.writer import INDEX
from syda.runtime import engine, manifest

REPRO = "`dvc repro` brings them together"


def manifests_name_the_files(inspection: Inspection) -> None:
    """What a manifest says a stage read and wrote is what is here."""
    for where, content in inspection.manifests():
        for kind in ("reads", "writes"):
            for path, recorded in content[kind].items():
                if inspection.blamed(path) or not inspection.here(path):
                    continue
                if _digest(inspection, path) != recorded:
                    inspection.blame(where, f"{kind} another {path} than is here", REPRO)


def manifests_follow_one_another(inspection: Inspection) -> None:
    """What a stage read is what another stage's manifest says that it wrote."""
    manifests = list(inspection.manifests())
    written = {
        path: (recorded, where)
        for where, content in manifests
        for path, recorded in content["writes"].items()
    }
    for where, content in manifests:
        for path, recorded in content["reads"].items():
            before, writer = written.get(path, (recorded, ""))
            if recorded != before and not inspection.blamed(where):
                inspection.blame(where, f"read another {path} than {writer} wrote", REPRO)


def manifests_name_the_code(inspection: Inspection) -> None:
    """The modules that a stage ran are those of ``src``."""
    stages: dict[str, list[str]] = {}
    for where, content in inspection.manifests():
        files = content["code"]["files"]
        if manifest.together(files.items()) != content["code"]["sha256"]:
            inspection.blame(where, "its digest of the code is not that of its files", REPRO)
            continue
        for name, sha256 in files.items():
            file = inspection.root / "src" / name
            if file not in inspection.digests or inspection.digests[file].sha256 != sha256:
                stages.setdefault(f"src/{name}", []).append(Path(where).stem)
    for path, names in stages.items():
        what = "is not what {} ran" if inspection.here(path) else "is missing, {} ran it"
        remedy = "`dvc repro` if the change is meant, `git diff` shows it"
        inspection.blame(path, what.format(", ".join(names)), remedy)


def manifests_hold_the_params(inspection: Inspection) -> None:
    """The values that a stage was given are those of params.yaml."""
    actual = dict(flat(inspection.params))
    for where, content in inspection.manifests():
        for key, value in flat(content["params"]):
            if value != actual.get(key) and not inspection.blamed(f"params.yaml#{key}"):
                what = f"was given {key} = {value!r}, params.yaml has {actual.get(key)!r}"
                inspection.blame(where, what, REPRO)


def records_are_those_of_the_index(inspection: Inspection) -> None:
    """Every record has its checksums, and its sha256 in ``index.json``."""
    index = paths.RECORDS / INDEX
    if inspection.blamed(index.as_posix()) or not inspection.here(index.as_posix()):
        return
    content = json.loads((inspection.root / index).read_text(encoding="utf-8"))
    expected: dict[str, list[str]] = {}
    for record in content["records"]:
        expected.setdefault(record["shard"], []).append(record["sha256"])
    shards = [name for name in sorted(expected) if not inspection.blamed(f"{paths.RECORDS}/{name}")]
    work = partial(shard_fault, inspection.root / paths.RECORDS)
    jobs = [(shard, expected[shard]) for shard in shards]
    for shard, fault in zip(
        shards, engine.each(work, jobs, "verify records", "shards"), strict=True
    ):
        if fault:
            where = f"{paths.RECORDS}/{shard}"
            inspection.blame(where, fault, f"`rm -r {paths.RECORDS}`, then `dvc repro pack`")


def shard_fault(folder: Path, job: tuple[str, list[str]]) -> str:
    """Read a shard; return what is wrong with it, or an empty text.

    Args:
        folder: of the records.
        job: name of the shard, and the sha256 of its records in order.
    """
    shard, expected = job
    try:
        actual = [hashlib.sha256(data).hexdigest() for data in tfrecord.read(folder / shard)]
    except (OSError, CorruptData) as error:
        return str(error)
    for number, (now, was) in enumerate(zip(actual, expected, strict=False)):
        if now != was:
            return f"record {number} is not the one of {INDEX}"
    if len(actual) != len(expected):
        return f"holds {len(actual)} records, {INDEX} has {len(expected)}"
    return ""


def weights_are_those_quoted(inspection: Inspection) -> None:
    """Synthetic volumes quote these weights, and the weights quote these records."""
    from syda.sampling.export import COUNTS  # noqa: PLC0415  (imports torch)
    from syda.sampling.weights import DESCRIPTION, WEIGHTS  # noqa: PLC0415

    weights = (paths.WEIGHTS / WEIGHTS).as_posix()
    description = (paths.WEIGHTS / DESCRIPTION).as_posix()
    index = (paths.RECORDS / INDEX).as_posix()
    folder = paths.SYNTHETIC.as_posix()
    if _sound(inspection, weights, folder):
        sha256 = inspection.digests[inspection.root / weights].sha256
        others = [
            name
            for name, file in inspection.folder(folder).items()
            if file.suffix == ".json"
            and file.name != COUNTS
            and _read(file)["weights_sha256"] != sha256
        ]
        if others:
            what = f"{others[0]} and {len(others) - 1} more quote other weights than {weights}"
            inspection.blame(folder, what, "`dvc repro generate`")
    if _sound(inspection, description, index):
        quoted = _read(inspection.root / description)["data"]["index_sha256"]
        if quoted != inspection.digests[inspection.root / index].sha256:
            inspection.blame(description, f"quotes another {index} than is here", REPRO)


def card_is_what_its_sources_say(inspection: Inspection) -> None:
    """The card, rendered again from committed inputs, is the committed one byte for byte."""
    from syda.stages import card  # noqa: PLC0415  (imports torch)

    inputs = (*card.INPUTS, paths.PARAMS)
    code = inspection.lock["card"].deps if "card" in inspection.lock else {}
    if not _sound(inspection, *(path.as_posix() for path in inputs), *code):
        return
    try:
        differences = card.altered(inspection.root)
    except SydaError as error:
        inspection.blame(paths.CARD.as_posix(), f"cannot be rendered ({error})", "`dvc repro`")
        return
    for path, first in dict(reversed(differences)).items():
        if _sound(inspection, path.as_posix()):
            what = f"is not what its sources give when it is rendered again ({first})"
            inspection.blame(path.as_posix(), what, "`dvc repro -f card`")


def _sound(inspection: Inspection, *names: str) -> bool:
    """Whether all these are here and nothing is known against them."""
    return all(inspection.here(name) and not inspection.blamed(name) for name in names)


def _read(file: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _digest(inspection: Inspection, path: str) -> dict[str, Any]:
    """As :func:`syda.runtime.manifest.digest`, from digests that are known."""
    base, digests = inspection.root / path, inspection.digests
    files = [base] if base.is_file() else sorted(p for p in base.rglob("*") if p.is_file())
    if any(file not in digests for file in files):
        return {}  # a file that .dvcignore hides is none that a stage may have read
    names = {file.relative_to(base).as_posix(): digests[file].sha256 for file in files}
    sha256 = digests[base].sha256 if base.is_file() else manifest.together(names.items())
    return {
        "sha256": sha256,
        "files": len(files),
        "bytes": sum(digests[file].size for file in files),
    }
