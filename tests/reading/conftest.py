"""A study without voxels, and simulated readers."""

import json

import numpy as np
import pytest

from syda.reading import key as keys
from syda.reading.design import StudyDesign
from syda.reading.responses import ORGANS

DESIGN = StudyDesign(readers=3, volumes=20, repeats=4, seed=1)
FACTS = {
    "data_version": "v0",
    "artificial": True,
    "weights_sha256": "0" * 64,
    "grid": "matched",
}


def respond(key, reader, score):
    """The response of a simulated reader; ``score`` maps a volume's number to -5..-1 or 1..5."""
    page = key.page(reader)
    items = []
    for item in page.items:
        value = int(score(item.volume))
        items.append(
            {
                "code": item.code,
                "decision": "synthetic" if value > 0 else "real",
                "confidence": abs(value),
                "organs": dict.fromkeys(ORGANS, "odd" if value > 0 else "plausible"),
                "realism": 3,
                "comment": "",
                "seconds": 12.5,
            }
        )
    return {
        "format": 1,
        "key_sha256": key.key_sha256,
        "page_sha256": page.page_sha256,
        "reader": reader,
        "role": "radiologist",
        "years": 7,
        "items": items,
    }


@pytest.fixture
def key():
    """Ten real and ten synthetic volumes, three readers."""
    volumes = [
        keys.StudyVolume(kind=kind, name=f"{kind}{n}")
        for kind in ("real", "synthetic")
        for n in range(DESIGN.volumes // 2)
    ]
    fields = keys.build(DESIGN, FACTS, volumes, "s" * 64)
    pages = {reader: f"{reader:064x}" for reader in range(1, DESIGN.readers + 1)}
    return keys.finish(fields, pages)


@pytest.fixture
def truth(key):
    """True for synthetic volumes."""
    return np.array([volume.kind == "synthetic" for volume in key.volumes])


@pytest.fixture
def hand_in(tmp_path, key):
    """Write the response of a simulated reader, changed at will, and return its path."""

    def write(reader, score, changed=None):
        path = tmp_path / f"reader-{reader}.json"
        path.write_text(json.dumps(respond(key, reader, score) | (changed or {})), encoding="utf-8")
        return path

    return write
