"""The page of one reader: one HTML file without the answers, which sends nothing.

Style and scripts are inlined. The Content-Security-Policy allows only these, by their sha256. The
viewer is that of the gallery, without the marks in the images.

Source: W3C, Content Security Policy Level 3 (hashes).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

from syda.gallery.page import WINDOWS
from syda.reading.key import StudyItem, page_sha256
from syda.reading.responses import LEVELS, ORGAN_RATINGS, ORGANS, ROLES
from syda.reading.volumes import ShownVolumes
from syda.runtime.digest import csp_sha256

_MARGIN_MM = 10


@dataclass(frozen=True)
class PageContent:
    """What a page holds.

    Attributes:
        description: JSON text: items, windows and digest of the key.
        voxels: packed voxels of each item.
    """

    description: str
    voxels: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Digest that the page's script computes too."""
        return page_sha256(self.description, self.voxels)


def content(
    reader: int, key_sha256: str, items: Sequence[StudyItem], volumes: ShownVolumes
) -> PageContent:
    """Return the content of a page.

    Args:
        reader: number of the reader, from 1.
        key_sha256: salted digest of the answers.
        items: of the reader, in order.
        volumes: of the study.
    """
    shown = [volumes.shown[item.volume] for item in items]
    sizes = [
        [n * mm for n, mm in zip(one.shape, one.spacing, strict=True)] for one in volumes.shown
    ]
    description = {
        "reader": reader,
        "key_sha256": key_sha256,
        "codes": [item.code for item in items],
        "organs": ORGANS,
        "marks": {"volume": ""},
        "windows": WINDOWS,
        "low": volumes.scale.low,
        "high": volumes.scale.high,
        "step": volumes.scale.step,
        "field": [max(axis) + 2 * _MARGIN_MM for axis in zip(*sizes, strict=True)],
        "items": [
            {
                "kind": "volume",
                "name": f"Item {number}",
                "facts": [],
                "columns": ["Item"],
                "rows": [],
                "shape": one.shape,
                "spacing": one.spacing,
            }
            for number, one in enumerate(shown, start=1)
        ],
    }
    return PageContent(str(htmlsafe_json_dumps(description)), tuple(one.voxels for one in shown))


def render(page: PageContent) -> str:
    """Render the page of a reader."""
    environment = Environment(
        loader=PackageLoader("syda.reading", "."),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = _asset("gallery", "viewer.css") + _asset("reading", "study.css")
    viewer, script = _asset("gallery", "viewer.js"), _asset("reading", "study.js")
    policy = {
        "default-src": "'none'",
        "style-src": csp_sha256(style),
        "script-src": f"{csp_sha256(viewer)} {csp_sha256(script)}",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return environment.get_template("page.html.j2").render(
        policy="; ".join(f"{directive} {source}" for directive, source in policy.items()),
        style=style,
        viewer=viewer,
        script=script,
        page=page,
        windows=WINDOWS,
        roles=ROLES,
        organs=ORGANS,
        ratings=ORGAN_RATINGS,
        levels=range(1, LEVELS + 1),
    )


def _asset(package: str, name: str) -> str:
    return files(f"syda.{package}").joinpath(name).read_text(encoding="utf-8")
