"""The report's code runs, at sizes whose figures mean nothing."""

import re

import numpy as np
import pytest

from syda.runtime import progress

from . import evaluate


@pytest.mark.slow
def test_the_report_has_a_row_of_every_metric_and_what_they_are_together(repository):
    page = evaluate.page(evaluate.QUICK, progress.hidden())
    aims, rows, peers = (b.splitlines() for b in page.split("\n\n") if b.startswith("|"))
    assert [row.endswith(("| met |", "| not met |")) for row in aims[2:]] == [True, True]
    assert aims[3].endswith("| met |")
    names = ("features", "MS-SSIM", "Perceptual", "KID", "Precision", "privacy", "together")
    assert all(any(row.startswith(f"| {name}") for row in rows) for name in names)
    for row in rows[2:]:
        assert re.fullmatch(r"\| [^|]+ \| \d+\.\d \| \d+\.\d \|", row), row
    *parts, together = (float(row.split(" | ")[1]) for row in rows[2:])
    assert together == pytest.approx(sum(parts), abs=0.06 * len(parts))
    assert [row.split(" | ")[0] for row in peers[2:]] == ["| SYDA", "| MONAI"]
    assert str(repository) not in page


def test_bodies_differ_and_have_air_fat_liver_and_spine():
    first, second = evaluate.bodies(2, 32, seed=0)
    assert not np.array_equal(first, second)
    smooth = evaluate.bodies(1, 32, seed=0, blur=0.7)[0]
    assert smooth.std() < first.std()
    hu = first * 1000
    assert hu[16, 0, 0] < -900
    assert hu[:, :, 16].max() > 200
    assert (np.abs(hu - 40) < 60).mean() > 0.2
