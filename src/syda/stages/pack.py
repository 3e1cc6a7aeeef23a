"""Stage ``pack``: resampled scans to TFRecord shards, split by patient."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from syda import paths
from syda.errors import CorruptData
from syda.params import CtParams, Section, load
from syda.records import writer
from syda.records.schema import Record
from syda.records.split import SPLITS
from syda.runtime import progress, space, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.types import Case
from syda.volume import nifti

_VOXEL_BYTES = 2  # int16


class Params(Section):
    """Section ``pack``."""

    holdout_share: float = Field(gt=0, lt=1)
    """Expected share of patients held out."""
    shards: int = Field(ge=1)
    """Files for each split."""


def run(root: Path) -> None:
    """Pack ``data/resampled`` into ``data/records``; counts go to ``reports/pack.json``."""
    config = load(root)
    own, ct = config.section("pack", Params), config.ct
    with stage.running(
        root,
        "pack",
        reads=[paths.RESAMPLED, paths.validation_report("resampled")],
        writes=[paths.RECORDS, paths.PACK_REPORT],
        params={"ct": ct.only("window_min", "window_max"), "pack": own},
    ):
        sources = nifti.case_files(root / paths.RESAMPLED)
        clipped: dict[str, float] = {}
        with replace_folder(root / paths.RECORDS) as folder:
            need = sum(math.prod(nifti.read_header(source)[0]) for source in sources) * _VOXEL_BYTES
            space.require(folder, need, "pack")
            records = _records(sources, ct, clipped)
            tracked = progress.track(records, len(sources), "pack", "cases")
            index = writer.write(
                folder, tracked, holdout_share=own.holdout_share, shards=own.shards
            )
        write_json(root / paths.PACK_REPORT, _report(index, clipped))


def _records(sources: Sequence[Path], ct: CtParams, clipped: dict[str, float]) -> Iterator[Record]:
    """Read each case; note the share of its voxels that model space clips."""
    for source in sources:
        facts = json.loads(source.with_name(f"{nifti.case_name(source)}.json").read_text())
        case = Case(facts["case"], facts["patient"], facts["attributes"])
        if case.case != nifti.case_name(source):
            raise CorruptData(f"{source.name}: its JSON is of case {case.case}")
        volume = nifti.read(source)
        outside = (volume.hu < ct.window_min) | (volume.hu > ct.window_max)
        clipped[case.case] = float(outside.mean())
        yield Record(case, volume)


def _report(index: Sequence[writer.Entry], clipped: dict[str, float]) -> dict[str, Any]:
    sides = {side: [entry for entry in index if entry.split == side] for side in SPLITS}
    return {
        "cases": {side: len(entries) for side, entries in sides.items()},
        "patients": {side: len({e.patient for e in entries}) for side, entries in sides.items()},
        "longest_sides": {
            side: sorted(e.longest_side for e in entries) for side, entries in sides.items()
        },
        "clipped_share": {
            side: round(sum(clipped[e.case] for e in entries) / max(1, len(entries)), 6)
            for side, entries in sides.items()
        },
    }
