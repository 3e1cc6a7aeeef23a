"""Stage ``gallery``: the page that shows synthetic volumes beside real scans.

``reports/gallery.html`` is one file that opens from disk without a network. It shows real voxels:
DVC stores it, git never does.
"""

from pathlib import Path

from syda import paths
from syda.gallery import contents
from syda.gallery.config import GalleryParams
from syda.params import load
from syda.runtime import stage
from syda.runtime.outputs import write_text


def run(root: Path) -> None:
    """Write ``reports/gallery.html``.

    Raises:
        CheckFailed: not one volume of each kind fits into ``max_mb``.
        CorruptData: a volume, its JSON file or a record is unreadable.
    """
    params = load(root)
    section, ct, data = params.section("gallery", GalleryParams), params.ct, params.data
    with stage.running(
        root,
        "gallery",
        reads=[paths.RECORDS, paths.SYNTHETIC, paths.validation_report("synthetic")],
        writes=[paths.GALLERY],
        params={
            "gallery": section,
            "data": data.only("version", "artificial"),
            "ct": ct.only("spacing_mm", "window_min", "window_max"),
        },
    ):
        write_text(root / paths.GALLERY, contents.render_page(root, section, ct, data))
