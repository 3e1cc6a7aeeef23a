"""A volume on the page: its voxels, packed for the browser, and its properties."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from syda.types import EFFECTIVE_SPACING, Attribute, Properties, Volume
from syda.volume.model_space import crop_empty_planes

Kind = Literal["synthetic", "real"]

UNITS = {"_mm": "mm", "_hu": "HU", "_share": "%", "kvp": "kV"}
"""Unit of a property, by the end of its name. Shares are shown in percent."""

LABELS = {"kvp": "tube voltage", "effective_spacing_mm": "voxel"}
"""Labels that differ from the property's name."""

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class DisplayScale:
    """Range and step of the HU that the page shows.

    Attributes:
        low: HU; lower voxels are clipped to it.
        high: HU; higher voxels are clipped to it.
        step: HU; voxels are rounded to ``low`` plus a multiple of it.
    """

    low: int
    high: int
    step: int


@dataclass(frozen=True)
class GalleryItem:
    """One volume of the page.

    Attributes:
        kind: synthetic or real.
        name: in the list of volumes.
        facts: lines below its images.
        columns: head of its table of properties.
        rows: of that table.
        shape: voxels along i, j, k.
        spacing: mm along i, j, k.
        voxels: base64 of gzip of the low bytes of all voxels, then the high bytes, i fastest; each
            counts the steps above ``DisplayScale.low``.
    """

    kind: Kind
    name: str
    facts: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    voxels: str

    @property
    def size_mm(self) -> tuple[float, float, float]:
        """Extent along i, j, k."""
        i, j, k = (n * mm for n, mm in zip(self.shape, self.spacing, strict=True))
        return i, j, k

    def metadata(self) -> dict[str, Any]:
        """Every field except the voxels, for JSON."""
        return {key: value for key, value in vars(self).items() if key != "voxels"}


def synthetic(volume: Volume, description: Mapping[str, Any], scale: DisplayScale) -> GalleryItem:
    """Make the item of a synthetic volume.

    Args:
        volume: RAS+.
        description: the JSON file of the same name (:mod:`syda.stages.generate`).
        scale: range and step of HU.

    Raises:
        KeyError: the JSON lacks what the page shows.
    """
    requested = description["properties"]["requested"]
    spacing = {EFFECTIVE_SPACING: description[EFFECTIVE_SPACING]}
    measured = description["properties"]["measured"] | spacing
    seen = [field.name for field in fields(Properties) if field.name in measured]
    names = dict.fromkeys([*seen, *sorted(requested), *sorted(measured)])
    rows = [
        (property_label(n), format_value(n, requested.get(n)), format_value(n, measured.get(n)))
        for n in names
    ]
    facts = (
        f"Seed {description['seed']}, truncation {description['truncation']:g}",
        f"Weights {description['weights_sha256'][:12]}",
    )
    columns = ("Property", "Requested", "Measured")
    return _item("synthetic", f"Seed {description['seed']}", facts, columns, rows, volume, scale)


def real(
    volume: Volume, case: str, split: str, properties: Mapping[str, Attribute], scale: DisplayScale
) -> GalleryItem:
    """Make the item of a real scan.

    Args:
        volume: RAS+.
        case: pseudonym.
        split: ``train`` or ``holdout``.
        properties: value by name; None is left out.
        scale: range and step of HU.
    """
    rows = [
        (property_label(n), format_value(n, value))
        for n, value in properties.items()
        if value is not None
    ]
    facts = (f"Case {case}", f"Split {split}")
    return _item("real", f"Case {case}", facts, ("Property", "Value"), rows, volume, scale)


def _item(
    kind: Kind,
    name: str,
    facts: tuple[str, ...],
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    volume: Volume,
    scale: DisplayScale,
) -> GalleryItem:
    cropped = crop_empty_planes(volume)
    i, j, k = cropped.hu.shape
    mm = " × ".join(f"{size:.4g}" for size in dict.fromkeys(cropped.spacing))
    return GalleryItem(
        kind,
        name,
        (*facts, f"Voxel {mm} mm"),
        columns,
        tuple(rows),
        (i, j, k),
        cropped.spacing,
        pack_voxels(cropped, scale),
    )


def pack_voxels(volume: Volume, scale: DisplayScale) -> str:
    """Pack voxels as :attr:`GalleryItem.voxels` describes.

    The high bytes are nearly all zero. Stored apart from the noisy low bytes, they pack to four
    fifths of the size.
    """
    steps = (volume.hu.clip(scale.low, scale.high).astype(np.float32) - scale.low) / scale.step
    counts = np.rint(steps).astype("<u2").transpose(2, 1, 0)
    planes = np.ascontiguousarray(counts).view(np.uint8).reshape(-1, 2).T.tobytes()
    return base64.b64encode(gzip.compress(planes, _GZIP_LEVEL, mtime=0)).decode()


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def property_label(name: str) -> str:
    """Name of a property in words.

    >>> property_label("body_width_mm")
    'body width'
    """
    stem = name.removesuffix("_mm").removesuffix("_hu")
    return LABELS.get(name, stem.replace("_", " "))


def format_value(name: str, value: Attribute) -> str:
    """Value of a property with its unit; a dash for None.

    >>> format_value("fat_share", 0.25)
    '25 %'
    """
    unit = _unit(name)
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            number = f"{value * 100 if unit == '%' else value:.1f}".removesuffix(".0")
            return f"{number} {unit}".rstrip()
        case _:
            return value
