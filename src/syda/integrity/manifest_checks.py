"""Checks of ``syda verify`` beyond DVC: manifests, records, weights and the card."""

from functools import partial
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import CorruptData, SydaError
from syda.export import checksums
from syda.integrity import lock_checks
from syda.integrity.inspection import Inspection
from syda.records import tfrecord
from syda.records.index import INDEX
from syda.runtime import engine
from syda.runtime.digest import combined_digest, sha256_of
from syda.runtime.nested import flatten

REPRO = "`dvc repro` updates both"
_INDEX = (paths.RECORDS / INDEX).as_posix()


def manifests_match_the_files(inspection: Inspection) -> None:
    """A manifest has the digests of what its stage read and wrote."""
    for where, content in inspection.manifests():
        for kind in ("reads", "writes"):
            for path, recorded in content[kind].items():
                if inspection.is_sound(path) and _digest(inspection, path) != recorded:
                    inspection.add_fault(where, f"{kind} another {path} than is here", REPRO)


def manifests_match_one_another(inspection: Inspection) -> None:
    """A stage read what the manifest of another stage says that it wrote."""
    manifests = list(inspection.manifests())
    written = {
        path: (recorded, where)
        for where, content in manifests
        for path, recorded in content["writes"].items()
    }
    for where, content in manifests:
        for path, recorded in content["reads"].items():
            before, writer = written.get(path, (recorded, ""))
            if recorded != before and not inspection.has_fault(where):
                inspection.add_fault(where, f"read another {path} than {writer} wrote", REPRO)


def manifests_match_the_code(inspection: Inspection) -> None:
    """The modules that a stage ran are those of ``src``."""
    stages: dict[str, list[str]] = {}
    for where, content in inspection.manifests():
        files = content["code"]["files"]
        if combined_digest(files.items()) != content["code"]["sha256"]:
            what = "its digest of the code is not that of its files"
            inspection.add_fault(where, what, REPRO)
            continue
        for name, sha256 in files.items():
            file = inspection.root / "src" / name
            if file not in inspection.digests or inspection.digests[file].sha256 != sha256:
                stages.setdefault(f"src/{name}", []).append(Path(where).stem)
    for path, names in stages.items():
        what = "is not what {} ran" if inspection.exists(path) else "is missing, {} ran it"
        inspection.add_fault(path, what.format(", ".join(names)), lock_checks.REPRO)


def manifests_match_the_params(inspection: Inspection) -> None:
    """The values that a stage was given are those of params.yaml."""
    actual = flatten(inspection.params)
    for where, content in inspection.manifests():
        for key, value in flatten(content["params"]).items():
            if value != actual.get(key) and not inspection.has_fault(f"params.yaml#{key}"):
                what = f"was given {key} = {value!r}, params.yaml has {actual.get(key)!r}"
                inspection.add_fault(where, what, REPRO)


def records_match_their_index(inspection: Inspection) -> None:
    """Every record has its checksums, and its sha256 of ``index.json``."""
    if not inspection.is_sound(_INDEX):
        return
    expected: dict[str, list[str]] = {}
    for record in inspection.read_json(_INDEX)["records"]:
        expected.setdefault(record["shard"], []).append(record["sha256"])
    jobs = [job for job in sorted(expected.items()) if not inspection.has_fault(_shard(job[0]))]
    work = partial(shard_fault, inspection.root / paths.RECORDS)
    faults = engine.parallel_map(work, jobs, "verify records", "shards")
    for (shard, _), fault in zip(jobs, faults, strict=True):
        if fault:
            remedy = f"`rm -r {paths.RECORDS}`, then `dvc repro pack`"
            inspection.add_fault(_shard(shard), fault, remedy)


def _shard(name: str) -> str:
    return (paths.RECORDS / name).as_posix()


def shard_fault(folder: Path, job: tuple[str, list[str]]) -> str:
    """Read a shard and return its fault, or an empty text.

    Args:
        folder: of the records.
        job: name of the shard, and the sha256 of its records in order.
    """
    shard, expected = job
    try:
        actual = [sha256_of(data) for data in tfrecord.read(folder / shard)]
    except (OSError, CorruptData) as error:
        return str(error)
    for number, (now, was) in enumerate(zip(actual, expected, strict=False)):
        if now != was:
            return f"record {number} is not the one of {INDEX}"
    if len(actual) != len(expected):
        return f"holds {len(actual)} records, {INDEX} has {len(expected)}"
    return ""


def weights_match_what_quotes_them(inspection: Inspection) -> None:
    """Synthetic volumes quote these weights, and the weights quote these records."""
    weights = (paths.WEIGHTS / paths.GENERATOR_WEIGHTS).as_posix()
    description = (paths.WEIGHTS / paths.GENERATOR_DESCRIPTION).as_posix()
    folder = paths.SYNTHETIC.as_posix()
    if inspection.is_sound(weights, folder):
        sha256 = inspection.digests[inspection.root / weights].sha256
        others = [
            name
            for name in inspection.folder(folder)
            if name.endswith(".json")
            and Path(name).name != paths.GATE_COUNTS
            and inspection.read_json(f"{folder}/{name}")["weights_sha256"] != sha256
        ]
        if others:
            what = f"{others[0]} and {len(others) - 1} more quote other weights than {weights}"
            inspection.add_fault(folder, what, "`dvc repro generate`")
    if inspection.is_sound(description, _INDEX):
        quoted = inspection.read_json(description)["data"]["index_sha256"]
        if quoted != inspection.digests[inspection.root / _INDEX].sha256:
            inspection.add_fault(description, f"quotes another {_INDEX} than is here", REPRO)


def release_matches_its_checksums(inspection: Inspection) -> None:
    """Every file of the release is in SHA256SUMS, with its digest."""
    folder = paths.RELEASE.as_posix()
    if not inspection.is_sound(folder):
        return
    names = {name for name in inspection.folder(folder) if name != paths.SHA256SUMS}
    text = (inspection.root / folder / paths.SHA256SUMS).read_text(encoding="utf-8")
    recorded = checksums.read(text)
    for name in sorted(names | recorded.keys()):
        there = inspection.root / folder / name
        if name not in names or inspection.digests[there].sha256 != recorded.get(name):
            what = f"is not the file of {paths.SHA256SUMS}"
            inspection.add_fault(f"{folder}/{name}", what, "`dvc repro -f export`")


def card_matches_its_sources(inspection: Inspection) -> None:
    """The card, rendered again from committed inputs, has the committed bytes."""
    from syda.card import verify  # noqa: PLC0415  (imports torch)
    from syda.card.inputs import INPUTS  # noqa: PLC0415

    inputs = (path.as_posix() for path in (*INPUTS, paths.PARAMS))
    code = inspection.lock["card"].deps if "card" in inspection.lock else {}
    if not inspection.is_sound(*inputs, *code):
        return
    try:
        differences = verify.altered(inspection.root)
    except SydaError as error:
        inspection.add_fault(paths.CARD.as_posix(), f"cannot be rendered ({error})", "`dvc repro`")
        return
    for path, first in dict(reversed(differences)).items():
        if inspection.is_sound(path.as_posix()):
            what = f"is not what its sources give when it is rendered again ({first})"
            inspection.add_fault(path.as_posix(), what, "`dvc repro -f card`")


def _digest(inspection: Inspection, path: str) -> dict[str, Any]:
    """As :func:`syda.runtime.digest.digest_path`, from the digests of the inspection."""
    base, digests = inspection.root / path, inspection.digests
    files = [base] if base.is_file() else sorted(p for p in base.rglob("*") if p.is_file())
    if any(file not in digests for file in files):
        return {}  # no stage may read a file that .dvcignore hides
    names = {file.relative_to(base).as_posix(): digests[file].sha256 for file in files}
    sha256 = digests[base].sha256 if base.is_file() else combined_digest(names.items())
    size = sum(digests[file].size for file in files)
    return {"sha256": sha256, "files": len(files), "bytes": size}
