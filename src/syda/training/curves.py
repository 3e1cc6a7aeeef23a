"""Training curves: means of the losses over equal spans of images, as CSV. No clock in it."""

import csv
import io
from collections.abc import Mapping

COLUMNS = ("images", "loss_g", "loss_d", "r1", "path", "d_real", "d_fake")
"""Of the CSV; a value that no step of the span computed is left empty."""


class Curves:
    """Collects values step by step.

    Args:
        span: images a line.

    Attributes:
        lines: finished lines, each a value by column.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.lines: list[dict[str, float]] = []
        self._open: dict[str, list[float]] = {}

    def add(self, images: int, values: Mapping[str, float]) -> None:
        """Add a step's values; images are those seen so far, the step included."""
        for name, value in values.items():
            self._open.setdefault(name, []).append(value)
        if images // self.span > (self.lines[-1]["images"] // self.span if self.lines else 0):
            means = {name: sum(several) / len(several) for name, several in self._open.items()}
            self.lines.append({"images": images, **means})
            self._open = {}

    def csv(self) -> str:
        """Return the lines as CSV text with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for line in self.lines:
            writer.writerow({name: f"{value:.6g}" for name, value in line.items()})
        return text.getvalue()
