"""Volumes whose every grey is known."""

import json
from typing import Any

import numpy as np
import pytest

from chromium import Chromium
from syda.gallery import item
from syda.gallery.item import DisplayScale, GalleryItem
from syda.types import Volume

SCALE = DisplayScale(-1000, 1000, 1)
DESCRIPTION = {
    "seed": 3,
    "truncation": 0.7,
    "weights_sha256": "0123456789abcdef" * 4,
    "effective_spacing_mm": 8.0,
    "properties": {
        "requested": {"sex": "F", "body_width_mm": 330.0},
        "measured": {"body_width_mm": 318.25, "fat_share": 0.25, "noise_hu": None},
    },
}


def octants(shape: tuple[int, int, int], spacing: float) -> Volume:
    """Eight blocks: 10 HU, and 100 more on the right, 40 in front, 20 on the side of the head."""
    halves = [np.arange(n) >= n // 2 for n in shape]
    right, front, head = np.meshgrid(*halves, indexing="ij")
    hu = 10 + 100 * right + 40 * front + 20 * head
    return Volume(hu.astype(np.int16), np.diag([spacing, spacing, spacing, 1.0]))


@pytest.fixture
def scale() -> DisplayScale:
    """Exact HU."""
    return SCALE


@pytest.fixture
def description() -> dict[str, Any]:
    """The JSON beside a synthetic volume."""
    return json.loads(json.dumps(DESCRIPTION))


@pytest.fixture
def blocks() -> Volume:
    """A volume of 320 x 160 x 80 mm in eight blocks."""
    return octants((40, 20, 10), 8.0)


@pytest.fixture
def items(blocks: Volume, description: dict[str, Any]) -> list[GalleryItem]:
    """Two synthetic volumes of 320 x 160 x 80 mm, and a real one of 200 x 100 x 60 mm."""
    other = Volume(blocks.hu + np.int16(50), blocks.affine)
    facts = {"body_width_mm": 200.0, "noise_hu": None, "sex": "M"}
    return [
        item.synthetic(blocks, description, SCALE),
        item.synthetic(other, description | {"seed": 4}, SCALE),
        item.real(octants((100, 50, 30), 2.0), "c0", "holdout", facts, SCALE),
    ]


@pytest.fixture
def browser(browser: Chromium, monkeypatch: pytest.MonkeyPatch) -> Chromium:
    """Chromium, which waits for both volumes."""
    volumes = "typeof sides !== 'undefined' && sides.every((side) => side.volume)"
    monkeypatch.setattr(browser, "ready", f"{Chromium.ready} && {volumes}")
    return browser
