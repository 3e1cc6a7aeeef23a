"""Resampled scans to records, and the report on what was packed."""

import dataclasses
import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import disclosure_control
from syda.errors import CorruptData
from syda.params import CtParams
from syda.properties.measured import measure_properties
from syda.records.index import IndexEntry
from syda.records.schema import Record
from syda.records.split import SPLITS, Split
from syda.types import Attribute, Case, Properties
from syda.volume import nifti

ACQUISITION = ("kvp", "kernel", "slice_thickness_mm")
"""Attributes by which the scans of the data version are counted."""

_VOXEL_BYTES = 2  # int16


@dataclass(frozen=True)
class CaseSummary:
    """What the report needs of a case.

    Attributes:
        clipped: share of its voxels outside the model's HU window.
        properties: of the scan.
        attributes: of its header.
    """

    clipped: float
    properties: Properties
    attributes: Mapping[str, Attribute]


def expected_bytes(sources: Sequence[Path]) -> int:
    """Size of the images of all records, from the files' headers."""
    return sum(math.prod(nifti.read_header(source)[0]) for source in sources) * _VOXEL_BYTES


def read_cases(
    sources: Sequence[Path], ct: CtParams, summaries: dict[str, CaseSummary]
) -> Iterator[Record]:
    """Read and measure each case.

    Args:
        sources: NIfTI files; the JSON of each has the same name.
        ct: whose HU window is used.
        summaries: filled by case while the records are taken.

    Raises:
        CorruptData: a file cannot be read, or a JSON is of another case.
    """
    for source in sources:
        facts = json.loads(source.with_name(f"{nifti.case_name(source)}.json").read_text())
        case = Case(facts["case"], facts["patient"], facts["attributes"])
        if case.case != nifti.case_name(source):
            raise CorruptData(f"{source.name}: its JSON is of case {case.case}")
        volume = nifti.read(source)
        outside = (volume.hu < ct.window_min) | (volume.hu > ct.window_max)
        measured = measure_properties(volume)
        summaries[case.case] = CaseSummary(float(outside.mean()), measured, case.attributes)
        yield Record(case, volume, measured)


@dataclass(frozen=True)
class PackReport:
    """The content of ``reports/pack.json``.

    Attributes:
        index: of the records.
        summaries: by case.
    """

    index: Sequence[IndexEntry]
    summaries: Mapping[str, CaseSummary]

    def content(self) -> dict[str, Any]:
        """Counts and statistics of each split; those of few patients are suppressed."""
        return {
            "cases": {side: len(self._of(side)) for side in SPLITS},
            "patients": {side: len({e.patient for e in self._of(side)}) for side in SPLITS},
            "longest_sides": {
                side: _statistics([e.longest_side for e in self._of(side)]) for side in SPLITS
            },
            "clipped_share": {side: self._clipped_share(side) for side in SPLITS},
            "properties": {
                side: {
                    field.name: self._property(side, field.name)
                    for field in dataclasses.fields(Properties)
                }
                for side in SPLITS
            },
            "holdout_people": {
                "sex": self._holdout_counts("sex", str),
                "age": self._holdout_counts("age_band", disclosure_control.age_group),
            },
            "acquisition": {
                name: disclosure_control.count_series(self._pairs(self.index, name))
                for name in ACQUISITION
            },
        }

    def _of(self, side: Split) -> list[IndexEntry]:
        return [entry for entry in self.index if entry.split == side]

    def _clipped_share(self, side: Split) -> float:
        shares = [self.summaries[entry.case].clipped for entry in self._of(side)]
        return round(sum(shares) / max(1, len(shares)), 6)

    def _property(self, side: Split, name: str) -> dict[str, float] | str:
        values = {e: getattr(self.summaries[e.case].properties, name) for e in self._of(side)}
        measured = {entry: value for entry, value in values.items() if value is not None}
        if not measured:
            return "not measured"
        if disclosure_control.too_few_patients(entry.patient for entry in measured):
            return disclosure_control.SUPPRESSED
        return _statistics([*measured.values()])

    def _holdout_counts(
        self, name: str, group: Callable[[str], str]
    ) -> disclosure_control.CellCounts | str:
        """Count the held-out patients by an attribute, unless counts are too small."""
        holdout = self._pairs(self._of("holdout"), name)
        return disclosure_control.count_subset(self._pairs(self.index, name), holdout, group)

    def _pairs(self, entries: Sequence[IndexEntry], name: str) -> list[tuple[str, str]]:
        """Patient and attribute of each case."""
        return [
            (e.patient, disclosure_control.cell_name(self.summaries[e.case].attributes.get(name)))
            for e in entries
        ]


def _statistics(values: Sequence[float]) -> dict[str, float]:
    """Number, minimum, median and maximum; only the number where there is no value."""
    if not values:
        return {"n": 0}
    found = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {"n": len(values)} | {name: round(value, 4) for name, value in found.items()}
