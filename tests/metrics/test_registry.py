from syda.metrics import registry
from syda.metrics.cohorts import Grid
from syda.metrics.perception import Perception

GRID = Grid(32, -1000, 1000)
NAMES = [
    "ms_ssim", "perceptual", "kid", "fd_ratio",
    "precision", "recall", "density", "coverage", "hu_w1",
    "hu_peak_lung", "hu_peak_fat", "hu_peak_soft", "hu_median_bone",
    "hu_saturated_low", "hu_saturated_high", "gradient_w1", "noise_power",
    "anatomy_one_body", "anatomy_spine", "anatomy_liver_right", "anatomy_continuous",
    "anatomy_bone_band", "anatomy_fat_band",
]  # fmt: skip
"""What the keys begin with; the card finds the first two by it."""


def test_every_metric_says_what_it_is() -> None:
    abouts = [metric.about for metric in registry.build(GRID, Perception(GRID))]
    assert len({about.key for about in abouts}) == len(abouts)
    for name, about in zip(NAMES, abouts, strict=True):
        assert [other for other in NAMES if about.key.startswith(other)] == [name]
        assert about.aim in {"match", "lower", "higher"}
        assert about.title
        assert about.unit
        assert about.source
        assert about.protocol["grid"] == 32
