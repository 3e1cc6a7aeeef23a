import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from syda.reading import power, statistics
from syda.reading.design import StudyDesign

TRUTH = np.arange(40) < 20


def scores(auc, readers=3, seed=0):
    return power.simulate_scores(auc, readers, TRUTH, np.random.default_rng(seed))


def test_the_auc_is_that_of_scikit_learn():
    simulated = scores(0.7, readers=5)
    found = statistics.auc_components(simulated, TRUTH).values
    assert found == pytest.approx([roc_auc_score(TRUTH, one) for one in simulated])


def test_the_variance_of_one_auc_is_that_of_a_published_formula():
    """Continuous scores: DeLong's variance is near Hanley and McNeil's (Radiology 143, 1982)."""
    generator = np.random.default_rng(0)
    truth = np.arange(2000) < 1000
    values = generator.exponential(np.where(truth, 3.0, 1.0))[None]  # their negative exponential
    parts = statistics.auc_components(values, truth)
    auc = 0.75  # rate 3 to 1
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    expected = (auc * (1 - auc) + 999 * (q1 - auc**2) + 999 * (q2 - auc**2)) / 1000**2
    assert parts.values[0] == pytest.approx(auc, abs=0.03)
    assert parts.covariance()[0, 0] == pytest.approx(expected, rel=0.1)


def test_the_interval_follows_hillis_by_hand():
    parts = statistics.auc_components(scores(0.7), TRUTH)
    cov = parts.covariance()
    shared = (cov[0, 1] + cov[0, 2] + cov[1, 2]) / 3
    between = np.var(parts.values, ddof=1)
    variance = between / 3 + shared
    freedom = 2 * (1 + 3 * shared / between) ** 2
    figure = statistics.mean_figure(parts)
    half = statistics.stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert (figure.low, figure.high) == pytest.approx((figure.value - half, figure.value + half))


def test_readers_at_chance_have_an_auc_of_one_half():
    figures = [
        statistics.mean_figure(statistics.auc_components(scores(0.5, seed=n), TRUTH))
        for n in range(200)
    ]
    assert np.mean([one.value for one in figures]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([one.low <= 0.5 <= one.high for one in figures]) > 0.88  # of 200


def test_perfect_readers_have_no_interval():
    perfect = np.where(TRUTH, 5.0, -5.0)[None].repeat(3, axis=0)
    for extract in (statistics.auc_components, statistics.accuracy_components):
        figure = statistics.mean_figure(extract(perfect, TRUTH))
        assert (figure.value, figure.low, figure.high) == (1.0, None, None)


def test_a_biased_reader_loses_accuracy_and_no_auc():
    """The reader says "synthetic" of every volume, and is more confident of the right ones."""
    biased = np.where(TRUTH, 5.0, 1.0)[None]
    assert statistics.auc_components(biased, TRUTH).values == [1.0]
    assert statistics.accuracy_components(biased, TRUTH).values == [0.5]


def test_mixed_readers_widen_the_interval():
    perfect = np.where(TRUTH, 5.0, -5.0)
    same = scores(0.75)
    mixed = np.stack([perfect, scores(0.5, 1)[0], -perfect])
    widths = []
    for one in (same, mixed):
        figure = statistics.mean_figure(statistics.auc_components(one, TRUTH))
        widths.append(figure.high - figure.low)
    assert widths[1] > 2 * widths[0]


def test_one_reader_has_the_interval_of_delong():
    parts = statistics.auc_components(scores(0.7, readers=1), TRUTH)
    figure = statistics.mean_figure(parts)
    half = 1.959964 * parts.covariance()[0, 0] ** 0.5
    assert figure.low == pytest.approx(figure.value - half)


def test_fleiss_kappa_of_a_published_table():
    """Ten subjects, fourteen raters, five categories: kappa 0.210 (Wikipedia, "Fleiss' kappa")."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    ratings = np.array([np.repeat(np.arange(5), row) for row in table]).T
    assert statistics.fleiss_kappa(ratings, 5) == pytest.approx(0.210, abs=0.0005)


def test_weighted_kappa_is_that_of_scikit_learn():
    first, second = np.random.default_rng(0).integers(0, 5, (2, 50))
    expected = cohen_kappa_score(first, second, weights="quadratic", labels=range(5))
    assert statistics.weighted_kappa(first, second, 5) == pytest.approx(expected)
    assert statistics.weighted_kappa(first // 3, second // 3, 2) == pytest.approx(
        cohen_kappa_score(first // 3, second // 3)
    )


def test_kappa_is_not_defined_where_all_ratings_are_one():
    same = np.zeros((3, 8), np.intp)
    assert statistics.fleiss_kappa(same, 2) is None
    assert statistics.fleiss_kappa(same[:1], 2) is None
    assert statistics.weighted_kappa(same[0], same[1], 2) is None
    assert statistics.weighted_kappa(same[0, :0], same[1, :0], 2) is None


def test_power_grows_with_the_auc_and_is_small_at_chance():
    design = StudyDesign()
    rows = [power.power(design, auc, 300) for auc in (0.5, 0.65, 0.8)]
    assert rows[0].above_chance < 0.06
    assert rows[0].above_chance < rows[1].above_chance < rows[2].above_chance
    assert rows[2].above_chance > 0.9
    assert all(row.coverage > 0.88 for row in rows)
