"""The progress bar of long work: what is done, what is left, how long it takes."""

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
    """Show no bars of what runs in the block: it is a small part of longer work with its own."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


def bar(total: int, label: str, unit: str, done: int = 0) -> "tqdm[Any]":
    """Return a bar on stderr; in a log file it prints a line every ten seconds at most."""
    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=f" {unit}",
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


def say(line: str) -> None:
    """Print a line on stderr, below the bars."""
    tqdm.write(line, file=sys.stderr)
