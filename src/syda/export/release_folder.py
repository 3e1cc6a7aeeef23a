"""The folder of a release: ONNX, MONAI bundle, page, card, and the digests of all."""

import shutil
from pathlib import Path

from syda import paths
from syda.export import bundle, checksums, model_page, onnx_check
from syda.export.metadata import ReleasedModel
from syda.export.onnx_graph import to_onnx
from syda.runtime.outputs import write_bytes, write_text


def write(folder: Path, model: ReleasedModel, *, license_file: Path, card: Path) -> float:
    """Write a release.

    Args:
        folder: an empty one.
        model: that is released.
        license_file: of the code.
        card: the card as one HTML file.

    Returns:
        The largest difference of onnxruntime and torch, in the model range.

    Raises:
        CheckFailed: it is above the tolerance.
    """
    graph = to_onnx(model.module(), model.texts())
    difference = onnx_check.largest_difference(graph, model.generator)
    write_bytes(folder / paths.ONNX, graph)
    write_text(folder / paths.MODEL_PAGE, model_page.page(model))
    shutil.copyfile(card, folder / card.name)
    for name, content in bundle.files(model, license_file.read_bytes()).items():
        write_bytes(folder / paths.BUNDLE / name, content)
    weights = folder / paths.BUNDLE / bundle.MODELS
    weights.mkdir()
    for name in bundle.WEIGHTS:
        shutil.copyfile(model.generator.folder / name, weights / name)
    write_text(folder / paths.SHA256SUMS, checksums.listing(folder))
    return difference


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file below a folder, by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
