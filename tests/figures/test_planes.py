from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from syda.figures.planes import PLANES, grid, section, side_by_side, three_planes
from syda.types import Volume

BODY, BRIGHT = -60, 1000  # HU: a dark grey and white in the window


def volume_with_block(plane: str, spacing: tuple[float, float, float] = (2, 2, 2)) -> Volume:
    """A grey cube, a bright bar at the plane's patient right / anterior / superior corner."""
    hu = np.full((24, 24, 24), BODY, np.int16)
    high, every = slice(15, 20), slice(None)
    hu[
        {
            "axial": (high, high, every),
            "coronal": (high, every, high),
            "sagittal": (every, high, high),
        }[plane]
    ] = BRIGHT
    return Volume(hu, np.diag([*spacing, 1.0]))


def panels(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """The rows of a one-column picture: each cut to its grey body."""
    grey = np.abs(picture[..., 0] - 0.25) < 0.02
    filled = grey.any(axis=1)
    starts = np.flatnonzero(filled & ~np.roll(filled, 1))
    ends = np.flatnonzero(filled & ~np.roll(filled, -1)) + 1
    rows = [(a, b) for a, b in zip(starts, ends, strict=True) if b - a > 20]
    assert len(rows) == count
    cut = []
    for top, bottom in rows:
        columns = np.flatnonzero(grey[top:bottom].sum(axis=0) > 10)
        cut.append(picture[top:bottom, columns[0] : columns[-1] + 1, 0])
    return cut


@pytest.mark.parametrize("plane", PLANES)
def test_right_anterior_and_superior_are_at_the_left_and_top(plane: str, tmp_path: Path) -> None:
    path = tmp_path / "planes.png"
    three_planes([volume_with_block(plane)], path, caption=None, synthetic=False)
    panel = panels(imread(path), 3)[PLANES.index(plane)]
    half = panel.shape[0] // 2, panel.shape[1] // 2
    white = panel > 0.98
    upper_left = white[: half[0], : half[1]].mean()
    others = (white[: half[0], half[1] :], white[half[0] :, : half[1]], white[half[0] :, half[1] :])
    assert upper_left > 0.1
    assert all(other.mean() < 0.05 for other in others)


def test_section_axes_and_millimetres() -> None:
    hu = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    volume = Volume(hu, np.diag([1.0, 2.0, 3.0, 1.0]))
    for plane, (image, size), expected in (
        ("axial", (hu[::-1, ::-1, 3].T, (10, 4)), hu[3, 4, 3]),
        ("coronal", (hu[::-1, 2, ::-1].T, (18, 4)), hu[3, 2, 5]),
        ("sagittal", (hu[2, ::-1, ::-1].T, (18, 10)), hu[2, 4, 5]),
    ):
        drawn, drawn_size = section(volume, plane)
        np.testing.assert_array_equal(drawn, image)
        assert drawn_size == size
        assert drawn[0, 0] == expected


def test_the_aspect_follows_the_spacing(tmp_path: Path) -> None:
    path = tmp_path / "planes.png"
    volume = volume_with_block("axial", spacing=(2, 2, 4))
    three_planes([volume], path, caption=None, synthetic=False)
    axial, coronal, _ = panels(imread(path), 3)
    assert axial.shape[0] == pytest.approx(axial.shape[1], rel=0.04)
    assert coronal.shape[0] == pytest.approx(2 * coronal.shape[1], rel=0.04)


def orange(picture: np.ndarray) -> np.ndarray:
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    return (red > 0.8) & (green > 0.5) & (green < 0.75) & (blue < 0.2)


@pytest.mark.parametrize("synthetic", [True, False])
def test_every_synthetic_panel_and_no_other_is_marked(synthetic: bool, tmp_path: Path) -> None:
    path = tmp_path / "planes.png"
    volumes = [volume_with_block("axial"), volume_with_block("coronal")]
    three_planes(volumes, path, caption="Two volumes", synthetic=synthetic)
    marked = orange(imread(path)[..., :3])
    left, right = np.array_split(marked, 2, axis=1)
    for column in (left, right):
        rows = column.any(axis=1)
        marks = int((rows & ~np.roll(rows, 1)).sum())
        assert marks == (3 if synthetic else 0)


def test_side_by_side_marks_the_synthetic_half_alone(tmp_path: Path) -> None:
    path = tmp_path / "both.png"
    side_by_side([volume_with_block("axial")], [volume_with_block("axial")], path, caption=None)
    left, right = np.array_split(orange(imread(path)[..., :3]), 2, axis=1)
    assert not left.any()
    assert right.sum() > 100


def test_same_volumes_same_bytes_whatever_the_users_style(tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    volumes = [volume_with_block("axial")]
    three_planes(volumes, first, caption="Caption", synthetic=True, titles=["seed 1"])
    with mpl.rc_context({"font.size": 30, "image.interpolation": "nearest"}):
        three_planes(volumes, second, caption="Caption", synthetic=True, titles=["seed 1"])
    assert first.read_bytes() == second.read_bytes()
    assert b"Software" not in first.read_bytes()


def test_same_volumes_same_bytes_wherever_their_memory_lies(tmp_path: Path) -> None:
    """The solver of the layout adds in the order of addresses: see :mod:`syda.figures.style`."""
    path = tmp_path / "planes.png"
    random = np.random.default_rng(0)
    volumes = [volume_with_block("axial")]
    occupied: list[list[bytearray]] = []
    drawn = set()
    for _ in range(30):  # without rounding, one in five differs
        if random.random() < 0.3:
            occupied.clear()
        sizes = random.integers(10, 4000, random.integers(1, 200))
        occupied.append([bytearray(size) for size in sizes])
        three_planes(volumes, path, caption="Caption", synthetic=True, titles=["seed 1"])
        drawn.add(path.read_bytes())
    assert len(drawn) == 1


def test_a_volume_of_air_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "air.png"
    air = Volume(np.full((8, 8, 8), -1000, np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))
    three_planes([air], path, caption=None, synthetic=True)
    assert orange(imread(path)[..., :3]).any()


def test_a_grid_marks_a_coronal_and_a_sagittal_panel_of_each_volume(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    rows = [[volume_with_block("axial")] * 3, [volume_with_block("coronal")] * 3]
    grid(rows, path, labels=["sex F", "sex M"], caption="Two rows")
    marked = orange(imread(path)[..., :3])
    lines = marked.any(axis=1)
    starts = np.flatnonzero(lines & ~np.roll(lines, 1))
    assert len(starts) == 2
    for start in starts:
        columns = np.flatnonzero(marked[start : start + 12].any(axis=0))
        assert np.count_nonzero(np.diff(columns) > 20) == 2 * 3 - 1
