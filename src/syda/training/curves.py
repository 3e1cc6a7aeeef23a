"""Training curves: means of the losses over equal spans of images, as CSV. No clock in it."""

import csv
import io
from collections.abc import Mapping

COLUMNS = (
    *("images", "loss_g", "loss_d", "r1", "path", "d_real", "d_fake"),
    *("told_apart", "spread", "augment"),
)
"""Of the CSV; a value that no step of the span computed is left empty."""


class Curves:
    """Collects values step by step.

    Args:
        span: images a line.

    Attributes:
        lines: finished lines, each a value by column.
        open: values of the line that is not finished yet.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.lines: list[dict[str, float]] = []
        self.open: dict[str, list[float]] = {}

    def add(self, images: int, values: Mapping[str, float]) -> bool:
        """Add a step's values, and tell whether they finish a line.

        Args:
            images: seen so far, the step included.
            values: by column.
        """
        for name, value in values.items():
            self.open.setdefault(name, []).append(value)
        if images // self.span <= (self.lines[-1]["images"] // self.span if self.lines else 0):
            return False
        means = {name: sum(several) / len(several) for name, several in self.open.items()}
        self.lines.append({"images": images, **means})
        self.open = {}
        return True

    def csv(self) -> str:
        """Return the lines as CSV text with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for line in self.lines:
            writer.writerow({name: f"{value:.6g}" for name, value in line.items()})
        return text.getvalue()
