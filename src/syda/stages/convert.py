"""Stage ``convert``: DICOM series to NIfTI in HU, RAS+, under pseudonymous case ids.

A series that is no CT volume is rejected with a reason. A sound series that does not meet the rules
of the cohort is excluded with a reason. Nothing that could identify a person leaves this stage.
"""

from pathlib import Path

from syda import paths
from syda.dicom import case_table, cohort, intake, intended_use, outcome, unconverted
from syda.dicom.config import Acceptance, ConvertParams
from syda.errors import UsageError
from syda.params import load
from syda.runtime import progress, stage
from syda.runtime.outputs import replace_folder, scratch_folder, write_json
from syda.volume.config import ResampleParams

EXCLUDED = "excluded.json"
"""File in data/nifti, never in git: which series the rules exclude, and why."""


def run(root: Path) -> None:
    """Convert ``data/raw/<data.version>`` to ``data/nifti`` and ``reports/convert.json``.

    Raises:
        CheckFailed: there is no case, or too many series and archives are rejected.
        UsageError: the data version, its key or a case of ``select.exclude`` does not exist.
    """
    config = load(root)
    params, data, ct = config.section("convert", ConvertParams), config.data, config.ct
    resample = config.section("resample", ResampleParams)
    raw = paths.RAW / data.version
    if not (root / raw).is_dir():
        raise UsageError(
            f"{raw} does not exist: put DICOM there, or set data.version to one of "
            f"{_versions(root)}"
        )
    key = cohort.pseudonym_key(root, data)
    with (
        intake.names_hidden(root / raw, raw),
        stage.running(
            root,
            "convert",
            reads=[raw],
            writes=[paths.NIFTI, paths.CONVERT_REPORT],
            params={
                "data": data,
                "ct": ct.only("hu_min", "hu_max", "spacing_mm"),
                "convert": params,
                "resample": resample,
            },
        ),
        scratch_folder(root / paths.NIFTI.with_name("unpacked")) as unpacked,
        replace_folder(root / paths.NIFTI) as folder,
    ):
        found = intake.list_files(root / raw)
        files, rejected = intake.unpack_archives(found, unpacked, params.archives, key)
        groups, ignored = intake.group_by_series(files)
        cache = cohort.earlier_results(root, params, ct, resample)
        accepted = Acceptance(data.version in data.artificial, resample.max_side)
        results = cohort.convert_all(groups, folder, key, params, ct, cache, accepted)
        series = cohort.choose_of_scans(results, folder, params.select)
        hint = unconverted.hint_of_single_images(groups, series, params.select.min_slices)
        sources = case_table.sources_of(root / raw, unpacked, found)
        table = case_table.archive_rows(rejected, sources, key)
        for uid, several in zip(sorted(groups), series, strict=True):
            table |= case_table.rows(groups[uid], several, sources)
        case_table.write(root, data.version, table)
        outcomes = [one for several in series for one in several] + rejected
        cases = [one for one in outcomes if one.attributes is not None]
        report = outcome.report(outcomes, ignored) | intended_use.counts(cases, params.select)
        report |= {"version": data.version, "artificial": data.version in data.artificial}
        write_json(root / paths.CONVERT_REPORT, report)
        write_json(folder / EXCLUDED, outcome.entries(one for one in outcomes if one.excluded))
        cohort.check_excluded_cases(params.select, outcomes)
        cohort.check_rejected_share(raw, report, params.max_rejected_share, hint)
        cache.prune(result.key for result in results)
    for line in intended_use.warnings(cases, params.select):
        progress.log(f"convert: warning: {line}")
    reused = cache.summary(cohort.converted_cases(results))
    progress.log(f"convert: {reused}, {unconverted.summary(outcomes, ignored, hint)}")


def _versions(root: Path) -> str:
    return ", ".join(sorted(p.name for p in (root / paths.RAW).glob("*") if p.is_dir())) or "(none)"
