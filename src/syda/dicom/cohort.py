"""Every series of a data version to cases, with the results of earlier runs, and its checks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syda import paths
from syda.dicom import conversion, copies, identity, same_scan, selection
from syda.dicom.config import Acceptance, ConvertParams, SelectParams
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Reason
from syda.dicom.unconverted import listed
from syda.errors import CheckFailed, UsageError
from syda.params import CtParams, DataParams
from syda.runtime import engine
from syda.runtime.case_cache import CachedResult, CaseCache
from syda.runtime.digest import sha256_of, sha256_of_file
from syda.volume import nifti
from syda.volume.config import ResampleParams


@dataclass(frozen=True)
class SeriesTask:
    """One series for a worker.

    Attributes:
        uid: SeriesInstanceUID.
        files: files of its slices, in any order.
        folder: where the NIfTI and JSON files of its cases go.
        key: key of the pseudonyms. It must not appear in a log.
        params: how series are converted.
        ct: HU bounds.
        cache: results of earlier runs.
        accepted: what else decides whether a series is converted.
    """

    uid: str
    files: Sequence[Path]
    folder: Path
    key: bytes = field(repr=False)
    params: ConvertParams
    ct: CtParams
    cache: CaseCache
    accepted: Acceptance


def pseudonym_key(root: Path, data: DataParams) -> bytes:
    """Return the published key for an artificial data version, or the private key.

    Raises:
        UsageError: the private key is needed, and is missing or wrong.
    """
    if data.version in data.artificial:
        return data.artificial_key.encode()
    return identity.read_key(root / paths.PRIVATE_KEY)


def earlier_results(
    root: Path, params: ConvertParams, ct: CtParams, resample: ResampleParams
) -> CaseCache:
    """Return the results of earlier runs with the parameters that change a case.

    The rules of the cohort are no part of them: they are applied to an earlier result.
    """
    used = params.only("fill_one_missing_slice", "max_clamped_share")
    bounds = ct.only("hu_min", "hu_max", "spacing_mm")
    return CaseCache.of(root, "convert", {"ct": bounds, "convert": used, "resample": resample})


def convert_series(task: SeriesTask) -> CachedResult:
    """Convert each acquisition of a series, or take the result of an earlier run.

    The rules of the cohort are applied to either. An earlier result is taken unless the rules now
    accept what was not converted then.

    Returns:
        A result with the JSON form of each :class:`syda.dicom.outcome.Outcome`.
    """
    select = task.params.select

    def compute(folder: Path) -> dict[str, Any]:
        # The order decides which of several copies is used, and file names must not change it.
        files = sorted(task.files, key=sha256_of_file)
        given = task.params, task.ct, task.accepted
        found = conversion.convert(task.uid, files, folder, task.key, *given)
        return {"min_slices": select.min_slices, "outcomes": [one.to_json() for one in found]}

    result = task.cache.case(
        task.files,
        task.folder,
        compute,
        name=sha256_of(task.key + b" synthetic" * task.accepted.synthetic),
        cacheable=_is_cacheable,
        usable=lambda value: _judged(value, select) is not None,
    )
    outcomes = _judged(result.value, select) or []
    for one in outcomes:
        if one.excluded:
            remove_case(task.folder, one.label)
    return replace(result, value=[one.to_json() for one in outcomes])


def remove_case(folder: Path, case: str) -> None:
    """Remove the files of a case that is not taken, if it has been converted."""
    for suffix in (nifti.SUFFIX, ".json"):
        (folder / f"{case}{suffix}").unlink(missing_ok=True)


def convert_all(
    groups: Mapping[str, Sequence[Path]],
    folder: Path,
    key: bytes,
    params: ConvertParams,
    ct: CtParams,
    cache: CaseCache,
    accepted: Acceptance,
) -> list[CachedResult]:
    """Convert every series.

    Args:
        groups: files of each series, by SeriesInstanceUID.
        folder: where the cases go.
        key: key of the pseudonyms.
        params: how series are converted.
        ct: HU bounds.
        cache: results of earlier runs.
        accepted: what else decides whether a series is converted.

    Returns:
        The result of each series, ordered by UID.
    """
    tasks = [
        SeriesTask(uid, groups[uid], folder, key, params, ct, cache, accepted)
        for uid in sorted(groups)
    ]
    return list(engine.parallel_map(convert_series, tasks, "convert", "series"))


def outcomes_of(result: CachedResult) -> list[Outcome]:
    """Return the outcomes that the result of a series holds."""
    return [Outcome.from_json(one) for one in result.value]


def choose_of_scans(
    results: Sequence[CachedResult], folder: Path, params: SelectParams
) -> list[list[Outcome]]:
    """Return the outcomes of each series, with one series of a scan and without copies.

    The files of a case that is not taken are removed.
    """
    several = [outcomes_of(result) for result in results]
    chosen = same_scan.choose([one for outcomes in several for one in outcomes], params)
    chosen = copies.exclude(chosen)
    for one in chosen:
        if one.reason in (Reason.SAME_VOXELS, Reason.SAME_SCAN):
            remove_case(folder, one.label)
    rest = iter(chosen)
    return [[next(rest) for _ in outcomes] for outcomes in several]


def converted_cases(results: Sequence[CachedResult]) -> list[CachedResult]:
    """Return the result of the series once for each of its converted cases."""
    return [one for one in results for outcome in outcomes_of(one) if outcome.reason is None]


def check_excluded_cases(params: SelectParams, outcomes: Iterable[Outcome]) -> None:
    """Check that each case that a reader excludes exists.

    Raises:
        UsageError: a case id fits no series. Its scan may be in the data under another id.
    """
    missing = params.finding_of.keys() - {o.label for o in outcomes if o.excluded}
    if missing:
        raise UsageError(
            f"convert.select.exclude: no series is {', '.join(sorted(missing))}: remove the line "
            "if the scan is gone or belongs to another data version, otherwise correct the id"
        )


def check_rejected_share(
    raw: Path, report: dict[str, Any], max_share: float, hint: str = ""
) -> None:
    """Check that there are cases, and that not too many series and archives are rejected.

    Args:
        raw: folder of the data version, for the message.
        report: content of ``reports/convert.json``.
        max_share: largest share of rejected series and archives.
        hint: what :func:`syda.dicom.unconverted.hint_of_single_images` returned.

    Raises:
        CheckFailed: there is no CT series, no case, or a larger rejected share.
    """
    rejected, converted = len(report["rejected"]), report["converted"]
    faults, excluded = report["reasons"], dict(report["excluded"])
    del excluded["total"]
    if not converted and not faults and not excluded:
        found = report["files_ignored"]
        if found:
            raise CheckFailed(
                f"no CT series in {raw}, but {sum(found.values())} other files ({listed(found)}): "
                "docs/own-data.md explains each reason"
            )
        raise CheckFailed(f"no CT series in {raw}: put DICOM CT slices there, in any folders")
    if not converted:
        raise CheckFailed(
            f"no series of {raw} could be converted ({listed({**faults, **excluded})}){hint}: "
            f"see {paths.CONVERT_REPORT}"
        )
    if rejected / (rejected + converted) > max_share:
        raise CheckFailed(
            f"convert: {rejected} of {rejected + converted} series and archives of {raw} are "
            f"rejected ({listed(faults)}); convert.max_rejected_share allows {max_share}: "
            f"remove them or raise it; see {paths.CONVERT_REPORT}"
        )


def _is_cacheable(value: dict[str, Any]) -> bool:
    return not any(Outcome.from_json(one).is_transient for one in value["outcomes"])


def _judged(value: dict[str, Any], params: SelectParams) -> list[Outcome] | None:
    """Return the outcomes of a series by these rules, or None if it must be converted anew.

    The fewest slices decide how several acquisitions are separated, and which fault is found first.
    """
    outcomes = [Outcome.from_json(one) for one in value["outcomes"]]
    whole = all(one.facts is not None and not one.facts.separated for one in outcomes)
    if value["min_slices"] != params.min_slices and not whole:
        return None
    found = [selection.judged(one, params) for one in outcomes]
    complete = [one for one in found if one is not None]
    return complete if len(complete) == len(found) else None
