"""The page: one HTML file that needs no network and nothing beside it.

It draws on plain canvases: the virtual desktops of hospitals often have no WebGL.

Style and script are inlined, and the page's Content-Security-Policy allows these two by their
sha256 and nothing else, so that no request can leave it. Values reach the page as escaped text or
as JSON that the script sets as text: none becomes markup.

Source: W3C, Content Security Policy Level 3 (hashes); HTML Standard (data blocks).
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import zip_longest

from jinja2 import Environment, PackageLoader, StrictUndefined

from syda.gallery.exhibit import Exhibit, Kind, Scale

MARKS: Mapping[Kind, str] = {
    "synthetic": "SYNTHETIC, NOT FOR DIAGNOSIS",
    "real": "REAL, CONFIDENTIAL",
}
"""Drawn into each image."""

WINDOWS = {
    "abdomen": (400, 40),
    "soft tissue": (350, 50),
    "bone": (1800, 400),
    "lung": (1500, -600),
}
"""Width and centre in HU."""

_MARGIN_MM = 10
_NOTES, _TAGS = 1000, 200  # bytes, more than these take: in all, and around an exhibit


def render(exhibits: Sequence[Exhibit], scale: Scale, note: str = "") -> str:
    """Render the page; the same exhibits give the same text.

    Args:
        exhibits: in the order of the lists.
        scale: that the exhibits were packed with.
        note: on what is shown and what is not.
    """
    environment = Environment(
        loader=PackageLoader("syda.gallery", "."),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["signed"] = lambda number: str(number).replace("-", "−")
    style, script = _asset("viewer.css"), _asset("viewer.js")
    policy = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return environment.get_template("page.html.j2").render(
        policy="; ".join(f"{directive} {source}" for directive, source in policy.items()),
        style=style,
        script=script,
        exhibits=exhibits,
        kinds=list(MARKS),
        windows=WINDOWS,
        note=note,
        told={
            "marks": MARKS,
            "windows": WINDOWS,
            "low": scale.low,
            "high": scale.high,
            "step": scale.step,
            "field": _field(exhibits),
            "exhibits": [exhibit.head() for exhibit in exhibits],
        },
    )


def select(kinds: Iterable[Iterable[Exhibit]], scale: Scale, limit: int) -> Iterator[Exhibit]:
    """Yield exhibits of each kind by turns, as long as the page with the next one keeps the limit.

    Args:
        kinds: exhibits of one kind each.
        scale: that they were packed with.
        limit: bytes of the page.
    """
    left = limit - len(render([], scale).encode()) - _NOTES
    for turn in zip_longest(*kinds):
        for exhibit in filter(None, turn):
            left -= len(exhibit.voxels) + len(json.dumps(exhibit.head())) + _TAGS
            if left < 0:
                return
            yield exhibit


def _asset(name: str) -> str:
    return files("syda.gallery").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _field(exhibits: Sequence[Exhibit]) -> list[float]:
    """Extent in mm along i, j, k that holds every volume: one scale for all images."""
    sizes = [exhibit.size_mm for exhibit in exhibits] or [(0.0, 0.0, 0.0)]
    return [max(axis) + 2 * _MARGIN_MM for axis in zip(*sizes, strict=True)]
