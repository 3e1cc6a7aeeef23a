"""Lists for ``train.stages``."""

from typing import Any


def stages(
    images: int, *, side: int = 16, coarse: int = 0, fade: int = 0, batch: int = 4, first: int = 0
) -> list[dict[str, Any]]:
    """Return ``train.stages``: reconstruction alone, then half the side, then the side.

    Args:
        images: of all stages.
        side: of the last stage, voxels.
        coarse: images at half the side.
        fade: images over which the last stage fades in.
        batch: of each stage.
        first: images of the reconstruction alone, at half the side.
    """
    parts = [
        (side // 2, first, 0, False),
        (side // 2, coarse, 0, True),
        (side, images - first - coarse, fade, True),
    ]
    names = ("side", "images", "fade_images", "adversarial")
    return [dict(zip(names, part, strict=True)) | {"batch": batch} for part in parts if part[1]]
