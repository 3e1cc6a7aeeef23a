"""Stage ``pack``: resampled scans to TFRecord shards, split by patient."""

from pathlib import Path

from syda import paths
from syda.params import load
from syda.records import writer
from syda.records.config import PackParams
from syda.records.pack import CaseSummary, PackReport, expected_bytes, read_cases
from syda.runtime import disk, progress, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.volume import nifti


def run(root: Path) -> None:
    """Pack ``data/resampled`` into ``data/records``; counts go to ``reports/pack.json``."""
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
        write_json(root / paths.PACK_REPORT, PackReport(index, summaries).content())
