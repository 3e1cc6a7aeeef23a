"""Charts of a training run and of HU."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from syda.errors import CorruptData
from syda.figures import style

Series = NDArray[np.float64]

LOSSES = {
    "loss_g": ("generator", style.BLUE),
    "loss_d": ("discriminator", style.ORANGE),
    "r1": ("R1 penalty", style.GREEN),
    "path": ("path length penalty", style.PURPLE),
}
SCORES = {
    "d_real": ("real images", style.BLUE),
    "d_fake": ("synthetic images", style.ORANGE),
}
"""Columns of the curves: label and colour."""

COHORTS = {
    "train": ("real, training", style.BLUE, "-"),
    "holdout": ("real, held out", style.SKY, "--"),
    "synthetic": ("synthetic", style.ORANGE, "-"),
}


@dataclass(frozen=True)
class Nearest:
    """Distances to the nearest training scan, in one space.

    Attributes:
        title: of the space.
        unit: of a distance; ``1`` for a bare number.
        synthetic: of each synthetic volume.
        holdout: of each held-out scan.
        threshold: a copy is nearer than this.
    """

    title: str
    unit: str
    synthetic: Series
    holdout: Series
    threshold: float


_SOFT_TISSUE = (-200, 300)
_SMOOTHED_SHARE = 0.05  # of the run, under the running median


def read_curves(path: Path) -> dict[str, Series]:
    """Read a CSV file of numbers; an empty cell is a gap.

    Returns:
        Column name to values, NaN where the cell is empty.

    Raises:
        CorruptData: a cell is not a number, or there is no row or no column ``images``.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream)) or [[]]
    if not rows or "images" not in header:
        raise CorruptData(f"{path.name}: no rows, or no column 'images'")
    try:
        values = [
            [float(cell or "nan") for _, cell in zip(header, row, strict=True)] for row in rows
        ]
    except ValueError as error:
        raise CorruptData(f"{path.name}: a row that does not fit the header ({error})") from error
    return dict(zip(header, np.array(values).T, strict=True))


def training_curves(curves: Mapping[str, Series], path: Path) -> None:
    """Draw losses and discriminator scores over the images shown, as a PNG file.

    Args:
        curves: as :func:`read_curves` returns; of LOSSES and SCORES, the columns that it has.
        path: of the PNG file.
    """
    with style.figure(path, (11, 4.2), padding=0.08) as figure:
        losses, scores = figure.subplots(1, 2)
        _lines(losses, curves, LOSSES)
        style.label(losses, "Losses", "real images shown", "loss")
        _lines(scores, curves, SCORES)
        style.label(scores, "Discriminator's score", "real images shown", "logit")
        scores.axhline(0, color=style.GREY, linewidth=1)


def _lines(
    axes: Axes, curves: Mapping[str, Series], columns: Mapping[str, tuple[str, str]]
) -> None:
    for column in (name for name in columns if name in curves):
        present = np.isfinite(curves[column])
        if not present.any():
            continue
        images, values = curves["images"][present], curves[column][present]
        name, colour = columns[column]
        axes.plot(images, values, color=colour, linewidth=0.8, alpha=0.25)
        smooth = running_median(values, round(_SMOOTHED_SHARE * len(values)))
        axes.plot(images, smooth, color=colour, label=name)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    style.legend(axes)


def running_median(values: Series, points: int) -> Series:
    """Running median; the window shrinks at both ends."""
    half = points // 2
    windows = (values[max(0, n - half) : n + half + 1] for n in range(len(values)))
    return np.array([np.median(window) for window in windows])


def hu_histogram(centres: NDArray[np.int64], shares: Mapping[str, Series], path: Path) -> None:
    """Draw HU histograms: the whole window, and soft tissue enlarged, as a PNG file.

    Args:
        centres: of the bins, HU.
        shares: ``train``, ``holdout`` and ``synthetic`` to the share of voxels in each bin.
        path: of the PNG file.
    """
    width = int(centres[1] - centres[0])
    soft = (centres >= _SOFT_TISSUE[0]) & (centres <= _SOFT_TISSUE[1])
    with style.figure(path, (11, 4.2), padding=0.08) as figure:
        whole, enlarged = figure.subplots(1, 2)
        for cohort, (name, colour, dashes) in COHORTS.items():
            options = {"color": colour, "linestyle": dashes, "label": name}
            whole.step(centres, 100 * shares[cohort], where="mid", **options)
            enlarged.step(centres[soft], 100 * shares[cohort][soft], where="mid", **options)
        whole.set_yscale("log")
        enlarged.set_ylim(bottom=0)
        unit = f"voxels in {width} HU (%)"
        style.label(whole, "Whole window (log scale)", "Hounsfield units", unit)
        style.label(enlarged, "Fat and soft tissue", "Hounsfield units", unit)
        style.legend(whole)
        style.legend(enlarged)


def nearest_training(spaces: Sequence[Nearest], path: Path) -> None:
    """Draw how many volumes lie within a distance of a training scan, as a PNG file.

    Args:
        spaces: one panel each; without any, the picture says why.
        path: of the PNG file.
    """
    with style.figure(path, (11, 4.2), padding=0.08) as figure:
        if not spaces:
            figure.text(0.5, 0.5, "Not measured: too few patients in a cohort", ha="center")
        for panel, space in enumerate(spaces, start=1):
            axes = figure.add_subplot(1, len(spaces), panel)
            for cohort, values in (("holdout", space.holdout), ("synthetic", space.synthetic)):
                name, colour, dashes = COHORTS[cohort]
                axes.ecdf(values, color=colour, linestyle=dashes, label=name)
            axes.axvline(space.threshold, color=style.GREY, linestyle=":", label="nearer: a copy")
            axes.set_xlim(left=0)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}"))
            unit = "" if space.unit == "1" else f" ({space.unit})"
            distance = f"distance to the nearest training scan{unit}"
            style.label(axes, space.title, distance, "volumes within it (%)")
            style.legend(axes)
