"""A volume on the page: its voxels packed for the browser, and what stands beside it."""

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
"""Unit of a property by the end of its name; a share is shown in percent."""

LABELS = {"kvp": "tube voltage", "effective_spacing_mm": "voxel"}
"""Properties whose names do not speak for themselves."""

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class Scale:
    """Which HU the page can tell apart.

    Attributes:
        low: HU; what lies below is shown as this.
        high: HU; what lies above likewise.
        step: HU, to a multiple of which above ``low`` each voxel is rounded.
    """

    low: int
    high: int
    step: int


@dataclass(frozen=True)
class Exhibit:
    """One volume as the page holds it.

    Attributes:
        kind: whose it is.
        name: in the list of volumes.
        facts: lines beside it.
        columns: head of the table beside it.
        rows: of that table.
        shape: voxels along i, j, k.
        spacing: mm along i, j, k.
        voxels: base64 of gzip of the low bytes of all voxels, then the high bytes, i fastest; each
            counts the steps above ``Scale.low``.
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

    def head(self) -> dict[str, Any]:
        """All but the voxels, for JSON."""
        return {key: value for key, value in vars(self).items() if key != "voxels"}


def synthetic(volume: Volume, told: Mapping[str, Any], scale: Scale) -> Exhibit:
    """Exhibit a synthetic volume.

    Args:
        volume: RAS+.
        told: the JSON beside it (:mod:`syda.stages.generate`).
        scale: of the page.

    Raises:
        KeyError: the JSON lacks what the page shows.
    """
    asked = told["properties"]["asked"]
    measured = told["properties"]["measured"] | {EFFECTIVE_SPACING: told[EFFECTIVE_SPACING]}
    seen = [field.name for field in fields(Properties) if field.name in measured]
    names = dict.fromkeys([*seen, *sorted(asked), *sorted(measured)])
    rows = [(label(n), shown(n, asked.get(n)), shown(n, measured.get(n))) for n in names]
    facts = (
        f"Seed {told['seed']}, truncation {told['truncation']:g}",
        f"Weights {told['weights_sha256'][:12]}",
    )
    columns = ("Property", "Asked", "Measured")
    return _exhibit("synthetic", f"Seed {told['seed']}", facts, columns, rows, volume, scale)


def real(
    volume: Volume, case: str, split: str, properties: Mapping[str, Attribute], scale: Scale
) -> Exhibit:
    """Exhibit a real scan.

    Args:
        volume: RAS+.
        case: pseudonym.
        split: that it belongs to.
        properties: by name; None is left out.
        scale: of the page.
    """
    rows = [(label(n), shown(n, value)) for n, value in properties.items() if value is not None]
    facts = (f"Case {case}", f"Split {split}")
    return _exhibit("real", f"Case {case}", facts, ("Property", "Value"), rows, volume, scale)


def _exhibit(
    kind: Kind,
    name: str,
    facts: tuple[str, ...],
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    volume: Volume,
    scale: Scale,
) -> Exhibit:
    cropped = crop_empty_planes(volume)
    i, j, k = cropped.hu.shape
    mm = " × ".join(f"{size:.4g}" for size in dict.fromkeys(cropped.spacing))
    return Exhibit(
        kind,
        name,
        (*facts, f"Voxel {mm} mm"),
        columns,
        tuple(rows),
        (i, j, k),
        cropped.spacing,
        packed(cropped, scale),
    )


def packed(volume: Volume, scale: Scale) -> str:
    """Voxels as :class:`Exhibit` holds them.

    Noise fills the low bytes and leaves the high ones nearly empty: apart they take a fifth less.
    """
    steps = (volume.hu.clip(scale.low, scale.high).astype(np.float32) - scale.low) / scale.step
    counts = np.rint(steps).astype("<u2").transpose(2, 1, 0)
    planes = np.ascontiguousarray(counts).view(np.uint8).reshape(-1, 2).T.tobytes()
    return base64.b64encode(gzip.compress(planes, _GZIP_LEVEL, mtime=0)).decode()


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def label(name: str) -> str:
    """Name of a property in words: ``body_width_mm`` is "body width"."""
    stem = name.removesuffix("_mm").removesuffix("_hu")
    return LABELS.get(name, stem.replace("_", " "))


def shown(name: str, value: Attribute) -> str:
    """Value of a property with its unit; a dash where it is not known."""
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
