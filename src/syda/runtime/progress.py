"""Progress bars and log lines on stderr."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")

_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def hidden() -> Iterator[None]:
    """Show no bars while the block runs: the longer work around it has its own."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


def bar(total: int, label: str, unit: str, done: int = 0, *, scale: bool = False) -> "tqdm[Any]":
    """Return a bar on stderr; in a log file it prints a line every ten seconds at most.

    Args:
        total: number of units.
        label: before the bar.
        unit: after the numbers.
        done: number of units at the start.
        scale: write 6.98G in the place of 6983683356.
    """
    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=unit if scale else f" {unit}",
        unit_scale=scale,
        mininterval=0.1 if live else 10.0,
        ncols=None if live else 80,
        dynamic_ncols=live,
        disable=_hidden.get(),
    )


def track(items: Iterable[T], total: int, label: str, unit: str) -> Iterator[T]:
    """Yield the items and move a bar."""
    with bar(total, label, unit) as progress:
        for item in items:
            yield item
            progress.update()


def log(line: str) -> None:
    """Print a line on stderr, below the bars."""
    tqdm.write(line, file=sys.stderr)
