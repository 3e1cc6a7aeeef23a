"""Power of a study by simulation: how often it shows that readers can tell the volumes apart.

Readers of a given true AUC are simulated. A reader's score of a volume is the sum of a mean by
kind, an effect of the reader by kind, an effect of the volume that all readers share, and an
error, each normal. The form is that of Roe and Metz for one modality. The size of the effects is an
assumption: :data:`READER_VARIANCE` and :data:`VOLUME_SHARE`.

Source: C. A. Roe, C. E. Metz, "Dorfman-Berbaum-Metz method for statistical analysis of multireader,
multimodality receiver operating characteristic data: validation with computer simulation", Acad.
Radiol. 4, 1997.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from syda.reading.design import StudyDesign
from syda.reading.statistics import Floats, Truth, auc_components, mean_figure

READER_VARIANCE = 0.02
"""Variance of the effect of a reader, relative to that of volume and error together."""

VOLUME_SHARE = 0.4
"""Share of the volume's effect in the variance of volume and error: correlation of two readers."""

TRUE_AUCS = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)

LEVELS = 10


@dataclass(frozen=True)
class PowerRow:
    """What studies of one true AUC find.

    Attributes:
        auc: the true mean over readers.
        above_chance: share of studies whose 95 % interval lies above 0.5.
        coverage: share of studies whose interval holds the true AUC.
        width: mean width of the interval.
    """

    auc: float
    above_chance: float
    coverage: float
    width: float


def simulate_scores(
    auc: float, readers: int, truth: Truth, generator: np.random.Generator
) -> Floats:
    """Simulate the scores of readers, in ten levels as on the page.

    Args:
        auc: true mean over readers, before the scores are cut into levels.
        readers: number of them.
        truth: ``[V]``, true for synthetic.
        generator: of random numbers.

    Returns:
        ``[R, V]`` -5 to -1 for "real", 1 to 5 for "synthetic".
    """
    shift = float(stats.norm.ppf(auc)) * (2 + 2 * READER_VARIANCE) ** 0.5
    effects = generator.normal(0, READER_VARIANCE**0.5, (2, readers))
    volumes = generator.normal(0, VOLUME_SHARE**0.5, len(truth))
    errors = generator.normal(0, (1 - VOLUME_SHARE) ** 0.5, (readers, len(truth)))
    scores = errors + volumes + np.where(truth, effects[1][:, None] + shift, effects[0][:, None])
    cuts = stats.norm.ppf(np.arange(1, LEVELS) / LEVELS) + shift / 2
    levels = np.digitize(scores, cuts)
    middle = LEVELS // 2
    signed: Floats = np.where(levels >= middle, levels - middle + 1, levels - middle).astype(float)
    return signed


def power(design: StudyDesign, auc: float, studies: int) -> PowerRow:
    """Simulate studies of a true AUC.

    Args:
        design: size of the study, and the seed.
        auc: true mean over readers.
        studies: number of simulated studies.
    """
    generator = np.random.default_rng([design.seed, 3, round(auc * 1000)])
    truth = np.arange(design.volumes) < design.volumes // 2
    ends = []
    for _ in range(studies):
        scores = simulate_scores(auc, design.readers, truth, generator)
        figure = mean_figure(auc_components(scores, truth))
        ends.append(
            (figure.value, figure.value)
            if figure.low is None or figure.high is None
            else (figure.low, figure.high)
        )
    low, high = np.array(ends).T
    return PowerRow(
        auc,
        float((low > 0.5).mean()),
        float(((low <= auc) & (auc <= high)).mean()),
        float((high - low).mean()),
    )


def lines(design: StudyDesign, studies: int) -> list[str]:
    """Return the table of :func:`power` over :data:`TRUE_AUCS`, as text."""
    head = (
        f"{design.readers} readers, {design.volumes} volumes, {studies} simulated studies a line; "
        f"assumed: reader variance {READER_VARIANCE:g}, volume share {VOLUME_SHARE:g}"
    )
    rows = [power(design, auc, studies) for auc in TRUE_AUCS]
    return [
        head,
        "true AUC  above chance  coverage  mean width of the interval",
        *(
            f"{row.auc:8.2f}  {row.above_chance:12.2f}  {row.coverage:8.2f}  {row.width:.2f}"
            for row in rows
        ),
    ]
