"""Stage ``convert``: DICOM series to NIfTI in HU, RAS+, under pseudonymous case ids.

Whatever is no CT volume, nor can be made one without a guess, is set aside with a reason; nothing
that could identify a person leaves this stage.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from syda import paths
from syda.dicom import acquisitions, attributes, identity, pixels, regrid, series, stack
from syda.dicom.acquisitions import Acquisition
from syda.dicom.reject import Irregularity, Reason, SetAside
from syda.errors import CheckFailed, UsageError
from syda.params import CtParams, DataParams, Section, load
from syda.runtime import engine, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.types import Attribute
from syda.volume import geometry, nifti

SMALLEST_CELL = 5
"""Counts of people below this are not told (small-cell suppression)."""

_FILES_A_TASK = 128


class Params(Section):
    """Section ``convert``."""

    min_slices: int = Field(ge=2)
    """Series with fewer slices are set aside."""
    fill_one_missing_slice: bool
    """Interpolate a slice where exactly one is missing, instead of setting the series aside."""
    max_clamped_share: float = Field(ge=0, le=1)
    """Share of measured voxels outside the HU bounds above which a series is set aside."""
    max_quarantine_share: float = Field(ge=0, le=1)
    """Share of CT series set aside above which the stage fails."""


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


@dataclass(frozen=True)
class Outcome:
    """What became of an acquisition: a case of a patient with attributes, or a reason."""

    label: str
    patient: str = ""
    attributes: dict[str, Attribute] | None = None
    clamped_share: float = 0.0
    irregularities: Sequence[Irregularity] = ()
    reason: Reason | None = None
    detail: str = ""


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
    with stage.running(
        root,
        "convert",
        reads=[raw],
        writes=[paths.NIFTI, paths.CONVERT_REPORT],
        params={"data": data, "ct": ct.only("hu_min", "hu_max"), "convert": own},
    ):
        key = _key(root, data)
        groups, ignored = _group(root / raw)
        with replace_folder(root / paths.NIFTI) as folder:
            tasks = [Task(uid, groups[uid], folder, key, own, ct) for uid in sorted(groups)]
            outcomes = [
                o for done in engine.each(convert_series, tasks, "convert", "series") for o in done
            ]
            report = _report(data, outcomes, ignored)
            write_json(root / paths.CONVERT_REPORT, report)
            _refuse(raw, report, own)


def _versions(root: Path) -> str:
    return ", ".join(sorted(p.name for p in (root / paths.RAW).glob("*") if p.is_dir())) or "(none)"


def _key(root: Path, data: DataParams) -> bytes:
    if data.version in data.artificial:
        return data.artificial_key.encode()
    return identity.read_key(root / paths.PRIVATE_KEY)


def _index(files: Sequence[Path]) -> list[tuple[str, Path] | Reason]:
    found: list[tuple[str, Path] | Reason] = []
    for file in files:
        try:
            found.append((series.series_uid(file), file))
        except SetAside as fault:
            found.append(fault.reason)
    return found


def _group(raw: Path) -> tuple[dict[str, list[Path]], Counter[Reason]]:
    """Group the folder's CT slices by SeriesInstanceUID; count the files that are none."""
    files = sorted(p for p in raw.rglob("*") if p.is_file())
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


def convert_series(task: Task) -> list[Outcome]:
    """Convert each acquisition of a series to a case, or say why not."""
    try:
        slices = series.read_slices(task.files)
        patient_id = series.patient_id(slices)
        found = acquisitions.separate(slices, task.params.min_slices)
    except SetAside as fault:
        label = identity.series_pseudonym(task.key, task.uid)
        return [Outcome(label, reason=fault.reason, detail=fault.detail)]
    return [_convert(task, patient_id, acquisition) for acquisition in found]


def _convert(task: Task, patient_id: str, acquisition: Acquisition) -> Outcome:
    """Write ``<case>.nii.gz`` and ``<case>.json`` of an acquisition, or say why not."""
    own, ct = task.params, task.ct
    name = f"{task.uid}/{acquisition.name}" if acquisition.name else task.uid
    try:
        found = stack.arrange(acquisition.slices, own.min_slices, own.fill_one_missing_slice)
        hu, clamped_share = pixels.read_hu(found.slices, ct.hu_min, ct.hu_max)
        if clamped_share > own.max_clamped_share:
            raise SetAside(Reason.OUT_OF_RANGE, f"{clamped_share:.4f} of the voxels")
    except SetAside as fault:
        label = identity.series_pseudonym(task.key, name)
        return Outcome(label, reason=fault.reason, detail=fault.detail)
    case = identity.case_id(task.key, patient_id, name)
    patient = identity.patient_pseudonym(task.key, patient_id)
    hu, affine = regrid.to_grid(hu, found)
    volume = geometry.to_ras(hu, affine)
    described = attributes.describe([s.header for s in found.slices], found.step, found.length)
    irregularities = sorted(acquisition.irregularities | found.irregularities)
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
                "clamped_share": round(clamped_share, 6),
                "irregularities": irregularities,
                "gantry_tilt_degrees": round(found.tilt_degrees, 1),
                "slices": len(found.slices),
            },
        },
    )
    return Outcome(case, patient, described, clamped_share, irregularities)


def _report(
    data: DataParams, outcomes: Iterable[Outcome], ignored: Counter[Reason]
) -> dict[str, Any]:
    outcomes = list(outcomes)
    cases = [o for o in outcomes if o.attributes is not None]
    faults = [o for o in outcomes if o.reason is not None]
    described = [case.attributes or {} for case in cases]
    return {
        "version": data.version,
        "artificial": data.version in data.artificial,
        "converted": len(cases),
        "set_aside": sorted(
            ({"series": o.label, "reason": o.reason, "detail": o.detail} for o in faults),
            key=lambda entry: (str(entry["series"]), str(entry["reason"])),
        ),
        "reasons": dict(Counter(o.reason for o in faults)),
        "irregularities": dict(Counter(i for case in cases for i in case.irregularities)),
        "files_ignored": dict(ignored),
        "clamped_share_max": round(max((c.clamped_share for c in cases), default=0.0), 6),
        "sex": _people(cases, "sex"),
        "age_band": _people(cases, "age_band"),
        "manufacturer": dict(Counter(_told(d["manufacturer"]) for d in described)),
        "pixel_spacing_mm": _range(described, "pixel_spacing_mm"),
        "slice_spacing_mm": _range(described, "slice_spacing_mm"),
        "scan_length_mm": _range(described, "scan_length_mm"),
    }


def _told(value: Attribute) -> str:
    return "not stated" if value is None else str(value)


def _people(cases: Sequence[Outcome], name: str) -> dict[str, int | str]:
    """Count patients by an attribute; small counts are not told.

    Where one count alone is small, the next one is withheld too: the total would tell it.
    """
    pairs = {(case.patient, _told((case.attributes or {})[name])) for case in cases}
    counts = Counter(value for _, value in pairs)
    withheld = {value for value, count in counts.items() if count < SMALLEST_CELL}
    if len(withheld) == 1 and len(counts) > 1:
        withheld.add(min(counts.keys() - withheld, key=lambda value: (counts[value], value)))
    return {value: "not told" if value in withheld else count for value, count in counts.items()}


def _range(described: Sequence[dict[str, Attribute]], name: str) -> dict[str, float]:
    numbers = [value for d in described if isinstance(value := d[name], float)]
    return {"min": min(numbers), "max": max(numbers)} if numbers else {}


def _refuse(raw: Path, report: dict[str, Any], params: Params) -> None:
    """Stop when there is nothing, or too much is wrong.

    Raises:
        CheckFailed: no CT series, none converted, or too large a share set aside.
    """
    aside, converted = len(report["set_aside"]), report["converted"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(report["reasons"].items()))
    if not aside and not converted:
        raise CheckFailed(f"no CT series in {raw}: put DICOM CT slices there, in any folders")
    if not converted:
        raise CheckFailed(
            f"no series of {raw} could be converted ({reasons}): see {paths.CONVERT_REPORT}"
        )
    share = aside / (aside + converted)
    if share > params.max_quarantine_share:
        raise CheckFailed(
            f"{aside} of {aside + converted} series of {raw} set aside ({reasons}), more than "
            f"convert.max_quarantine_share: see {paths.CONVERT_REPORT}"
        )
