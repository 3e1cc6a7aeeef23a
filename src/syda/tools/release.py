"""``syda card release``: freeze the card that governance signs, with all that is behind it.

A release lies in ``model_card/releases/<report version>``, its files in the folders that they have
in the repository, so that the page's links lead to the files of its time. Nothing is committed or
tagged here; what to type is told.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from os.path import normpath
from pathlib import Path
from typing import Any

from syda import paths
from syda.card import releases, signoffs
from syda.card.sources import Document, Inputs
from syda.errors import CheckFailed
from syda.params import load
from syda.runtime.outputs import replace_folder, write_bytes, write_json
from syda.stages import card as stage
from syda.tools import card
from syda.tools.history import History


def run(root: Path) -> Iterator[str]:
    """Freeze the card of this commit, and yield what to do next, in lines.

    Raises:
        CheckFailed: something is not committed, the card is not as its sources give it, or the
            report version, or the model version with other weights, has been released.
        UsageError: there is no card.
    """
    commit = _committed(root)
    verdict = card.verify(root)
    if verdict.faults:
        more = f" ({len(verdict.faults)} faults: `syda card verify`)"
        raise CheckFailed(f"card release: {verdict.faults[0]}{more}")
    inputs = stage.inputs(root)
    _new(root, inputs)
    record = _record(inputs, commit)
    own = load(root).section("card", stage.Params)
    signed = signoffs.read(root, paths.SIGNOFFS)
    files = stage.files(*stage.rendered(_as_released(inputs, record), signed, own), inputs.pictures)
    files |= _behind(root, files)
    record["files"] = {name: releases.sha256(data) for name, data in _named(files)}
    base = paths.RELEASES / record["report_version"]
    with replace_folder(root / base) as folder:
        for name, data in _named(files):
            write_bytes(folder / name, data)
        write_json(folder / releases.RECORD, record)
    yield f"{base}: {len(files)} files of commit {commit[:12]}, frozen; next, in this order:"
    known = {one.record.content["model_version"] for one in inputs.earlier}
    yield from (f"  {line}" for line in _next(record, known))


def _committed(root: Path) -> str:
    """The commit that the release is of."""
    history = History(root)
    commit = history.head()
    if commit is None:
        raise CheckFailed("card release: no commit is checked out here: a release is of a commit")
    if changed := history.uncommitted():
        raise CheckFailed(
            f"card release: {changed[0]} is not committed ({len(changed)} in all): `git status`; "
            "a release is of a commit"
        )
    return commit


def _new(root: Path, inputs: Inputs) -> None:
    """Refuse what has been released, under this report version or this model version."""
    version = str(inputs.declared.content.report_version)
    todo = f"raise it in {paths.DECLARED}, `dvc repro card` and commit"
    if not releases.VERSION.fullmatch(version):
        raise CheckFailed(f"card release: report_version {version!r} is not like 1.2: {todo}")
    there = releases.versions(root, paths.RELEASES)
    if there and releases.order(version) <= releases.order(there[-1]):
        raise CheckFailed(
            f"card release: report_version {version} is not above {there[-1]}, which is released: "
            f"{todo}"
        )
    model, weights = inputs.declared.content.model_version, _weights(inputs)["sha256"]
    for release in inputs.earlier:
        one = release.record.content
        if one["model_version"] == model and one["weights"]["sha256"] != weights:
            raise CheckFailed(
                f"card release: model_version {model} was released with other weights "
                f"(report {release.version}): {todo}"
            )


def _weights(inputs: Inputs) -> dict[str, Any]:
    digest = inputs.manifests["train"].value("writes", paths.WEIGHTS.as_posix())
    return {"sha256": digest["sha256"], "bytes": digest["bytes"]}


def _record(inputs: Inputs, commit: str) -> dict[str, Any]:
    """What ``release.json`` holds, ``files`` as far as the card itself needs it."""
    manifests = inputs.manifests
    raw = (paths.RAW / inputs.version).as_posix()
    return {
        "schema": releases.SCHEMA,
        "report_version": inputs.declared.content.report_version,
        "model_version": inputs.declared.content.model_version,
        "data": {
            "version": inputs.version,
            "raw_sha256": manifests["convert"].value("reads", raw, "sha256"),
            "records_sha256": manifests["pack"].value("writes", paths.RECORDS.as_posix(), "sha256"),
        },
        "weights": _weights(inputs),
        "code": {name: one.value("code", "sha256") for name, one in manifests.items()},
        "commit": commit,
        "files": inputs.digests,
    }


def _as_released(inputs: Inputs, record: dict[str, Any]) -> Inputs:
    """The inputs as they are once the release is there: the card then says that it is."""
    path = paths.RELEASES / record["report_version"] / releases.RECORD
    return replace(inputs, released=Document(path.as_posix(), record, ""))


def _behind(root: Path, outputs: dict[Path, bytes]) -> dict[Path, bytes]:
    """What the card was made from, and what its pages link to.

    No page links to the record of its own release, which has the page's digest.
    """
    wanted = {path for path in stage.INPUTS if path != paths.RELEASES}
    for path, data in outputs.items():
        links = {one.partition("#")[0] for one in card.links_of(path, data.decode())}
        wanted |= {Path(normpath(path.parent / one)) for one in links if one}
    return {path: (root / path).read_bytes() for path in wanted - outputs.keys()}


def _named(files: dict[Path, bytes]) -> list[tuple[str, bytes]]:
    return sorted((path.as_posix(), data) for path, data in files.items())


def _next(record: dict[str, Any], known: Collection[str]) -> Iterator[str]:
    """The commands that make a release known, for a person to type.

    Args:
        record: of the release.
        known: model versions of earlier releases: those weights have their tag.
    """
    version, model = record["report_version"], record["model_version"]
    parts = [*model.split("."), "0", "0"][:3]
    yield "dvc repro --single-item card    # the card says so; `make release` has done it"
    yield f"git add {paths.MODEL_CARD} {paths.manifest('card')} dvc.lock"
    yield f'git commit --message "Release {version}"'
    yield f'git tag --annotate report-{version} --message "Report {version}"'
    if model not in known:
        yield f"gto register syda --version v{'.'.join(parts)}    # the weights, as a git tag"
    yield "git push --follow-tags && dvc push"
