"""Training curves: means of the losses over equal numbers of images, as CSV. No clock in it."""

import csv
import io
from collections.abc import Mapping

COLUMNS = (
    *("images", "loss_g", "loss_d", "r1", "path", "d_real", "d_fake"),
    *("ada_rt", "spread", "augment", "reconstruction", "kl", "distance_ratio"),
)
"""Of the CSV; empty where no step of the line computed a value."""


class Curves:
    """Collects values step by step.

    Args:
        span: images for each line.

    Attributes:
        lines: finished lines, values by column.
        open: values of the unfinished line.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.lines: list[dict[str, float]] = []
        self.open: dict[str, list[float]] = {}

    def add(self, images: int, values: Mapping[str, float]) -> bool:
        """Add a step's values, by column; return whether they finish a line.

        Args:
            images: image count after the step.
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
