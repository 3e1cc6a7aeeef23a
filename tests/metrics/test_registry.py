from syda.metrics import registry
from syda.metrics.cohorts import Grid


def test_every_metric_says_what_it_is() -> None:
    abouts = [metric.about for metric in registry.build(Grid(32, -1000, 1000))]
    assert len({about.key for about in abouts}) == len(registry.METRICS) == 3
    for name, about in zip(registry.METRICS, abouts, strict=True):
        assert about.key.startswith(name)
        assert about.aim in {"match", "lower", "higher"}
        assert about.title
        assert about.unit
        assert about.source
        assert about.protocol["grid"] == 32
