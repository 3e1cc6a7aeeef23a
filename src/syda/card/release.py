"""``syda card release``: write the file of a release, model_card/releases/<report version>.json.

It commits and tags nothing. It prints the commands for that.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from syda import paths
from syda.card import build, releases, signoffs, snapshots, verify
from syda.card import inputs as card_inputs
from syda.card.documents import Document
from syda.card.git_history import GitHistory
from syda.card.inputs import CardInputs
from syda.errors import CheckFailed
from syda.runtime.digest import sha256_of
from syda.runtime.outputs import write_json


def run(root: Path) -> Iterator[str]:
    """Release the card of this commit, and yield the next commands, in lines.

    Raises:
        CheckFailed: something is not committed, the card is not as its sources give it, or the
            report version, or the model version with other weights, has been released.
        UsageError: there is no card.
    """
    commit = _committed(root)
    faults = verify.verify(root).faults
    if faults:
        more = f" ({len(faults)} faults: `syda card verify`)"
        raise CheckFailed(f"card release: {faults[0]}{more}")
    inputs = card_inputs.read(root)
    _new(root, inputs)
    version = inputs.declared.content.report_version
    path = releases.file_of(paths.RELEASES, version)
    stub = {"report_version": version, "inputs": inputs.digests}
    released = replace(inputs, released=Document(path.as_posix(), stub, ""))
    files = build.build(released, signoffs.read(root, paths.SIGNOFFS)).files()
    outputs = {name.as_posix(): sha256_of(data) for name, data in files.items()}
    snapshot = snapshots.of_card(json.loads(files[paths.CARD_JSON]))
    content = releases.content(snapshot, version, commit, inputs.digests, outputs)
    write_json(root / path, content)
    yield f"{path}: written for commit {commit[0][:12]}, {commit[1]}; next, in this order:"
    models = {one.record.value("declared", "1.model_version") for one in inputs.earlier}
    yield from (f"  {line}" for line in _next(inputs, is_new=_model(inputs) not in models))


def _committed(root: Path) -> tuple[str, str]:
    """The commit that the release is of, and its date."""
    history = GitHistory(root)
    head = history.head()
    if head is None:
        raise CheckFailed("card release: no commit is checked out here: a release is of a commit")
    if changed := history.uncommitted():
        raise CheckFailed(
            f"card release: {changed[0]} is not committed ({len(changed)} in all): `git status`; "
            "a release is of a commit"
        )
    return head


def _new(root: Path, inputs: CardInputs) -> None:
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
    weights = inputs.manifests["train"].value("writes", paths.WEIGHTS.as_posix(), "sha256")
    for release in inputs.earlier:
        model = release.record.value("declared", "1.model_version")
        digest = release.record.value("measured", "1.weights_digest")
        if model == _model(inputs) and digest != weights:
            raise CheckFailed(
                f"card release: model_version {model} was released with other weights "
                f"(report {release.version}): {todo}"
            )


def _model(inputs: CardInputs) -> str:
    return inputs.declared.content.model_version


def _next(inputs: CardInputs, *, is_new: bool) -> Iterator[str]:
    """The commands that publish a release, for a person to type.

    Args:
        inputs: of the card.
        is_new: whether no earlier release has this model version, so that it needs a tag.
    """
    version, parts = inputs.declared.content.report_version, _model(inputs).split(".")
    yield "dvc repro --single-item card    # the card says so; `make release` has done it"
    yield f"git add {paths.MODEL_CARD} {paths.manifest('card')} dvc.lock"
    yield f'git commit --message "Release {version}"'
    yield f'git tag --annotate report-{version} --message "Report {version}"'
    if is_new:
        number = ".".join([*parts, "0", "0"][:3])
        yield f"gto register syda --version v{number}    # the weights, as a git tag"
    yield "git push --follow-tags && dvc push"
