from pathlib import Path

import pytest

from syda.metrics import registry, utility
from syda.metrics.cohorts import VoxelGrid
from syda.metrics.metric import MetricContext

ROOT = Path(__file__).parents[2]


def test_every_metric_has_a_key_of_its_own_that_begins_with_that_of_its_spec() -> None:
    metrics = registry.build(MetricContext(VoxelGrid(32, -1000, 1000)))
    assert len({metric.key for metric in metrics}) == len(metrics)
    assert {metric.spec.key for metric in metrics} == {spec.key for spec in registry.specs()}
    for metric in metrics:
        assert registry.spec_of(metric.key) is metric.spec
        assert metric.describe()["protocol"]["grid"] == 32


def test_the_headline_leaves_room_for_a_rule_of_anatomy_and_two_figures_of_privacy() -> None:
    headline = [spec.key for spec in registry.specs() if spec.headline]
    assert {key.split("_")[0] for key in headline} == {
        "anatomy", "hu", "kid", "ms", "perceptual", "z",
    }  # fmt: skip
    assert len(headline) + len(utility.PROPERTIES) <= 20 - 1 - 2


@pytest.mark.parametrize("key", ["", "hu", "hu_w", "hu_w12", "kids_poly3"])
def test_a_key_of_no_metric_has_no_spec(key: str) -> None:
    assert registry.spec_of(key) is None


def test_the_table_of_the_docs_is_that_of_the_specs() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- metrics:begin -->\n")
    table, end, _ = rest.partition("<!-- metrics:end -->")
    assert end
    assert table.strip() == registry.table().strip()
