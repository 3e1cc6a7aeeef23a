"""Volumes as a radiologist reads them: axial, coronal and sagittal mid slices in a soft window.

Display convention: the patient's right at the image's left; anterior at the top of an axial and at
the left of a sagittal image; superior at the top of a coronal and a sagittal one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from numpy.typing import NDArray

from syda.figures import style
from syda.types import Volume

WINDOW_LEVEL = (400, 40)
"""Width and centre in HU of the abdominal soft tissue window."""

PLANES = ("axial", "coronal", "sagittal")
MARK = "SYNTHETIC"

_CUT_AXIS = {"axial": 2, "coronal": 1, "sagittal": 0}
_EDGES = {"axial": ("R", "L", "A"), "coronal": ("R", "L", "S"), "sagittal": ("A", "P", "S")}
_PANEL = 2.2  # inches
_SMALL_PANEL, _LABEL = 1.5, 1.8  # inches
_GAP_MM = 10
_PATIENT_ABOVE_HU = -500
_MARGIN_MM = 25


@dataclass(frozen=True)
class Column:
    """One volume of a picture.

    Attributes:
        volume: RAS+.
        title: above it.
        synthetic: draw :data:`MARK` on each of its panels.
    """

    volume: Volume
    title: str
    synthetic: bool


def section(volume: Volume, plane: str) -> tuple[NDArray[np.int16], tuple[float, float]]:
    """Cut the mid slice of a plane and turn it for display.

    Args:
        volume: ``[i, j, k]`` HU, RAS+.
        plane: ``axial``, ``coronal`` or ``sagittal``.

    Returns:
        ``[row, column]`` HU, row 0 at the top, and the height and width in mm.
    """
    axis = _CUT_AXIS[plane]
    cut = np.take(volume.hu, volume.hu.shape[axis] // 2, axis=axis)
    image = cut.T[::-1, ::-1]  # RAS+ counts towards right, anterior, superior; a display away
    across, up = (volume.spacing[a] for a in range(3) if a != axis)
    return image, (image.shape[0] * up, image.shape[1] * across)


def three_planes(
    volumes: Sequence[Volume],
    path: Path,
    *,
    caption: str | None,
    synthetic: bool,
    titles: Sequence[str] | None = None,
) -> None:
    """Draw the mid slices of volumes as a PNG file: one column per volume, one row per plane.

    Args:
        volumes: RAS+, at least one.
        path: of the PNG file.
        caption: below the picture.
        synthetic: whether to mark each panel as synthetic.
        titles: one for each volume, above its column.
    """
    titles = titles or [""] * len(volumes)
    columns = [Column(v, title, synthetic) for v, title in zip(volumes, titles, strict=True)]
    draw(columns, path, caption=caption)


def side_by_side(
    scans: Sequence[Volume],
    synthetic: Sequence[Volume],
    path: Path,
    *,
    caption: str | None,
    title: str = "scan",
) -> None:
    """Draw scans on the left and as many synthetic volumes on the right.

    Unless the scans are of artificial patients, the picture must not be published with the code.

    Args:
        scans: RAS+.
        synthetic: RAS+; marked on each panel.
        path: of the PNG file.
        caption: below the picture.
        title: above each scan, before its number.
    """
    columns = [Column(v, f"{title} {n}", False) for n, v in enumerate(scans, start=1)]
    columns += [Column(v, f"synthetic {n}", True) for n, v in enumerate(synthetic, start=1)]
    draw(columns, path, caption=caption)


def draw(columns: Sequence[Column], path: Path, *, caption: str | None) -> None:
    """Draw columns of three panels at one scale, cropped to the patients, as a PNG file."""
    fields = {plane: _field(columns, plane) for plane in PLANES}
    width = max(half_width for _, half_width in fields.values())
    heights = [half_height for half_height, _ in fields.values()]
    size = (
        _PANEL * len(columns) + 0.4,
        _PANEL * sum(heights) / width + 0.5 + (0.3 if caption else 0),
    )
    with style.figure(path, size, padding=0.05) as figure:
        rows = figure.subplots(3, len(columns), squeeze=False, height_ratios=heights)
        for (plane, (height, _)), row in zip(fields.items(), rows, strict=True):
            row[0].set_ylabel(plane)
            for axes, column in zip(row, columns, strict=True):
                _panel(axes, column, plane)
                axes.set(xlim=(-width, width), ylim=(-height, height))
        for axes, column in zip(rows[0], columns, strict=True):
            axes.set_title(column.title, loc="center", fontsize=11)
        _scale_bar(rows[0, 0])
        if caption:
            figure.supxlabel(caption, fontsize=10, color=style.GREY)


def grid(
    rows: Sequence[Sequence[Volume]], path: Path, *, labels: Sequence[str], caption: str
) -> None:
    """Draw rows of synthetic volumes as a PNG file, each as a coronal and a sagittal mid slice.

    Args:
        rows: equally many volumes in each, RAS+; marked on each panel.
        path: of the PNG file.
        labels: one for each row, at its left.
        caption: below the picture.
    """
    columns = [Column(volume, "", synthetic=True) for row in rows for volume in row]
    coronal, sagittal = (_field(columns, plane) for plane in PLANES[1:])
    height, widths = max(coronal[0], sagittal[0]), (coronal[1], sagittal[1])
    across = len(rows[0])
    inch = _SMALL_PANEL / (2 * coronal[1])
    size = (
        2 * (sum(widths) + _GAP_MM) * across * inch + _LABEL,
        2 * height * len(rows) * inch + 0.4,
    )
    with style.figure(path, size, padding=0.02) as figure:
        parts = figure.subplots(
            len(rows), 3 * across, squeeze=False, width_ratios=[*widths, _GAP_MM] * across
        )
        for number, (plane, width) in enumerate(zip(PLANES[1:], widths, strict=True)):
            for axes, column in zip(parts[:, number::3].ravel(), columns, strict=True):
                _panel(axes, column, plane)
                axes.set(xlim=(-width, width), ylim=(-height, height))
        for gap in parts[:, 2::3].ravel():
            gap.set_axis_off()
        for axes, label in zip(parts[:, 0], labels, strict=True):
            axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
        _scale_bar(parts[0, 0])
        figure.supxlabel(caption, fontsize=10, color=style.GREY)


def _field(columns: Sequence[Column], plane: str) -> tuple[float, float]:
    """Half the height and width in mm that hold every patient and a margin."""
    halves = []
    for column in columns:
        image, size = section(column.volume, plane)
        patient = image > _PATIENT_ABOVE_HU
        for axis, length in enumerate(size):
            filled = np.flatnonzero(patient.any(axis=1 - axis)) if patient.any() else np.array([0])
            middle = (image.shape[axis] - 1) / 2
            voxel = length / image.shape[axis]
            halves.append((np.abs(filled - middle).max() + 0.5) * voxel + _MARGIN_MM)
    return max(halves[0::2]), max(halves[1::2])


def _panel(axes: Axes, column: Column, plane: str) -> None:
    image, (height, width) = section(column.volume, plane)
    window, level = WINDOW_LEVEL
    axes.imshow(
        image,
        cmap="gray",
        vmin=level - window / 2,
        vmax=level + window / 2,
        interpolation="bicubic",
        extent=(-width / 2, width / 2, -height / 2, height / 2),
    )
    axes.set(xticks=[], yticks=[], aspect="equal", facecolor="black")
    axes.spines[:].set_visible(False)
    _edge_letters(axes, _EDGES[plane])
    if column.synthetic:
        _text(axes, 0.5, 0.03, MARK, color=style.YELLOW, fontweight="bold", va="bottom")


def _edge_letters(axes: Axes, letters: tuple[str, str, str]) -> None:
    left, right, top = letters
    _text(axes, 0.02, 0.5, left, ha="left")
    _text(axes, 0.98, 0.5, right, ha="right")
    _text(axes, 0.5, 0.98, top, va="top")


def _text(axes: Axes, x: float, y: float, text: str, **options: str) -> None:
    """Write on a panel, outlined to be readable on any grey."""
    drawn: dict[str, Any] = {
        "color": "white",
        "ha": "center",
        "va": "center",
        "fontsize": 9,
    } | options
    outline = [patheffects.withStroke(linewidth=2, foreground="black")]
    axes.text(x, y, text, transform=axes.transAxes, path_effects=outline, **drawn)


def _scale_bar(axes: Axes) -> None:
    """Ten centimetres, in the upper left corner."""
    (left, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    inset = 0.03 * (right - left)
    axes.plot([left + inset, left + inset + 100], [top - inset] * 2, color="white", linewidth=2)
    axes.text(
        left + inset, top - 1.5 * inset, "10 cm", color="white", fontsize=8, va="top", ha="left"
    )
