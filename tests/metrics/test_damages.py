"""What each metric detects and what it does not: one table, compared with the metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from abdomens import GRID, abdomens
from degraded import blurred, moved, noisy, shifted, stretched
from syda.metrics import privacy, registry
from syda.metrics.cohorts import Cohort, Cohorts, Sampling
from syda.metrics.features import Features
from syda.metrics.metric import MetricContext

pytestmark = pytest.mark.slow

COUNT = 12
"""Patients of each cohort, as few as the metrics of subsets take."""

SEED = 5
SAMPLING = Sampling(0, 66, 100)


def _blurred(images: np.ndarray) -> np.ndarray:
    for _ in range(4):
        images = blurred(images)
    return images.astype(np.float32)


DAMAGES = {
    "noise": partial(noisy, sd=0.15),
    "blur": _blurred,
    "shift": partial(shifted, by=0.06),
    "moved": partial(moved, slices=4),
    "stretch": partial(stretched, times=3),
}
"""White noise of 150 HU; a blur, nearly a Gaussian of 1.4 voxels; 60 HU on every voxel; four slices
towards the head; three times the distance from water, cut off by the window.

The table's last two columns: ``lost`` is one volume in the place of all (mode loss), ``copies`` are
the training scans themselves. All is measured against the held-out scans.
"""

TABLE = """
                                  noise  blur   shift  moved  stretch  lost   copies
ms_ssim_3d_L3_k7_s1.5_dr2         down   up     same   same   same     up     real
perceptual                        up     up     same   up     same     one    same
kid_poly3                         up     up     up     up     up       up     real
fd_ratio                          up     up     up     up     up       up     real
precision_k3                      down   down   down   down   down     one    real
recall_k3                         down   down   same   down   down     down   real
density_k5                        down   down   down   down   down     one    real
coverage_k5                       down   down   down   down   down     down   real
hu_w1                             up     up     up     blind  same     one    same
hu_peak_lung_s5                   up     none   up     blind  up       one    real
hu_peak_fat_s5                    up     up     up     blind  up       one    real
hu_peak_soft_s5                   down   down   up     blind  up       one    real
hu_median_bone_150                down   down   up     blind  down     one    real
hu_saturated_low                  up     blind  blind  blind  up       one    real
hu_saturated_high                 up     blind  blind  blind  up       one    real
gradient_w1                       up     up     same   blind  up       one    same
noise_power_lsd_b4                up     up     up     blind  up       one    same
anatomy_one_body_r1               same   same   same   same   same     same   same
anatomy_spine_r1                  same   same   same   same   same     same   same
anatomy_liver_right_r1            down   same   same   same   down     same   same
anatomy_continuous_r1             same   down   same   same   same     same   same
anatomy_vertebrae_r1              down   down   same   same   down     same   same
anatomy_bone_band_p95             down   down   same   same   down     same   same
anatomy_fat_band_p95              same   same   same   same   same     same   same
ratio perceptual                  up     up     up     up     up       one    down
nearer_to_train perceptual        same   same   same   same   same     one    up
membership_auc perceptual         same   same   same   same   same     one    up
authentic perceptual              up     up     up     up     up       one    down
copies_q5 perceptual              same   same   same   same   same     one    up
ratio rms_hu                      up     up     up     up     up       one    down
nearer_to_train rms_hu            same   same   same   same   same     one    up
membership_auc rms_hu             same   same   same   same   same     one    up
authentic rms_hu                  up     up     same   up     up       one    down
copies_q5 rms_hu                  same   same   same   same   same     one    up
"""
"""
up, down    beyond the 95 % interval of the sound volumes' figure
same        within it
blind       the very figure of the sound volumes
real        the very figure of real scans: to this metric, copies are as good as can be
one         the very figure of the volume that is left, whichever that is
none        no figure: fewer than two volumes show what is measured

Rules of anatomy see what they were written for (test_anatomy.py): no damage here removes a spine.
"""


@dataclass(frozen=True)
class Reading:
    """A figure, its 95 % interval, and the same figure of real scans where there is one."""

    value: float
    low: float
    high: float
    real: tuple[float, ...] = ()


class FeaturesByName:
    """Features of every volume of the table, computed once, as a context's network returns them."""

    def __init__(self, context: MetricContext, images: dict[str, np.ndarray]) -> None:
        self._network = context.efficientnet
        self._row = {name: row for row, name in enumerate(images)}
        self._features = self._network.extract(np.stack(list(images.values())))

    def cohorts(self, cohorts: Cohorts) -> Cohorts:
        """Return the cohorts, whose features the network has in its cache."""
        rows = [self._row[name] for cohort in cohorts.all() for name in cohort.names]
        features = self._features
        self._network._cached = (
            tuple(cohorts.images),
            Features(features.vectors[rows], features.distances[np.ix_(rows, rows)]),
        )
        return cohorts


def named(what: str) -> list[str]:
    return [f"{what}-{number}" for number in range(COUNT)]


def readings(context: MetricContext, cohorts: Cohorts) -> Iterator[tuple[str, Reading | None]]:
    """Every figure by its key, without the name of the feature space."""
    for metric in registry.build(context):
        key = metric.key.split("_imagenet")[0]
        figures = metric.measure(cohorts, SAMPLING)
        if not figures:
            yield key, None
            continue
        found = figures["holdout"].synthetic.detail()
        real = tuple(figure.real.value for figure in figures.values())
        yield key, Reading(found["value"], found["low"], found["high"], real)
    for audit in privacy.measure(context, cohorts, SAMPLING):
        for name, finding in audit.findings.items():
            key = f"{name} {audit.space.split('_imagenet')[0]}"
            yield key, Reading(finding.value, finding.low, finding.high)


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Reading | None]]:
    """Damage to metric to reading; ``sound`` for none, ``one`` for one volume and more of it."""
    names = [name for what in ("sound", "train", "holdout") for name in named(what)]
    images = dict(zip(names, abdomens(3 * COUNT, SEED), strict=True))
    sound = np.stack([images[name] for name in named("sound")])
    for damage, done in DAMAGES.items():
        images |= dict(zip(named(damage), done(sound), strict=True))
    context = MetricContext(GRID)
    by_name = FeaturesByName(context, images)

    def cohort(label: str, members: Sequence[str]) -> Cohort:
        patients = tuple(f"{label}-{number}" for number in range(len(members)))
        return Cohort(label, np.stack([images[n] for n in members]), tuple(members), patients)

    real = {split: cohort(split, named(split)) for split in ("train", "holdout")}
    synthetic = {damage: named(damage) for damage in ("sound", *DAMAGES)}
    synthetic |= {"copies": named("train")}
    synthetic |= {"lost": ["sound-0"] * COUNT, "one": ["sound-0"] * (COUNT + 1)}
    return {
        damage: dict(
            readings(context, by_name.cohorts(Cohorts(cohort("synthetic", members), real)))
        )
        for damage, members in synthetic.items()
    }


HEAD, *LINES = TABLE.strip().split("\n")
COLUMNS = HEAD.split()
ROWS = {" ".join(line.split()[: -len(COLUMNS)]): line.split()[-len(COLUMNS) :] for line in LINES}


def shows(word: str, found: Reading | None, sound: Reading | None, one: Reading | None) -> bool:
    """Whether a reading is what a word of the table says."""
    if found is None or word == "none":
        return found is None and word == "none"
    assert sound is not None
    assert one is not None
    return {
        "up": found.value > sound.high,
        "down": found.value < sound.low,
        "same": sound.low <= found.value <= sound.high,
        "blind": found.value == pytest.approx(sound.value, abs=1e-6),
        "real": any(found.value == pytest.approx(value, abs=1e-6) for value in found.real),
        "one": found.value == pytest.approx(one.value, abs=1e-6),
    }[word]


def test_every_row_is_of_a_metric(measured: dict[str, dict[str, Reading | None]]) -> None:
    assert set(ROWS) <= set(measured["sound"])
    assert set(COLUMNS) == set(measured) - {"sound", "one"}


@pytest.mark.parametrize("metric", ROWS)
def test_a_metric_sees_what_the_table_says(
    metric: str, measured: dict[str, dict[str, Reading | None]]
) -> None:
    sound, one = measured["sound"][metric], measured["one"][metric]
    wrong = {
        damage: (word, measured[damage][metric], sound)
        for damage, word in zip(COLUMNS, ROWS[metric], strict=True)
        if not shows(word, measured[damage][metric], sound, one)
    }
    assert wrong == {}
