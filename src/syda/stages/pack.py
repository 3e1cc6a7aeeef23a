"""Stage ``pack``: resampled scans to TFRecord shards, split by patient."""

import dataclasses
import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from syda import census, paths
from syda.errors import CorruptData
from syda.params import CtParams, Section, load
from syda.records import writer
from syda.records.schema import Record
from syda.records.split import SPLITS
from syda.records.tfrecord import Compression
from syda.runtime import progress, space, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.types import Attribute, Case, Properties
from syda.volume import nifti, properties

ACQUISITION = ("kvp", "kernel", "slice_thickness_mm")
"""Attributes by which the scans of the data version are counted."""

_VOXEL_BYTES = 2  # int16


class Params(Section):
    """Section ``pack``."""

    holdout_share: float = Field(gt=0, lt=1)
    """Expected share of patients held out."""
    shards: int = Field(ge=1, le=256)
    """Files for each split; all are open while they are written."""
    compression: Compression
    """Of each file as a whole."""


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
        measured: dict[str, Measured] = {}
        with replace_folder(root / paths.RECORDS) as folder:
            need = sum(math.prod(nifti.read_header(source)[0]) for source in sources) * _VOXEL_BYTES
            space.require(folder, need, "pack")
            records = _records(sources, ct, measured)
            tracked = progress.track(records, len(sources), "pack", "cases")
            index = writer.write(
                folder,
                tracked,
                holdout_share=own.holdout_share,
                shards=own.shards,
                compression=own.compression,
            )
        write_json(root / paths.PACK_REPORT, _report(index, measured))


@dataclass(frozen=True)
class Measured:
    """What the report needs of a case.

    Attributes:
        clipped: share of its voxels that model space clips.
        properties: of the scan.
        attributes: of its header.
    """

    clipped: float
    properties: Properties
    attributes: Mapping[str, Attribute]


def _records(
    sources: Sequence[Path], ct: CtParams, measured: dict[str, Measured]
) -> Iterator[Record]:
    """Read and measure each case."""
    for source in sources:
        facts = json.loads(source.with_name(f"{nifti.case_name(source)}.json").read_text())
        case = Case(facts["case"], facts["patient"], facts["attributes"])
        if case.case != nifti.case_name(source):
            raise CorruptData(f"{source.name}: its JSON is of case {case.case}")
        volume = nifti.read(source)
        outside = (volume.hu < ct.window_min) | (volume.hu > ct.window_max)
        found = properties.measure(volume)
        measured[case.case] = Measured(float(outside.mean()), found, case.attributes)
        yield Record(case, volume, found)


def _report(index: Sequence[writer.Entry], measured: dict[str, Measured]) -> dict[str, Any]:
    sides = {side: [entry for entry in index if entry.split == side] for side in SPLITS}
    return {
        "cases": {side: len(entries) for side, entries in sides.items()},
        "patients": {side: _patients(entries) for side, entries in sides.items()},
        "longest_sides": {
            side: _summary([e.longest_side for e in entries]) for side, entries in sides.items()
        },
        "clipped_share": {
            side: round(sum(measured[e.case].clipped for e in entries) / max(1, len(entries)), 6)
            for side, entries in sides.items()
        },
        "properties": {
            side: {
                field.name: _told(entries, measured, field.name)
                for field in dataclasses.fields(Properties)
            }
            for side, entries in sides.items()
        },
        "holdout_people": {
            "sex": _held_out(index, measured, "sex", str),
            "age": _held_out(index, measured, "age_band", census.age_group),
        },
        "acquisition": {name: census.series(_pairs(index, measured, name)) for name in ACQUISITION},
    }


def _held_out(
    index: Sequence[writer.Entry],
    measured: dict[str, Measured],
    name: str,
    group: Callable[[str], str],
) -> census.Cells | str:
    """Count the held-out patients by an attribute, as far as that tells of nobody."""
    held = [entry for entry in index if entry.split == "holdout"]
    return census.part_of(_pairs(index, measured, name), _pairs(held, measured, name), group)


def _pairs(
    entries: Sequence[writer.Entry], measured: dict[str, Measured], name: str
) -> list[tuple[str, str]]:
    """Patient and attribute of each case."""
    return [(e.patient, census.text(measured[e.case].attributes.get(name))) for e in entries]


def _patients(entries: Sequence[writer.Entry]) -> int:
    return len({entry.patient for entry in entries})


def _told(
    entries: Sequence[writer.Entry], measured: dict[str, Measured], name: str
) -> dict[str, float] | str:
    """Summarise a property of a split, unless it would tell of a few people."""
    values = {e.case: getattr(measured[e.case].properties, name) for e in entries}
    known = [entry for entry in entries if values[entry.case] is not None]
    if not known:
        return "not measured"
    if census.too_few(entry.patient for entry in known):
        return census.NOT_TOLD
    return _summary([values[entry.case] for entry in known])


def _summary(values: Sequence[float]) -> dict[str, float]:
    """Least, middle and greatest value; only their number where there is none."""
    if not values:
        return {"n": 0}
    picks = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {"n": len(values)} | {name: round(value, 4) for name, value in picks.items()}
