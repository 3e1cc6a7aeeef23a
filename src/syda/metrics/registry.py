"""Every metric of the evaluation. To add one, import its file here (CONTRIBUTING.md)."""

from collections.abc import Sequence
from typing import Any

from syda.metrics import (  # noqa: F401  (each file registers its metrics)
    anatomy_bands,
    anatomy_rules,
    frechet,
    gradients,
    hu_histogram,
    hu_tissues,
    kid,
    ms_ssim,
    noise_power,
    perceptual,
    prdc,
    saturation,
    z_share,
    z_share_structure,
)
from syda.metrics.features import FeatureExtractor
from syda.metrics.metric import REGISTERED, FeatureMetric, Metric, MetricContext, MetricSpec

AIMS = {
    "match": "close to the real value",
    "lower": "low; the real value is the floor",
    "higher": "high; the real value is the ceiling",
}


def specs() -> list[MetricSpec]:
    """Every spec, by the C that it belongs to and by title.

    >>> [spec.key for spec in specs() if spec.criterion == "Coverage"]
    ['coverage', 'ms_ssim', 'recall', 'z_share', 'z_share_structure']
    """
    found = [spec for metric in REGISTERED for spec in metric.SPECS]
    return sorted(found, key=lambda spec: (spec.criterion, spec.title))


def spec_of(key: str) -> MetricSpec | None:
    """Return the spec of a key of the reports; None where no metric has it.

    >>> spec_of("hu_peak_fat_s5").title
    'HU peak of fat'
    """
    fitting = [spec for spec in specs() if f"{key}_".startswith(f"{spec.key}_")]
    return max(fitting, key=lambda spec: len(spec.key), default=None)


def build(context: MetricContext, extractors: Sequence[FeatureExtractor] = ()) -> list[Metric[Any]]:
    """Return every metric.

    Args:
        context: what the metrics share.
        extractors: further networks; metrics of distributions are measured with each of them.

    Raises:
        UsageError: a metric is undefined on so small a grid.
    """
    others = [MetricContext(context.grid, extractor) for extractor in extractors]
    return [
        metric(each, spec)
        for each in (context, *others)
        for metric in REGISTERED
        if each is context or issubclass(metric, FeatureMetric)
        for spec in metric.SPECS
    ]


def table() -> str:
    """Return the specs as a Markdown table, for docs/metrics.md."""
    rows = [
        f"| {spec.title} | `{spec.key}` | {spec.unit} | {AIMS[spec.aim]} | {spec.criterion} "
        f"| {'yes' if spec.headline else 'no'} | {spec.description} | {spec.source} |"
        for spec in specs()
    ]
    head = "| Metric | Key | Unit | A good value is | C | Headline | What it says | Source |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- | --- |", *rows, ""])
