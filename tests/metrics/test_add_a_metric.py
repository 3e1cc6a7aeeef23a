"""The three steps of CONTRIBUTING.md add a metric: a file, a line in the registry, a test."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

FILE = '''
"""Mean HU of a cube: is it as dense as that of scans?"""

from typing import Any

from syda.metrics import pools
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import Metric, MetricGoal, MetricSpec, register


@register
class MeanHu(Metric[MetricSpec]):
    """Mean HU of all voxels."""

    SPECS = (
        MetricSpec(
            key="mean_hu",
            title="Mean HU",
            unit="HU",
            aim="match",
            source="mean of all voxels",
            criterion="Constraint",
            description="Mean HU of the whole cube.",
            goal=MetricGoal("difference at most", 10.0, "A tenth of the way from fat to water."),
        ),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return self.context.grid.protocol

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split."""
        rows = {c.label: 1000.0 * c.images.mean(axis=(1, 2, 3))[:, None] for c in cohorts.all()}
        return pools.pooled_values(cohorts, rows, lambda row: row[..., 0], sampling)
'''

USE = """
import json, sys
import numpy as np
from syda.card.policy import goal_keys
from syda.card.seven_cs import criterion_of
from syda.metrics import evaluation, registry
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid

rng = np.random.default_rng(0)
def cohort(label, hu):
    images = np.clip((hu + rng.normal(0, 50, (3, 8, 8, 8))) / 1000, -1, 1).astype(np.float32)
    names = tuple(f"{label}-{n}" for n in range(3))
    return Cohort(label, images, names, names)
cohorts = Cohorts(cohort("synthetic", 130), {s: cohort(s, 100) for s in ("train", "holdout")})
found = evaluation.evaluate(cohorts, VoxelGrid(8, -1000, 1000), Sampling(7, 10, 100))
print(json.dumps({
    "numbers": found.numbers()["holdout"],
    "figures": found.details()["figures"]["holdout"],
    "described": found.details()["metrics"]["mean_hu"],
    "criterion": criterion_of("mean_hu").title,
    "goals": goal_keys("metrics"),
    "table": registry.table(),
}))
"""


def test_one_file_and_one_line_add_a_metric_to_the_reports_the_card_and_the_docs(
    tmp_path: Path,
) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    src = Path(shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignore))
    (src / "syda/metrics/mean_hu.py").write_text(FILE.lstrip())
    registry = src / "syda/metrics/registry.py"
    lines = registry.read_text().splitlines(keepends=True)
    lines.insert(lines.index("    kid,\n") + 1, "    mean_hu,\n")
    registry.write_text("".join(lines))
    done = subprocess.run(
        [sys.executable, "-c", USE],
        env=os.environ | {"PYTHONPATH": str(src), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    figure = found["figures"]["mean_hu"]
    assert abs(figure["synthetic"]["value"] - 130) < 10 > abs(figure["real"]["value"] - 100)
    assert "mean_hu" not in found["numbers"]
    assert found["described"]["goal"] == {
        "rule": "difference at most",
        "bound": 10.0,
        "reason": "A tenth of the way from fat to water.",
    }
    assert found["criterion"] == "Constraint"
    assert "mean_hu" in found["goals"]
    assert "| Mean HU | `mean_hu` | HU | close to the real value | Constraint |" in found["table"]
