from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from syda.metrics import utility
from syda.metrics.cohorts import Cohort, Images, Sampling, VoxelGrid
from syda.metrics.estimate import Estimate
from syda.metrics.utility import LabelledVolumes, PropertyUtility, measure
from syda.properties.accuracy import Values

SAMPLING = Sampling(1, 10, 200)
GRID = VoxelGrid(16, -1000, 1000)
FINE = 3
"""Samples of a voxel along each axis: edges lie between voxels."""

AsCohort = Callable[..., Cohort]


def body(width: float, length: float, lean: float, male: bool, rng: np.random.Generator) -> Images:
    """An elliptic body of fat around muscle, with a bone that is taller in men."""
    at = (np.arange(16 * FINE) + 0.5) / FINE - 8
    z, y, x = np.meshgrid(at, at, at, indexing="ij", sparse=True)
    radius = np.hypot(x, y / 0.7) / (width / 2)
    inside = (np.abs(z) < length / 2) & (radius < 1)
    hu = np.where(inside, np.where(radius < lean, 50.0, -100.0), -1000.0)
    height = 2 + 1.5 * male + rng.uniform(-0.5, 0.5)
    hu = np.where((np.hypot(x, y + 2) < 1.5) & (np.abs(z) < height), 500.0, hu)
    hu = hu.reshape(16, FINE, 16, FINE, 16, FINE).mean(axis=(1, 3, 5))
    noisy = (hu + rng.normal(0, 10, hu.shape)) / 1000
    return noisy.clip(-1, 1).astype(np.float32)


@pytest.fixture
def planted(as_cohort: AsCohort) -> Callable[..., LabelledVolumes]:
    """Bodies with labels that are true: (label, count, seed). Sex goes with the bone alone."""

    def make(label: str, count: int, seed: int) -> LabelledVolumes:
        rng = np.random.default_rng(seed)
        images = []
        labels: list[Values] = []
        for number in range(count):
            width, lean, spacing = rng.uniform((10, 0.7, 14), (14, 0.9, 18))
            male = number % 2 == 1
            images.append(body(width, 190 / spacing, lean, male, rng))
            labels.append(
                {
                    "fat_share": float(1 - lean**2),
                    "body_width_mm": float(width * spacing),
                    "effective_spacing_mm": float(spacing),
                    "sex": "FM"[male],
                }
            )
        return LabelledVolumes(as_cohort(label, np.stack(images)), labels)

    return make


Planted = Callable[..., LabelledVolumes]


@pytest.fixture
def real(planted: Planted) -> tuple[LabelledVolumes, LabelledVolumes]:
    """Training scans and held-out scans."""
    return planted("train", 32, 1), planted("holdout", 20, 2)


def figures(
    synthetic: LabelledVolumes, real: tuple[LabelledVolumes, LabelledVolumes]
) -> dict[str, PropertyUtility]:
    return measure(synthetic, *real, GRID, SAMPLING).found


def values(found: dict[str, PropertyUtility]) -> dict[str, float]:
    return {name: one.result.synthetic.value for name, one in found.items()}


def relabelled(volumes: LabelledVolumes, change: Callable[[int], Values]) -> LabelledVolumes:
    """The same images with labels changed: number of the volume to its changes."""
    labels = [{**one, **change(number)} for number, one in enumerate(volumes.labels)]
    return replace(volumes, labels=labels)


def test_right_labels_reach_the_ceiling(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    found = figures(planted("synthetic", 32, 3), real)
    assert list(found) == ["fat_share", "body_width_mm", "sex"]
    assert [one.figure for one in found.values()] == ["r2", "r2", "auc"]
    for one in found.values():
        ceiling = one.result.real
        assert ceiling.value > 0.85
        assert one.result.synthetic.value == pytest.approx(ceiling.value, abs=0.1)
        assert ceiling.n == one.result.synthetic.n == one.resized_mean.n == 20
        low, high = ceiling.interval
        assert low <= ceiling.value <= high


def test_shuffled_labels_teach_nothing_and_the_mean_scan_shows_no_sex(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    """The mean scan is resized to the labels: it shows the width, also of shuffled ones."""
    synthetic = planted("synthetic", 32, 3)
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sizes, rest = ([synthetic.labels[n] for n in rng.permutation(32)] for _ in range(2))
        labels = [{**one, **{key: other[key] for key in ("fat_share", "sex")}}
                  for one, other in zip(sizes, rest, strict=True)]  # fmt: skip
        found.append(figures(replace(synthetic, labels=labels), real))
    mean = {name: np.mean([values(one)[name] for one in found]) for name in found[0]}
    assert mean["fat_share"] < 0.2
    assert mean["body_width_mm"] < 0.2
    assert 0.3 < mean["sex"] < 0.7
    assert 0.3 < np.mean([one["sex"].resized_mean.value for one in found]) < 0.7
    assert min(one["body_width_mm"].resized_mean.spread["rho"] for one in found) > 0.9


def test_one_volume_repeated_is_chance(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    synthetic = planted("synthetic", 32, 3)
    images = np.repeat(synthetic.cohort.images[:1], 32, axis=0)
    found = figures(replace(synthetic, cohort=replace(synthetic.cohort, images=images)), real)
    assert found["sex"].result.synthetic.value == 0.5
    for name in ("fat_share", "body_width_mm"):
        learned = found[name].result.synthetic
        assert -0.5 < learned.value <= 0
        assert "rho" not in learned.spread


def test_the_voxel_size_tells_no_width(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    """Volumes of one width in voxels: the mm follow the voxel size, and nothing is to learn."""
    synthetic = relabelled(
        planted("synthetic", 32, 3), lambda n: {"body_width_mm": 12.0 * (14 + n / 8)}
    )
    synthetic = relabelled(synthetic, lambda n: {"effective_spacing_mm": 14 + n / 8})
    result = measure(synthetic, *real, GRID, SAMPLING)
    assert result.not_measured == {"body_width_mm": "synthetic: every label is the same"}


@pytest.mark.parametrize(
    ("which", "change", "reason"),
    [
        (
            0,
            lambda _: {"sex": None},
            "the generator was not asked for it, and it is not measured in volumes",
        ),
        (0, lambda _: {"sex": "M"}, "synthetic: every label is the same"),
        (1, lambda n: {"sex": "FM"[n % 2] if n < 11 else "O"},
         "train: 11 patients with a label, 12 are needed"),
        (2, lambda _: {"sex": None}, "holdout: 0 patients with a label, 12 are needed"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_has_no_key_but_a_reason(
    planted: Planted,
    real: tuple[LabelledVolumes, LabelledVolumes],
    which: int,
    change: Callable[[int], Values],
    reason: str,
) -> None:
    cohorts = [planted("synthetic", 32, 3), *real]
    cohorts[which] = relabelled(cohorts[which], change)
    found = measure(*cohorts, GRID, SAMPLING)
    assert found.summary().keys() == {"fat_share", "body_width_mm"}
    detail = found.detail()
    assert detail["not_measured"] == {"sex": reason}
    assert detail["figures"].keys() == found.summary().keys()


def test_volumes_without_a_label_are_left_out(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    """Wrong labels that are removed leave the figures of the others."""
    synthetic = planted("synthetic", 40, 3)
    part = replace(synthetic, cohort=_first(synthetic.cohort, 32), labels=synthetic.labels[:32])
    hidden = relabelled(
        synthetic, lambda n: {} if n < 32 else dict.fromkeys(synthetic.labels[0], None)
    )
    for name, one in figures(part, real).items():
        other = figures(hidden, real)[name]
        assert other.result.compared() == one.result.compared()
        assert other.resized_mean.value == pytest.approx(one.resized_mean.value)


def _first(cohort: Cohort, count: int) -> Cohort:
    return Cohort(
        cohort.label, cohort.images[:count], cohort.names[:count], cohort.patients[:count]
    )


def test_the_detail_has_protocol_and_all_three_trainings(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    found = measure(planted("synthetic", 16, 3), *real, GRID, SAMPLING)
    detail, summary = found.detail(), found.summary()
    assert detail["protocol"] is utility.PROTOCOL
    for name, figure in detail["figures"].items():
        trainings = {of: figure[of] for of in ("synthetic", "real", "resized_mean")}
        assert summary[name] == {of: one["value"] for of, one in trainings.items()}
        assert all(one["low"] <= one["value"] <= one["high"] for one in trainings.values())
        penalties = {one["spread"]["penalty"] for one in trainings.values()}
        assert penalties <= set(utility.ridge.PENALTIES)


def test_a_patient_with_two_scans_weighs_as_one(
    planted: Planted, real: tuple[LabelledVolumes, LabelledVolumes]
) -> None:
    synthetic, (train, holdout) = planted("synthetic", 16, 3), real
    patients = tuple(f"patient-{n // 4}" for n in range(80))
    images = np.repeat(holdout.cohort.images, 4, axis=0)
    labels = [one for one in holdout.labels for _ in range(4)]

    def error(patients: tuple[str, ...]) -> float:
        cohort = Cohort("holdout", images, tuple(map(str, range(80))), patients)
        found = figures(synthetic, (train, LabelledVolumes(cohort, labels)))
        return found["sex"].result.synthetic.standard_error + _width(found).standard_error

    assert error(patients) > 1.3 * error(tuple(map(str, range(80))))


def _width(found: dict[str, PropertyUtility]) -> Estimate:
    return found["body_width_mm"].result.synthetic


def test_whole_weights_are_repeated_values() -> None:
    rng = np.random.default_rng(2)
    predicted, actual = rng.normal(size=(2, 9))
    counts = rng.integers(1, 5, 9)
    repeated = [np.repeat(of, counts) for of in (predicted, actual)]
    expected = utility.r2(*repeated, np.ones((1, counts.sum())))
    np.testing.assert_allclose(utility.r2(predicted, actual, counts[None] * 1.0), expected)


def test_the_resized_mean_follows_width_in_voxels_and_voxel_size(as_cohort: AsCohort) -> None:
    def volumes(*sizes: tuple[float | None, float]) -> LabelledVolumes:
        labels = [{"body_width_mm": w, "effective_spacing_mm": s} for w, s in sizes]
        return LabelledVolumes(as_cohort("train", np.zeros((len(sizes), 1, 1, 1))), labels)

    train = volumes((240, 10), (480, 15))  # 24 and 32 voxels, 28 in the mean
    found = volumes((280, 10), (350, 25), (None, 12.5)).zoom(train)
    np.testing.assert_allclose(found, [[1, 1.25], [0.5, 0.5], [1, 1]])
