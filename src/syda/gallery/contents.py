"""What the page shows: synthetic volumes, holdout scans, and a note that counts both.

The real scans are of the holdout. The model was not trained on them, so no synthetic volume is a
copy of one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from syda import paths
from syda.errors import CheckFailed, CorruptData
from syda.gallery import item, page
from syda.gallery.config import GalleryParams
from syda.gallery.item import DisplayScale, GalleryItem, Kind
from syda.params import CtParams, DataParams
from syda.records import reader
from syda.records.index import read_index
from syda.records.split import Split
from syda.runtime import progress
from syda.volume import nifti

SPLIT: Split = "holdout"

ATTRIBUTES = ("sex", "age_band", "kvp", "slice_thickness_mm")
"""Attributes of the acquisition that the table of a real scan lists."""


def render_page(root: Path, params: GalleryParams, ct: CtParams, data: DataParams) -> str:
    """Render the page from the first synthetic volumes and the first holdout scans.

    Raises:
        CheckFailed: not one volume of each kind fits into ``max_mb``.
        CorruptData: a volume, its JSON file or a record is unreadable.
    """
    scale = DisplayScale(ct.window_min, ct.window_max, params.hu_step)
    files = nifti.case_files(root / paths.SYNTHETIC)
    index = read_index(root / paths.RECORDS)
    available: dict[Kind, int] = {
        "synthetic": len(files),
        "real": sum(entry.split == SPLIT for entry in index),
    }
    wanted: dict[Kind, int] = {
        "synthetic": min(params.synthetic, available["synthetic"]),
        "real": min(params.real, available["real"]),
    }
    kinds = [
        _synthetic_items(files[: params.synthetic], scale),
        _real_items(root, params.real, ct, scale),
    ]
    fitting = page.select(kinds, scale, int(params.max_mb * 1e6))
    items = list(progress.track(fitting, sum(wanted.values()), "gallery", "volumes"))
    note = _note(items, wanted, available, params.max_mb)
    if data.version in data.artificial:
        note += f" The patients of data version {data.version} are artificial."
    return page.render(items, scale, note)


def _synthetic_items(files: Sequence[Path], scale: DisplayScale) -> Iterator[GalleryItem]:
    for file in files:
        description = file.with_name(f"{nifti.case_name(file)}.json")
        try:
            content = json.loads(description.read_text(encoding="utf-8"))
            yield item.synthetic(nifti.read(file), content, scale)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CorruptData(
                f"{paths.SYNTHETIC / description.name}: no description of a volume ({error!r}): "
                "generate again"
            ) from error


def _real_items(root: Path, count: int, ct: CtParams, scale: DisplayScale) -> Iterator[GalleryItem]:
    for record in islice(reader.read_split(root / paths.RECORDS, SPLIT, ct.spacing_mm), count):
        attributes = {name: record.case.attributes.get(name) for name in ATTRIBUTES}
        properties = asdict(record.properties) | attributes
        yield item.real(record.volume, record.case.case, SPLIT, properties, scale)


def _note(
    items: Sequence[GalleryItem],
    wanted: Mapping[Kind, int],
    available: Mapping[Kind, int],
    max_mb: float,
) -> str:
    """Count the volumes shown, and log when the size limit left some out."""
    shown = {kind: sum(one.kind == kind for one in items) for kind in wanted}
    counts = " and ".join(f"{shown[kind]} of {available[kind]} {kind} volumes" for kind in wanted)
    if not all(shown.values()):
        raise CheckFailed(
            f"gallery: {counts} fit into {max_mb:g} MB, one of each is needed: raise gallery.max_mb"
        )
    if shown != wanted:
        progress.log(f"gallery: {counts}: more would exceed gallery.max_mb, {max_mb:g} MB")
    return (
        f"Shown: {counts}, the first in order, none picked by hand. "
        f"The real ones are of the {SPLIT}, on which the model was not trained."
    )
