"""Stage ``convert``: DICOM series to NIfTI in HU, RAS+, under pseudonymous case ids.

Whatever cannot be converted is set aside with a reason, what the cohort's rules leave out is
excluded with one; nothing that could identify a person leaves this stage.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from syda import paths
from syda.dicom import (
    agreement,
    archive,
    attributes,
    identity,
    intake,
    outcome,
    pixels,
    selection,
    series,
)
from syda.dicom.outcome import Outcome
from syda.dicom.reject import EXCLUSIONS, Reason, SetAside, guarded
from syda.errors import CheckFailed, UsageError
from syda.params import CtParams, DataParams, Section, load
from syda.runtime import engine, stage
from syda.runtime.outputs import replace_folder, scratch_folder, write_json
from syda.volume import geometry, nifti

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

    max_clamped_share: float = Field(ge=0, le=1)
    """Share of measured voxels outside the HU bounds above which a series is set aside."""
    max_quarantine_share: float = Field(ge=0, le=1)
    """Share of CT series and archives set aside above which the stage fails."""
    select: Select
    """The cohort's rules."""
    archives: Archives
    """Bounds of zip and tar files."""


@dataclass(frozen=True)
class Task:
    """One series for a worker.

    Attributes:
        uid: SeriesInstanceUID.
        files: its slices, any order.
        folder: where NIfTI and JSON go.
        key: of the pseudonyms.
        params: section ``convert``.
        ct: section ``ct``.
    """

    uid: str
    files: Sequence[Path]
    folder: Path
    key: bytes
    params: Params
    ct: CtParams


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
        files, refused = _files(root / raw, unpacked, own.archives.limits(), key)
        groups, ignored = _group(files)
        tasks = [Task(uid, groups[uid], folder, key, own, ct) for uid in sorted(groups)]
        outcomes = [*engine.each(convert_series, tasks, "convert", "series"), *refused]
        report = outcome.report(outcomes, ignored) | {
            "version": data.version,
            "artificial": data.version in data.artificial,
        }
        write_json(root / paths.CONVERT_REPORT, report)
        write_json(folder / EXCLUDED, outcome.entries(o for o in outcomes if o.excluded))
        _expect_readers_cases(own.select.rules(), outcomes)
        _refuse(raw, report, own)


def _versions(root: Path) -> str:
    return ", ".join(sorted(p.name for p in (root / paths.RAW).glob("*") if p.is_dir())) or "(none)"


def _key(root: Path, data: DataParams) -> bytes:
    if data.version in data.artificial:
        return data.artificial_key.encode()
    return identity.read_key(root / paths.PRIVATE_KEY)


def _files(
    raw: Path, unpacked: Path, limits: archive.Limits, key: bytes
) -> tuple[list[Path], list[Outcome]]:
    """The folder's files with those of its archives in their place, and the archives refused."""
    found = intake.files(raw)
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


def _group(files: Sequence[Path]) -> tuple[dict[str, list[Path]], Counter[Reason]]:
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


def convert_series(task: Task) -> Outcome:
    """Convert one series to ``<case>.nii.gz`` and ``<case>.json``, or say why not."""
    case = patient = ""
    rules = task.params.select.rules()
    try:
        with warnings.catch_warnings(action="ignore"), guarded(Reason.DAMAGED):
            slices = series.read_slices(task.files)
            patient_id = agreement.patient_id(slices)
            case = identity.case_id(task.key, patient_id, task.uid)
            patient = identity.patient_pseudonym(task.key, patient_id)
            selection.check_header(case, slices[0], rules)
            ordered = series.order(slices, task.params.select.min_slices)
            found = pixels.read_hu(ordered.slices, task.ct.hu_min, task.ct.hu_max)
            volume = geometry.to_ras(found.hu, ordered.affine)
            selection.check_geometry(volume.hu.shape[2], volume.spacing[2], rules)
            if found.clamped_share > task.params.max_clamped_share:
                raise SetAside(Reason.OUT_OF_RANGE, f"{found.clamped_share:.4f} of the voxels")
            described = attributes.describe(ordered.slices, volume.spacing[2])
            unusual = agreement.unusual(ordered.slices)
    except SetAside as fault:
        excluded = fault.reason in EXCLUSIONS
        label = case if excluded else identity.series_pseudonym(task.key, task.uid)
        return Outcome(label, patient, reason=fault.reason, detail=fault.detail)
    nifti.write(task.folder / f"{case}{nifti.SUFFIX}", volume)
    write_json(
        task.folder / f"{case}.json",
        {
            "case": case,
            "patient": patient,
            "attributes": described,
            "source": {
                "shape": list(volume.hu.shape),
                "spacing_mm": [round(s, 4) for s in volume.spacing],
                "clamped_share": round(found.clamped_share, 6),
                "unusual": unusual,
            },
        },
    )
    return Outcome(case, patient, described, found.clamped_share, unusual)


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
