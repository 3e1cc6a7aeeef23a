"""Stage ``gallery``: the page on which synthetic volumes are looked at beside real ones.

``reports/gallery.html`` is one file that opens from disk and asks no network. It shows real voxels:
DVC keeps it, git never does. Its real scans are of the holdout, which no training saw: what a
synthetic volume shares with them it did not copy.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from pydantic import Field

from syda import paths
from syda.errors import CheckFailed, CorruptData
from syda.gallery import exhibit, page
from syda.gallery.exhibit import Exhibit, Kind, Scale
from syda.params import CtParams, Section, load
from syda.records import reader
from syda.records.split import Split
from syda.runtime import progress, stage
from syda.runtime.outputs import write_text
from syda.volume import nifti

SPLIT: Split = "holdout"

ATTRIBUTES = ("sex", "age_band", "kvp", "slice_thickness_mm")
"""Of the acquisition, that stand beside a real scan with its measured properties."""


class Params(Section):
    """Section ``gallery``."""

    synthetic: int = Field(ge=1)
    """Most synthetic volumes on the page, the first by name: none is picked by hand."""
    real: int = Field(ge=1)
    """Most real scans on the page, in the order of the records."""
    hu_step: int = Field(ge=1, le=50)
    """HU, to which the page rounds voxels."""
    max_mb: float = Field(gt=0)
    """MB, size that the page stays below."""


def run(root: Path) -> None:
    """Write ``reports/gallery.html``.

    Raises:
        CheckFailed: not even one volume of each kind fits into ``max_mb``.
        CorruptData: a volume, the JSON beside it or a record is unreadable.
    """
    params = load(root)
    own, ct, data = params.section("gallery", Params), params.ct, params.data
    with stage.running(
        root,
        "gallery",
        reads=[paths.RECORDS, paths.SYNTHETIC, paths.validation_report("synthetic")],
        writes=[paths.GALLERY],
        params={
            "gallery": own,
            "data": data.model_dump(include={"version", "artificial"}),
            "ct": ct.model_dump(include={"spacing_mm", "window_min", "window_max"}),
        },
    ):
        scale = Scale(ct.window_min, ct.window_max, own.hu_step)
        files = nifti.case_files(root / paths.SYNTHETIC)
        held_out = sum(entry.split == SPLIT for entry in reader.read_index(root / paths.RECORDS))
        there: dict[Kind, int] = {"synthetic": len(files), "real": held_out}
        wanted: dict[Kind, int] = {
            "synthetic": min(own.synthetic, len(files)),
            "real": min(own.real, held_out),
        }
        fitting = page.select(
            [_synthetic(files[: own.synthetic], scale), _real(root, own.real, ct, scale)],
            scale,
            int(own.max_mb * 1e6),
        )
        shown = list(progress.track(fitting, sum(wanted.values()), "gallery", "volumes"))
        note = _note(shown, wanted, there, own.max_mb)
        if data.version in data.artificial:
            note += f" The patients of data version {data.version} are artificial."
        write_text(root / paths.GALLERY, page.render(shown, scale, note))


def _synthetic(files: Sequence[Path], scale: Scale) -> Iterator[Exhibit]:
    for file in files:
        beside = file.with_name(f"{nifti.case_name(file)}.json")
        try:
            told = json.loads(beside.read_text(encoding="utf-8"))
            yield exhibit.synthetic(nifti.read(file), told, scale)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CorruptData(
                f"{paths.SYNTHETIC / beside.name}: no description of a volume ({error!r}): "
                "generate again"
            ) from error


def _real(root: Path, count: int, ct: CtParams, scale: Scale) -> Iterator[Exhibit]:
    for record in islice(reader.read_split(root / paths.RECORDS, SPLIT, ct.spacing_mm), count):
        attributes = {name: record.case.attributes.get(name) for name in ATTRIBUTES}
        facts = asdict(record.properties) | attributes
        yield exhibit.real(record.volume, record.case.case, SPLIT, facts, scale)


def _note(
    shown: Sequence[Exhibit], wanted: Mapping[Kind, int], there: Mapping[Kind, int], max_mb: float
) -> str:
    """Say what the page shows of what there is, and on the terminal why it is fewer than asked."""
    count = {kind: sum(one.kind == kind for one in shown) for kind in wanted}
    told = " and ".join(f"{count[kind]} of {there[kind]} {kind} volumes" for kind in wanted)
    if not all(count.values()):
        raise CheckFailed(
            f"gallery: {told} fit into {max_mb:g} MB, one of each is needed: raise gallery.max_mb"
        )
    if count != wanted:
        progress.say(f"gallery: {told}: more would exceed gallery.max_mb, {max_mb:g} MB")
    return (
        f"Shown: {told}, the first in order, none picked by hand. "
        f"The real ones are of the {SPLIT}, which no training saw."
    )
