"""Stage ``evaluate``: compare synthetic volumes with real ones (docs/metrics.md)."""

from dataclasses import replace
from pathlib import Path

from syda import paths
from syda.figures import charts
from syda.metrics import conditioning, evaluation, exports, report, seed_grid, utility
from syda.metrics.cohorts import Cohorts
from syda.metrics.config import EvaluateParams
from syda.metrics.published import load_extractor
from syda.metrics.scans import are_artificial, read_records
from syda.params import load
from syda.records.split import SPLITS
from syda.runtime import stage
from syda.runtime.outputs import write_json
from syda.sampling.generation import load_generator
from syda.volume.model_space import ModelSpace

DETAILS = paths.EVALUATION / "details.json"
PICTURE = paths.EVALUATION / "synthetic.png"
SEEDS_PICTURE = paths.EVALUATION / "seeds.png"
CURVES_CHART = paths.EVALUATION / "training_curves.png"
HU_CHART = paths.EVALUATION / "hu_histogram.png"
HU_TABLE = paths.EVALUATION / "hu_histogram.csv"
NEAREST_CHART = paths.EVALUATION / "nearest_training.png"
NEAREST_TABLE = paths.EVALUATION / "nearest_training.csv"
REAL_PICTURE = paths.EVALUATION / "real_beside_synthetic.png"
"""Shows scans of any patients: in DVC's cache, never in git."""

READS = [
    paths.RECORDS,
    paths.WEIGHTS,
    paths.SYNTHETIC,
    paths.validation_report("synthetic"),
    paths.CURVES,
    paths.CONVERT_REPORT,
]
WRITES = [
    paths.METRICS,
    DETAILS,
    PICTURE,
    SEEDS_PICTURE,
    CURVES_CHART,
    HU_CHART,
    HU_TABLE,
    NEAREST_CHART,
    NEAREST_TABLE,
    REAL_PICTURE,
]


def run(root: Path) -> None:
    """Measure, draw, and write ``reports/metrics.json`` and ``reports/evaluation``.

    Raises:
        CheckFailed: fewer than two synthetic volumes, or a split of fewer than two patients.
        UsageError: the file of an extractor is missing, or there are no weights.
        CorruptData: an input cannot be read, a synthetic volume has another size than the model's,
            or the file of an extractor is not the pinned one or not of its network.
    """
    loaded = load(root)
    params, ct = loaded.section("evaluate", EvaluateParams), loaded.ct
    with stage.running(
        root,
        "evaluate",
        reads=READS,
        writes=WRITES,
        params={"evaluate": params.recorded(), "ct": ct},
    ):
        space = ModelSpace.of(ct)
        grid, sampling = evaluation.grid_of(space), params.sampling
        synthetic, records = root / paths.SYNTHETIC, root / paths.RECORDS
        extractors = [
            load_extractor(name, root / file.path, file.sha256, grid)
            for name, file in params.extractors.items()
        ]
        cohorts = Cohorts(
            evaluation.read_synthetic(synthetic, space),
            {split: read_records(records, split, space) for split in SPLITS},
        )
        evaluation.check_sizes(cohorts)
        sampler = load_generator(root / paths.WEIGHTS).sampler
        seeds = seed_grid.draw(sampler, vectors=params.property_vectors, seeds=params.seeds)
        in_grid = seed_grid.arrange(seeds, space, sampler.conditions, cohorts.real)
        cohorts = replace(cohorts, seed_grid=in_grid)
        gate, gate_details = evaluation.gate_counts(synthetic / paths.GATE_COUNTS)
        accuracies = conditioning.measure_folders(synthetic, records, cohorts, space, sampling)
        usefulness = utility.measure_folders(synthetic, records, cohorts, space, sampling)
        found = evaluation.evaluate(cohorts, grid, sampling, extractors)
        checked = exports.check(synthetic, space)
        numbers, details = found.numbers(), found.details()
        numbers |= {"gate": gate, "exports": checked.summary()}
        details |= {
            "gate": gate_details,
            "exports": checked.detail(),
            "utility": usefulness.detail(),
        }
        if usefulness.found:
            numbers["utility"] = usefulness.summary()
        if accuracies:
            numbers["properties"] = conditioning.summary(accuracies)
            details["properties"] = conditioning.detail(accuracies)
        write_json(root / paths.METRICS, numbers)
        details["picture"] = report.draw_volumes(
            synthetic,
            records,
            space,
            params.shown,
            picture=root / PICTURE,
            with_scans=root / REAL_PICTURE,
            artificial=are_artificial(root / paths.CONVERT_REPORT),
        )
        write_json(root / DETAILS, details)
        report.draw_seeds(seeds, root / SEEDS_PICTURE)
        report.draw_hu_histograms(cohorts, space, root / HU_CHART, root / HU_TABLE)
        report.draw_nearest(found.audits, root / NEAREST_CHART, root / NEAREST_TABLE)
        charts.training_curves(charts.read_curves(root / paths.CURVES), root / CURVES_CHART)
