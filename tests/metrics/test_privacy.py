from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from syda.metrics import privacy, verdict
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, SeedGrid, VoxelGrid
from syda.metrics.metric import MetricContext
from syda.metrics.privacy import audit, authentic, share_nearer
from syda.metrics.privacy_results import (
    AUTHENTIC,
    COPIES,
    MEMBERSHIP,
    NEARER,
    RATIO,
    TESTS,
    Audit,
)

MakeCohort = Callable[..., Cohort]
SAMPLING = Sampling(0, 10, 200)
SYNTHETIC, TRAIN, HOLDOUT = 30, 40, 20


def test_a_tie_is_half_a_volume() -> None:
    to_train = np.array([[1.0, 5.0], [2.0, 9.0], [4.0, 3.0], [7.0, 7.0]])
    to_holdout = np.array([[2.0, 2.0], [2.0, 3.0], [1.0, 8.0], [8.0, 9.0]])
    assert share_nearer(to_train, to_holdout) == (1 + 0.5 + 0 + 1) / 4


def test_authentic_by_hand(as_cohort: MakeCohort) -> None:
    """Training scans at 0, 1 and 5 on a line, the last two of one patient."""
    empty = np.zeros((3, 1, 1, 1), np.float32)
    x, y = np.array([0.0, 1, 5])[:, None], np.array([-1.5, 0.4, 3.5, 7, 11])[:, None]
    alone = authentic(cdist(y, x), cdist(x, x), as_cohort("train", empty))
    # nearest other: 1 of the scan at 0, 1 of that at 1, 4 of that at 5
    assert alone.tolist() == [True, False, False, False, True]
    pair = authentic(cdist(y, x), cdist(x, x), as_cohort("train", empty, ["a", "b", "b"]))
    assert pair.tolist() == [True, False, False, False, True]
    # now 5 from the scan at 5 to that at 0
    near = np.array([[9.5]])
    assert authentic(cdist(near, x), cdist(x, x), as_cohort("train", empty)).all()
    assert not authentic(
        cdist(near, x), cdist(x, x), as_cohort("train", empty, ["a", "b", "b"])
    ).any()


def audited(as_cohort: MakeCohort, synthetic: np.ndarray, real: np.ndarray) -> Audit:
    def empty(count: int) -> np.ndarray:
        return np.zeros((count, 1, 1, 1), np.float32)

    splits = {
        "train": as_cohort("train", empty(TRAIN)),
        "holdout": as_cohort("holdout", empty(HOLDOUT)),
    }
    cohorts = Cohorts(as_cohort("synthetic", empty(len(synthetic))), splits)
    vectors = np.concatenate([synthetic, real])
    return audit("line", "on a line", "1", cdist(vectors, vectors), cohorts, SAMPLING)


def draws(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(SYNTHETIC, 4)), rng.normal(size=(TRAIN + HOLDOUT, 4))


def test_nothing_is_found_where_nothing_is_repeated(as_cohort: MakeCohort) -> None:
    found = [audited(as_cohort, *draws(seed)) for seed in range(12)]
    for name, expected in ((NEARER, 0.5), (MEMBERSHIP, 0.5)):
        findings = [one.findings[name] for one in found]
        assert np.mean([finding.value for finding in findings]) == pytest.approx(expected, abs=0.06)
        assert all(finding.low < 0.5 < finding.high for finding in findings)
        assert all(abs(finding.reference["control"] - 0.5) < 0.03 for finding in findings)
    for name in (AUTHENTIC, COPIES):
        gap = [one.findings[name].value - one.findings[name].reference["real"] for one in found]
        assert abs(np.mean(gap)) < 0.06
    assert [one.findings[COPIES].reference["real"] for one in found] == [0.05] * 12
    assert sum(bool(verdict.signs_of_copying(one)) for one in found) <= 3


def test_planted_copies_are_found_the_more_the_surer(as_cohort: MakeCohort) -> None:
    synthetic, real = draws(20)
    rng = np.random.default_rng(0)
    found = []
    for planted in (0, 10, 20, 30):
        copies = real[:planted] + rng.normal(0, 0.05, (planted, 4))
        found.append(audited(as_cohort, np.concatenate([copies, synthetic[planted:]]), real))
    for name in (NEARER, MEMBERSHIP, COPIES):
        values = [one.findings[name].value for one in found]
        assert values == sorted(values), name
    values = [one.findings[AUTHENTIC].value for one in found]
    assert values == sorted(values, reverse=True)
    assert found[-1].findings[AUTHENTIC].value == 0
    worst = found[-1].findings
    assert worst[COPIES].value == 1
    assert worst[MEMBERSHIP].value > 0.8
    # a draw holds half of the training scans; where it lacks the original, a copy is like any other
    assert worst[NEARER].value == pytest.approx(0.75, abs=0.06)
    assert all(0.4 < one.findings[MEMBERSHIP].reference["control"] < 0.6 for one in found)
    assert len(verdict.signs_of_copying(found[-1])) == 6
    assert verdict.copies_found(found[:1]) == []
    title = found[-1].title
    assert verdict.copies_found(found[-1:]) == [
        f"{title}: more copies than held-out scans",
        f"{title}: a volume much nearer than any held-out scan",
    ]


def test_the_ratio_by_hand(as_cohort: MakeCohort) -> None:
    """Training scans at 0 on a line, volumes at 1, held-out scans at 2: a ratio of a half."""
    real = np.concatenate([np.zeros(TRAIN), np.full(HOLDOUT, 2.0)])[:, None]
    found = audited(as_cohort, np.full((SYNTHETIC, 1), 1.0), real)
    ratio = found.findings[RATIO]
    assert (ratio.value, ratio.low, ratio.high) == (0.5, 0.5, 0.5)
    assert ratio.reference == {"control": 1, "control_low": 1, "control_high": 1}
    assert "volumes nearer to training scans than held-out scans are" in verdict.signs_of_copying(
        found
    )


def test_the_interval_of_the_ratio_is_that_of_other_volumes(as_cohort: MakeCohort) -> None:
    found = [audited(as_cohort, *draws(seed)).findings[RATIO] for seed in range(12)]
    assert np.mean([one.value for one in found]) == pytest.approx(1, abs=0.1)
    assert sum(one.low < 1 < one.high for one in found) >= 10
    assert all(one.reference["control_low"] < 1 < one.reference["control_high"] for one in found)


def test_volumes_of_one_property_vector_are_resampled_together(as_cohort: MakeCohort) -> None:
    """Six volumes alike for each of five vectors tell as much as five volumes."""
    synthetic, real = draws(26)
    alike = np.repeat(synthetic[::6], 6, axis=0)
    splits = {"train": real[:TRAIN], "holdout": real[TRAIN:]}
    empty = {name: np.zeros((len(of), 1, 1, 1), np.float32) for name, of in splits.items()}
    cohorts = Cohorts(
        as_cohort("synthetic", np.zeros((SYNTHETIC, 1, 1, 1), np.float32)),
        {name: as_cohort(name, images) for name, images in empty.items()},
    )
    vectors = np.concatenate([alike, real])
    line = ("line", "on a line", "1", cdist(vectors, vectors), cohorts, SAMPLING)
    alone, together = audit(*line), audit(*line, np.arange(SYNTHETIC) // 6)
    widths = [one.findings[RATIO].high - one.findings[RATIO].low for one in (alone, together)]
    assert widths[1] > 1.2 * widths[0]


def test_volumes_farther_than_any_held_out_scan_are_not_testable(as_cohort: MakeCohort) -> None:
    _, real = draws(24)
    far = audited(as_cohort, np.full((SYNTHETIC, 4), 50.0), real)
    outcomes = {name: finding.detail()["outcome"] for name, finding in far.findings.items()}
    assert outcomes == {
        RATIO: "not testable",
        NEARER: "tested",
        MEMBERSHIP: "tested",
        AUTHENTIC: "not testable",
        COPIES: "not testable",
    }
    near = audited(as_cohort, *draws(24))
    assert near.testable
    assert not far.testable


def test_volumes_far_from_all_scans_hide_copies_from_the_absolute_tests_alone(
    as_cohort: MakeCohort,
) -> None:
    """A trait that all synthetic volumes share: here a coordinate that no scan has."""
    _, real = draws(21)
    planted = np.c_[real[:SYNTHETIC], np.full(SYNTHETIC, 3.0)]
    found = audited(as_cohort, planted, np.c_[real, np.zeros(len(real))])
    assert found.findings[COPIES].value == 0
    assert found.findings[AUTHENTIC].value == 1
    assert found.findings[NEARER].value > 0.7
    assert found.findings[MEMBERSHIP].value > 0.75
    assert verdict.signs_of_copying(found) == [
        "nearer to training than to held-out scans",
        "training scans told apart from held-out ones",
    ]


def test_one_copy_among_many_is_a_sign(as_cohort: MakeCohort) -> None:
    synthetic, real = draws(22)
    synthetic[7] = real[3]
    found = audited(as_cohort, synthetic, real)
    assert "a volume much nearer than any held-out scan" in verdict.signs_of_copying(found)
    assert found.listing[7] == "synthetic-7 train-3 0.000000"
    assert found.closest["synthetic"] == 0
    assert found.nearest["synthetic"][7] == 0
    assert (len(found.nearest["synthetic"]), len(found.nearest["holdout"])) == (SYNTHETIC, HOLDOUT)


def test_copies_of_one_scan_are_copies(as_cohort: MakeCohort) -> None:
    """Mode loss onto a training scan: nobody else's membership shows."""
    _, real = draws(23)
    found = audited(as_cohort, real[[5] * SYNTHETIC] + 1e-3, real)
    assert found.findings[COPIES].value == 1
    assert found.findings[AUTHENTIC].value == 0
    assert verdict.signs_of_copying(found)


def test_a_share_of_none_has_an_upper_bound(as_cohort: MakeCohort) -> None:
    _, real = draws(24)
    found = audited(as_cohort, np.full((SYNTHETIC, 4), 50.0), real).findings[COPIES]
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / SYNTHETIC))


def test_p_is_the_share_of_orders(as_cohort: MakeCohort) -> None:
    """Of 30 volumes and 20 held-out scans in random order, so many precede the second scan."""
    synthetic, real = draws(25)
    found = audited(as_cohort, synthetic, real).findings[COPIES]
    count = round(found.value * SYNTHETIC)
    assert found.reference["real"] == 1 / HOLDOUT
    rng = np.random.default_rng(0)
    orders = rng.permuted(np.tile(np.arange(50) < HOLDOUT, (20000, 1)), axis=1)
    second = np.argmax(orders.cumsum(axis=1) == 2, axis=1)  # volumes before it: all but one scan
    assert found.reference["p"] == pytest.approx(np.mean(second - 1 >= count), abs=0.01)


def test_both_spaces_on_volumes(smooth: Callable[..., np.ndarray], as_cohort: MakeCohort) -> None:
    grid = VoxelGrid(16, -1000, 1000)
    context = MetricContext(grid)
    images = smooth(36, 16)
    real = {
        "train": as_cohort("train", images[:12]),
        "holdout": as_cohort("holdout", images[12:24]),
    }
    noise = np.random.default_rng(0).normal(0, 0.02, images[:12].shape)
    planted = np.clip(images[:12] + noise, -1, 1).astype(np.float32)
    copied = Cohorts(as_cohort("synthetic", planted), real)
    fresh = Cohorts(as_cohort("synthetic", images[24:]), real)
    audits = privacy.measure(context, copied, SAMPLING)
    assert [one.space for one in audits] == [
        f"perceptual_{context.efficientnet.map_space}",
        "rms_hu",
    ]
    by_voxel = audits[1].findings
    assert by_voxel[NEARER].value > 0.9
    assert by_voxel[MEMBERSHIP].value > 0.9
    assert by_voxel[COPIES].value == 1
    assert by_voxel[AUTHENTIC].value == 0
    assert audits[1].median["synthetic"] == pytest.approx(20, abs=6)  # HU: the noise
    assert "There are signs" in verdict.sentence(audits)
    (_, clean) = privacy.measure(context, fresh, SAMPLING)
    assert clean.findings[COPIES].low < 0.2
    assert set(clean.findings) == set(TESTS)
    assert clean.volumes == "12 synthetic volumes (a gate may have refused others)"
    few = Cohorts(as_cohort("synthetic", planted[:11]), real)
    assert privacy.measure(context, few, SAMPLING) == []


def test_the_seed_grid_is_tested_where_there_is_one(
    smooth: Callable[..., np.ndarray], as_cohort: MakeCohort
) -> None:
    """A gate may have refused the copies, so the volumes that it let through show nothing."""
    images = smooth(36, 16)
    real = {
        "train": as_cohort("train", images[:12]),
        "holdout": as_cohort("holdout", images[12:24]),
    }
    copies = as_cohort("seeds", images[:12], ["a", "b"] * 6)
    gated = Cohorts(as_cohort("synthetic", images[24:]), real, SeedGrid(copies, {}))
    context = MetricContext(VoxelGrid(16, -1000, 1000))
    for one in privacy.measure(context, gated, SAMPLING):
        assert one.volumes == "12 draws that no gate has seen"
        assert one.findings[RATIO].value < 0.01
        assert one.findings[COPIES].value == 1
