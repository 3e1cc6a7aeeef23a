from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from syda.metrics.cohorts import Cohort, Sampling
from syda.metrics.conditioning import ConditionedVolumes, measure
from syda.properties.accuracy import Values, percentile_interval, weighted_spearman
from syda.properties.schema import MEASURED, unit_of
from syda.types import Properties

SAMPLING = Sampling(1, 10, 400)
MakeCohort = Callable[..., Cohort]
Make = Callable[..., ConditionedVolumes]


@pytest.fixture
def answers(as_cohort: MakeCohort) -> Make:
    def make(
        requested: list[Values], measured: list[Values], label: str = "synthetic"
    ) -> ConditionedVolumes:
        empty = np.zeros((len(requested), 1, 1, 1))
        return ConditionedVolumes(as_cohort(label, empty), requested, measured)

    return make


def column(name: str, values: object) -> list[Values]:
    return [{name: value} for value in values]


def test_every_measured_property_has_a_unit() -> None:
    assert {unit_of(key) for key in MEASURED} == {"mm", "1", "HU"}


def test_a_table_made_by_hand(answers: Make) -> None:
    requested = column("body_width_mm", [300, 310, 320, 330, 340])
    synthetic = answers(requested, column("body_width_mm", [301, 306, 323, 338, 335]))
    real = answers(requested, column("body_width_mm", [298, 312, 318, 332, 342]), "holdout")
    control = measure(synthetic, real, SAMPLING)["body_width_mm"]
    detail = control.detail()
    rho, mae = (detail["synthetic"][kind] for kind in ("rho", "mae"))
    # ranks 1 2 3 5 4: rho = 1 - 6 (0 + 0 + 0 + 1 + 1) / (5 (25 - 1))
    assert rho["value"] == pytest.approx(0.9)
    assert mae["value"] == pytest.approx((1 + 4 + 3 + 8 + 5) / 5)
    assert (rho["n"], mae["n"], detail["real"]["rho"]["n"]) == (5, 5, 5)
    assert [detail["real"][kind]["value"] for kind in ("rho", "mae")] == [1, 2]
    assert rho["low"] < 0.9 < rho["high"] <= 1
    assert control.summary() == {"rho": rho["value"], "mae": mae["value"]}
    assert detail["unit"] == "mm"
    assert mae["spread"] == {"bias": pytest.approx(0.6), "max": 8}
    assert mae["low"] < 4.2 < mae["high"]


def test_a_generator_that_does_the_opposite(answers: Make) -> None:
    requested = column("noise_hu", [1, 2, 3, 4])
    backwards = answers(requested, column("noise_hu", [4, 3, 2, 1]))
    found = measure(backwards, answers(requested, requested), SAMPLING)["noise_hu"]
    detail = found.detail()["synthetic"]
    assert [detail["rho"][key] for key in ("value", "low", "high")] == [-1, -1, -1]
    assert detail["mae"]["value"] == 2


def test_a_generator_that_obeys_has_rho_1(answers: Make) -> None:
    requested = np.random.default_rng(0).uniform(0.1, 0.4, 20)
    obedient = answers(column("fat_share", requested), column("fat_share", 2 * requested**2))
    exact = answers(column("fat_share", requested), column("fat_share", requested), "holdout")
    detail = measure(obedient, exact, SAMPLING)["fat_share"].detail()
    found, floor = detail["synthetic"], detail["real"]
    assert [found["rho"][key] for key in ("value", "low", "high")] == [1, 1, 1]
    missed = np.abs(2 * requested**2 - requested).mean()
    assert found["mae"]["value"] == pytest.approx(missed, abs=1e-6)
    assert (floor["rho"]["value"], floor["mae"]["value"]) == (1, 0)


def test_a_generator_that_does_not_listen_straddles_0(answers: Make) -> None:
    rng = np.random.default_rng(1)
    straddles = 0
    for _ in range(100):
        requested, measured = rng.normal(size=(2, 24))
        deaf = answers(column("noise_hu", requested), column("noise_hu", measured))
        rho = measure(deaf, deaf, SAMPLING)["noise_hu"].detail()["synthetic"]["rho"]
        straddles += rho["low"] < 0 < rho["high"]
    assert straddles >= 90


@pytest.mark.parametrize("ties", [False, True])
def test_whole_weights_are_repeated_values(ties: bool) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 4, (2, 9)) * 1.0 if ties else rng.normal(size=(2, 9))
    counts = rng.integers(1, 5, 9)
    expected = [
        stats.spearmanr(np.repeat(x, n), np.repeat(y, n)).statistic
        for n in (np.ones(9, int), counts)
    ]
    found = weighted_spearman(x, y, np.stack([np.ones(9), counts]))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_what_was_not_requested_or_not_measured_gives_nothing(answers: Make) -> None:
    def names(requested: list[Values], measured: list[Values]) -> list[str]:
        return list(measure(answers(requested, measured), answers([], []), SAMPLING))

    everything = [asdict(Properties(*map(float, range(n, n + 6)))) for n in range(5)]
    assert names([{}] * 5, everything) == []
    assert names(everything, [{}] * 5) == []
    assert names(everything, everything) == list(MEASURED)
    four = column("noise_hu", [1.0, 2.0, 3.0, None, 5.0])
    assert names(four, everything) == ["noise_hu"]
    assert names(everything, four) == ["noise_hu"]
    assert names(column("noise_hu", [1.0, 2.0, None, None, 5.0]), everything) == []
    assert names(column("noise_hu", ["1", "2", "3", "4", True]), everything) == []
    assert names(column("sex", "FMFMF"), column("sex", "FMFMF")) == []


def test_volumes_without_a_value_are_left_out_of_both_figures(answers: Make) -> None:
    requested = column("noise_hu", [10, 20, 30, 40, 99, None])
    measured = column("noise_hu", [11, 21, 31, 41, None, 7])
    both = answers(requested, measured)
    control = measure(both, both, SAMPLING)["noise_hu"]
    assert control.summary() == {"mae": 1, "rho": 1}
    for found in (control.detail()["synthetic"], control.detail()["real"]):
        assert (found["rho"]["low"], found["rho"]["value"], found["rho"]["high"]) == (1, 1, 1)
        assert (found["rho"]["n"], found["mae"]["n"], found["mae"]["value"]) == (4, 4, 1)


def test_no_rank_correlation_of_equal_values_and_no_floor_of_too_few(answers: Make) -> None:
    same = answers(column("noise_hu", [10] * 4), column("noise_hu", [9, 12, 10, 10]))
    few = answers(column("noise_hu", [1, 2, 3]), column("noise_hu", [1, 2, 3]), "holdout")
    control = measure(same, few, SAMPLING)["noise_hu"]
    assert control.summary() == {"mae": 0.75}
    assert control.detail()["synthetic"]["mae"]["n"] == 4
    assert control.detail()["synthetic"]["rho"] is None
    assert control.detail()["real"] is None


def test_volumes_of_one_patient_weigh_alike(as_cohort: MakeCohort) -> None:
    """Resampled together: the interval is that of four patients, not of eight scans."""
    values = column("noise_hu", [1, 5, 3, 8] * 2)
    measured = column("noise_hu", [2, 4, 5, 6] * 2)
    empty = np.zeros((8, 1, 1, 1))

    def width(patients: list[str] | None) -> float:
        answers = ConditionedVolumes(as_cohort("holdout", empty, patients), values, measured)
        detail = measure(answers, answers, SAMPLING)["noise_hu"].detail()
        return detail["real"]["mae"]["standard_error"]

    assert width(list("abcdabcd")) > 1.2 * width(None)


def test_percentiles_leave_two_and_a_half_percent_on_each_side() -> None:
    assert percentile_interval(np.linspace(-1, 1, 401)) == pytest.approx((-0.95, 0.95))
