"""Stage ``pack``: resampled scans to TFRecord shards, split by patient."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from syda import paths
from syda.errors import CheckFailed
from syda.params import load
from syda.records import writer
from syda.records.config import PackParams
from syda.records.index import IndexEntry
from syda.records.pack import CaseSummary, PackReport, expected_bytes, read_cases
from syda.records.split import SPLITS
from syda.runtime import disk, progress, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.volume import nifti


def run(root: Path) -> None:
    """Pack ``data/resampled`` into ``data/records``; counts go to ``reports/pack.json``.

    Raises:
        CheckFailed: all cases have one patient, so a split has none.
    """
    params = load(root)
    config, ct = params.section("pack", PackParams), params.ct
    with stage.running(
        root,
        "pack",
        reads=[paths.RESAMPLED, paths.validation_report("resampled")],
        writes=[paths.RECORDS, paths.PACK_REPORT],
        params={"ct": ct.only("window_min", "window_max"), "pack": config},
    ):
        sources = nifti.case_files(root / paths.RESAMPLED)
        summaries: dict[str, CaseSummary] = {}
        with replace_folder(root / paths.RECORDS) as folder:
            disk.require_free(folder, expected_bytes(sources), "pack")
            records = read_cases(sources, ct, summaries)
            tracked = progress.track(records, len(sources), "pack", "cases")
            index = writer.write(folder, tracked, config)
            _check_patients(index)
        write_json(root / paths.PACK_REPORT, PackReport(index, summaries).content())
    for line in _warnings(index, summaries):
        progress.log(f"pack: warning: {line}")


def _check_patients(index: Sequence[IndexEntry]) -> None:
    """Check that several cases do not all have one patient: a split would then be empty."""
    if len(index) > 1 and len({entry.patient for entry in index}) == 1:
        empty, *_ = [split for split in SPLITS if split != index[0].split]
        raise CheckFailed(
            f"pack: the {empty} split is empty, because all {len(index)} cases have one patient: "
            "if they are of several, give each a PatientID of its own in data/raw"
        )


def _warnings(index: Sequence[IndexEntry], summaries: Mapping[str, CaseSummary]) -> Iterator[str]:
    """Yield a line if holdout cases are of body parts that no training case states."""
    parts = {entry.case: summaries[entry.case].attributes.get("body_part") for entry in index}
    trained = {parts[entry.case] for entry in index if entry.split == "train"}
    holdout = [parts[entry.case] for entry in index if entry.split == "holdout"]
    other = [str(part) for part in holdout if part is not None and part not in trained]
    if other:
        yield (
            f"{len(other)} of {len(holdout)} holdout cases are of a body part that no training "
            f"case states ({', '.join(sorted({*other}))}): metrics against them show that, too"
        )
