"""Stage ``convert``: DICOM series to NIfTI in HU, RAS+, under pseudonymous case ids.

Whatever is no CT volume, nor can be made one without a guess, is set aside with a reason; what the
cohort's rules leave out is excluded with one. Nothing that could identify a person leaves this
stage.
"""

import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from syda import paths
from syda.dicom import archive, conversion, identity, intake, outcome, selection, series
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Reason, SetAside, guarded
from syda.errors import CheckFailed, UsageError
from syda.params import CtParams, DataParams, Section, load
from syda.runtime import engine, manifest, progress, stage
from syda.runtime.memo import Kept, Memo
from syda.runtime.outputs import replace_folder, scratch_folder, write_json

EXCLUDED = "excluded.json"
"""In data/nifti: which series the cohort's rules left out, and why; never in git."""

_FILES_A_TASK = 128


class Archives(Section):
    """Section ``convert.archives``: what a zip or tar file may hold."""

    max_members: int = Field(ge=1)
    """Files and folders."""
    max_file_mb: float = Field(gt=0)
    """MB (1e6 bytes) of one file, unpacked."""
    max_total_mb: float = Field(gt=0)
    """MB of all of it, unpacked."""
    max_ratio: float = Field(ge=1)
    """Bytes unpacked for each byte of the archive."""

    def limits(self) -> archive.Limits:
        """In bytes."""
        file, total = (int(1e6 * mb) for mb in (self.max_file_mb, self.max_total_mb))
        return archive.Limits(self.max_members, file, total, self.max_ratio)


class Select(Section):
    """Section ``convert.select``: which sound series make the cohort."""

    modalities: list[str] = Field(min_length=1)
    """Values of the tag Modality that are taken."""
    body_parts: list[str]
    """Terms of the tag BodyPartExamined that are taken; empty takes all and those without one."""
    contrast: Literal["any", "without"]
    """``without`` leaves out series whose agent, route, description or protocol tell of one."""
    min_slices: int = Field(ge=2)
    """Shorter series are left out."""
    max_slice_spacing_mm: float = Field(gt=0)
    """mm, largest distance between slices."""
    min_length_mm: float = Field(ge=0)
    """mm, shortest scan along the slice normal."""
    max_length_mm: float = Field(gt=0)
    """mm, longest scan along the slice normal."""
    exclude: list[Annotated[str, StringConstraints(pattern=selection.EXCLUDED)]]
    """Cases that a reader leaves out, each as ``<case id> <finding>``."""

    @model_validator(mode="after")
    def _possible(self) -> "Select":
        self.rules()
        return self

    def rules(self) -> selection.Rules:
        """As the domain knows them.

        Raises:
            ValueError: a body part is no known term, or a case is excluded twice.
        """
        excluded = dict(entry.split() for entry in self.exclude)
        if len(excluded) < len(self.exclude):
            raise ValueError("exclude names a case twice")
        rest = self.model_dump(exclude={"min_slices", "exclude"})
        return selection.Rules(**rest, exclude=excluded)


class Params(Section):
    """Section ``convert``."""

    fill_one_missing_slice: bool
    """Interpolate a slice where exactly one is missing, instead of setting the series aside."""
    max_clamped_share: float = Field(ge=0, le=1)
    """Share of measured voxels outside the HU bounds above which a series is set aside."""
    max_quarantine_share: float = Field(ge=0, le=1)
    """Share of CT series and archives set aside above which the stage fails."""
    select: Select
    """The cohort's rules."""
    archives: Archives
    """Bounds of zip and tar files."""

    def settings(self, ct: CtParams) -> conversion.Settings:
        """As the domain knows them."""
        return conversion.Settings(
            rules=self.select.rules(),
            min_slices=self.select.min_slices,
            fill_one_missing_slice=self.fill_one_missing_slice,
            max_clamped_share=self.max_clamped_share,
            hu_min=ct.hu_min,
            hu_max=ct.hu_max,
        )

    def memo(self, root: Path, ct: CtParams) -> Memo:
        """The results of earlier runs under the parameters that decide a case."""
        own = self.only("fill_one_missing_slice", "max_clamped_share", "select")
        return Memo.of(root, "convert", {"ct": ct.only("hu_min", "hu_max"), "convert": own})


@dataclass(frozen=True)
class Task:
    """One series for a worker.

    Attributes:
        uid: SeriesInstanceUID.
        files: its slices, any order.
        folder: where NIfTI and JSON go.
        key: of the pseudonyms.
        settings: what is taken, and how.
        memo: results of earlier runs.
    """

    uid: str
    files: Sequence[Path]
    folder: Path
    key: bytes = field(repr=False)
    settings: conversion.Settings
    memo: Memo


def run(root: Path) -> None:
    """Convert ``data/raw/<data.version>`` to ``data/nifti`` and ``reports/convert.json``."""
    config = load(root)
    own, data, ct = config.section("convert", Params), config.data, config.ct
    raw = paths.RAW / data.version
    if not (root / raw).is_dir():
        raise UsageError(
            f"{raw} does not exist: put DICOM there, or set data.version to one of "
            f"{_versions(root)}"
        )
    key = _key(root, data)
    with (
        intake.unnamed(root / raw, raw),
        stage.running(
            root,
            "convert",
            reads=[raw],
            writes=[paths.NIFTI, paths.CONVERT_REPORT],
            params={"data": data, "ct": ct.only("hu_min", "hu_max"), "convert": own},
        ),
        scratch_folder(root / paths.NIFTI.with_name("unpacked")) as unpacked,
        replace_folder(root / paths.NIFTI) as folder,
    ):
        found = intake.files(root / raw)
        files, refused = opened(found, unpacked, own.archives.limits(), key)
        groups, ignored = group(files)
        settings, memo = own.settings(ct), own.memo(root, ct)
        tasks = [Task(uid, groups[uid], folder, key, settings, memo) for uid in sorted(groups)]
        kept = list(engine.each(convert_series, tasks, "convert", "series"))
        outcomes = [o for one in kept for o in _outcomes(one)] + refused
        report = outcome.report(outcomes, ignored) | {
            "version": data.version,
            "artificial": data.version in data.artificial,
        }
        write_json(root / paths.CONVERT_REPORT, report)
        write_json(folder / EXCLUDED, outcome.entries(o for o in outcomes if o.excluded))
        _expect_readers_cases(own.select.rules(), outcomes)
        _refuse(raw, report, own)
        memo.keep_only(one.key for one in kept)
    progress.say(f"convert: {_summary(kept)}, {len(report['set_aside'])} set aside")


def _outcomes(kept: Kept) -> list[Outcome]:
    return [Outcome.of(plain) for plain in kept.value]


def _summary(kept: Sequence[Kept]) -> str:
    cases = [one for one in kept for o in _outcomes(one) if o.attributes is not None]
    return Memo.summary(cases)


def _versions(root: Path) -> str:
    return ", ".join(sorted(p.name for p in (root / paths.RAW).glob("*") if p.is_dir())) or "(none)"


def _key(root: Path, data: DataParams) -> bytes:
    if data.version in data.artificial:
        return data.artificial_key.encode()
    return identity.read_key(root / paths.PRIVATE_KEY)


def opened(
    found: list[Path], unpacked: Path, limits: archive.Limits, key: bytes
) -> tuple[list[Path], list[Outcome]]:
    """Return files with those of the archives among them in their place, and what was refused.

    Args:
        found: files of any kind.
        unpacked: folder for what archives hold.
        limits: of an archive.
        key: of the pseudonyms.
    """
    archives = [file for file in found if archive.is_archive(file)]
    if not archives:
        return found, []
    openings = [
        intake.Opening(path, unpacked / str(number), limits)
        for number, path in enumerate(archives, start=1)
    ]
    refused = [
        Outcome(identity.archive_pseudonym(key, r.sha256), reason=r.reason, detail=r.detail)
        for refusals in engine.each(intake.open_archive, openings, "unpack", "archives")
        for r in refusals
    ]
    return sorted({*found} - {*archives}) + intake.files(unpacked), refused


def _index(files: Sequence[Path]) -> list[tuple[str, Path] | Reason]:
    found: list[tuple[str, Path] | Reason] = []
    for file in files:
        try:
            with warnings.catch_warnings(action="ignore"), guarded(Reason.DAMAGED):
                found.append((series.series_uid(file), file))
        except SetAside as fault:
            found.append(fault.reason)
    return found


def group(files: Sequence[Path]) -> tuple[dict[str, list[Path]], Counter[Reason]]:
    """Group CT slices by SeriesInstanceUID; count the files that are none."""
    chunks = [files[i : i + _FILES_A_TASK] for i in range(0, len(files), _FILES_A_TASK)]
    groups: dict[str, list[Path]] = defaultdict(list)
    ignored: Counter[Reason] = Counter()
    for chunk in engine.each(_index, chunks, "index", "batches"):
        for found in chunk:
            if isinstance(found, Reason):
                ignored[found] += 1
            else:
                groups[found[0]].append(found[1])
    return groups, ignored


def convert_series(task: Task) -> Kept:
    """Convert each acquisition of a series to a case, or say why not, unless an earlier run has.

    Returns:
        With the plain form of each :class:`syda.dicom.outcome.Outcome`.
    """

    def compute(folder: Path) -> list[dict[str, Any]]:
        # Where the order decides, as it does which of several copies stays, names must not.
        files = sorted(task.files, key=manifest.digest_file)
        found = conversion.convert(task.uid, files, folder, task.key, task.settings)
        return [one.plain() for one in found]

    key = hashlib.sha256(task.key).hexdigest()
    return task.memo.case(task.files, task.folder, compute, name=key, lasting=_lasting)


def _lasting(outcomes: list[dict[str, Any]]) -> bool:
    return not any(Outcome.of(plain).may_pass for plain in outcomes)


def _expect_readers_cases(rules: selection.Rules, outcomes: Iterable[Outcome]) -> None:
    """Stop where a reader's finding reaches no series: its scan may be in under another id."""
    missing = rules.exclude.keys() - {outcome.label for outcome in outcomes if outcome.excluded}
    if missing:
        raise UsageError(
            f"convert.select.exclude: no series is {', '.join(sorted(missing))}: take the line out "
            "if the scan is gone or belongs to another data version, else correct the id"
        )


def _refuse(raw: Path, report: dict[str, Any], params: Params) -> None:
    """Stop when there is nothing, or too much is wrong.

    Raises:
        CheckFailed: no CT series, none converted, or too large a share set aside.
    """
    aside, converted = len(report["set_aside"]), report["converted"]
    told = {**report["reasons"], **report["excluded"]}
    del told["total"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(told.items()))
    if not converted and not reasons:
        raise CheckFailed(f"no CT series in {raw}: put DICOM CT slices there, in any folders")
    if not converted:
        raise CheckFailed(
            f"no series of {raw} could be converted ({reasons}): see {paths.CONVERT_REPORT}"
        )
    share = aside / (aside + converted)
    if share > params.max_quarantine_share:
        raise CheckFailed(
            f"{aside} of {aside + converted} series and archives of {raw} set aside ({reasons}), "
            f"more than convert.max_quarantine_share: see {paths.CONVERT_REPORT}"
        )
