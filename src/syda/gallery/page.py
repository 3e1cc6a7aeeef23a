"""The page: one HTML file that needs no network and no other file.

It draws on plain canvases, because virtual desktops of hospitals often have no WebGL.

Style and script are inlined. The Content-Security-Policy allows only these two, by their sha256, so
the page can send no request. Values reach the page as escaped text, or as JSON that the script sets
as text: no value becomes markup.

Source: W3C, Content Security Policy Level 3 (hashes); HTML Standard (data blocks).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import zip_longest

from jinja2 import Environment, PackageLoader, StrictUndefined

from syda.gallery.item import DisplayScale, GalleryItem, Kind
from syda.runtime.digest import csp_sha256

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
_NOTE_BYTES, _TAG_BYTES = 1000, 200  # upper bounds: of the note, and of the tags of one item


def render(items: Sequence[GalleryItem], scale: DisplayScale, note: str = "") -> str:
    """Render the page; the same items give the same text.

    Args:
        items: in the order of the lists.
        scale: with which the items were packed.
        note: which volumes are shown.
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
        "style-src": csp_sha256(style),
        "script-src": csp_sha256(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return environment.get_template("page.html.j2").render(
        policy="; ".join(f"{directive} {source}" for directive, source in policy.items()),
        style=style,
        script=script,
        items=items,
        kinds=list(MARKS),
        windows=WINDOWS,
        note=note,
        data={
            "marks": MARKS,
            "windows": WINDOWS,
            "low": scale.low,
            "high": scale.high,
            "step": scale.step,
            "field": _field(items),
            "items": [item.metadata() for item in items],
        },
    )


def select(
    kinds: Iterable[Iterable[GalleryItem]], scale: DisplayScale, limit: int
) -> Iterator[GalleryItem]:
    """Yield items of each kind in turn until the next one would exceed the size limit.

    Args:
        kinds: items of one kind each.
        scale: with which they were packed.
        limit: bytes of the page.
    """
    left = limit - len(render([], scale).encode()) - _NOTE_BYTES
    for turn in zip_longest(*kinds):
        for item in filter(None, turn):
            left -= len(item.voxels) + len(json.dumps(item.metadata())) + _TAG_BYTES
            if left < 0:
                return
            yield item


def _asset(name: str) -> str:
    return files("syda.gallery").joinpath(name).read_text(encoding="utf-8")


def _field(items: Sequence[GalleryItem]) -> list[float]:
    """Extent in mm along i, j, k that holds every volume, so that all images have one scale."""
    sizes = [item.size_mm for item in items] or [(0.0, 0.0, 0.0)]
    return [max(axis) + 2 * _MARGIN_MM for axis in zip(*sizes, strict=True)]
