"""Style and writing of every figure: no display, no global state, stable bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.style as mpl_style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from syda.runtime.outputs import write_bytes

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, YELLOW = "#CC79A7", "#56B4E9", "#E69F00"
"""Colours that people with a colour vision deficiency can tell apart.

Source: M. Okabe, K. Ito, "Color universal design", 2008.
"""

INK, GREY = "#222222", "#6b6b6b"

DPI = 120

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
}


@contextmanager
def figure(path: Path, size: tuple[float, float], *, padding: float) -> Iterator[Figure]:
    """Yield an empty figure that becomes a PNG file when the block ends without error.

    The file holds no software version or date, so that the same drawing gives the same bytes.

    Args:
        path: of the PNG file.
        size: width and height in inches.
        padding: around each panel, inches.
    """
    with mpl_style.context(_RC, after_reset=True):  # a user's matplotlibrc changes nothing
        layout = ConstrainedLayoutEngine(w_pad=padding, h_pad=padding, wspace=0, hspace=0)
        drawing = Figure(figsize=size, dpi=DPI, facecolor="white", layout=layout)
        FigureCanvasAgg(drawing)
        yield drawing
        _settle(drawing)
        content = io.BytesIO()
        drawing.savefig(content, format="png", metadata={"Software": None})
    write_bytes(path, content.getvalue())


def _settle(drawing: Figure) -> None:
    """Lay out once and round every place, far below a pixel.

    The layout's solver (kiwi) adds in the order of memory addresses: its last bits differ from one
    drawing to the next, and tip a pixel over now and then.
    """
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    for axes in drawing.axes:
        left, bottom, width, height = axes.get_position(original=True).bounds
        axes.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))
    for text in drawing.texts:
        x, y = text.get_position()
        text.set_position((round(x, 6), round(y, 6)))


def label(axes: Axes, title: str, x: str, y: str) -> None:
    """Title and axis labels (with units), over a light grid."""
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True)


def legend(axes: Axes) -> None:
    """Name the lines below the axes, in one row, where they hide no data."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, columnspacing=1.2)
