from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from syda.errors import CorruptData
from syda.figures import style
from syda.figures.charts import (
    Nearest,
    hu_histogram,
    nearest_training,
    read_curves,
    running_median,
    training_curves,
)


def has_colour(path: Path, colour: str) -> bool:
    wanted = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    close = np.abs(imread(path)[..., :3] - wanted).max(axis=-1) < 0.02
    return bool(close.sum() > 20)


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    path = tmp_path / "curves.csv"
    lines = [f"{n},{2 - n / 50},{1 + n / 50},{'' if n % 2 else 0.1},,0.5,-0.5" for n in range(40)]
    path.write_text("images,loss_g,loss_d,r1,path,d_real,d_fake\n" + "\n".join(lines) + "\n")
    return path


def test_empty_cells_are_gaps(curves: Path) -> None:
    read = read_curves(curves)
    assert read["loss_g"][25] == 1.5
    assert np.isnan(read["r1"][1])
    assert read["r1"][2] == 0.1
    assert np.isnan(read["path"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("images,loss_g\n", "no rows"),
        ("step,loss_g\n1,2\n", "no column 'images'"),
        ("images,loss_g\n1,x\n", "does not fit"),
        ("images,loss_g\n1\n", "does not fit"),
        ("images,loss_g\n1,2,3\n", "does not fit"),
    ],
)
def test_unreadable_curves_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(text)
    with pytest.raises(CorruptData, match=message):
        read_curves(path)


def test_running_median_drops_a_spike() -> None:
    np.testing.assert_array_equal(running_median(np.array([1.0, 1, 9, 1, 2]), 3), [1, 1, 1, 2, 1.5])


def test_a_run_shorter_than_the_window_is_not_smoothed() -> None:
    np.testing.assert_array_equal(running_median(np.array([3.0, 1.0]), 0), [3, 1])


def test_training_curves_draw_the_columns_that_hold_numbers(curves: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    training_curves(read_curves(curves), first)
    training_curves(read_curves(curves), second)
    assert first.read_bytes() == second.read_bytes()
    assert all(has_colour(first, colour) for colour in (style.BLUE, style.ORANGE, style.GREEN))
    assert not has_colour(first, style.PURPLE)  # the path length was never computed


def test_curves_without_any_drawn_column_give_an_empty_chart(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    training_curves({"images": np.array([1.0, 2.0])}, path)
    assert not has_colour(path, style.BLUE)


def test_hu_histogram_draws_all_three_cohorts(tmp_path: Path) -> None:
    centres = np.arange(-1000, 1001, 10)
    peak = np.exp(-(((centres - 40) / 60.0) ** 2))
    shares = {
        name: np.roll(peak, shift) / peak.sum()
        for name, shift in (("train", 0), ("holdout", 4), ("synthetic", -6))
    }
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    hu_histogram(centres, shares, first)
    hu_histogram(centres, shares, second)
    assert first.read_bytes() == second.read_bytes()
    assert all(has_colour(first, colour) for colour in (style.BLUE, style.SKY, style.ORANGE))


def test_nearest_training_draws_both_cohorts_in_every_space(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    far, near = rng.uniform(60, 90, 30), rng.uniform(40, 70, 20)
    spaces = [
        Nearest("Distances voxel by voxel", "HU", far, near, 42),
        Nearest("Distances perceptual", "1", far / 500, near / 500, 0.08),
    ]
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    nearest_training(spaces, first)
    nearest_training(spaces, second)
    assert first.read_bytes() == second.read_bytes()
    assert all(has_colour(first, colour) for colour in (style.SKY, style.ORANGE, style.GREY))


def test_without_a_space_the_picture_says_why(tmp_path: Path) -> None:
    nearest_training([], tmp_path / "a.png")
    assert has_colour(tmp_path / "a.png", style.INK)
    assert not has_colour(tmp_path / "a.png", style.ORANGE)
