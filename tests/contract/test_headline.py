"""The headline of the committed run fits on one screen."""

import json
from pathlib import Path

METRICS = Path(__file__).parents[2] / "reports/metrics.json"


def pairs(found):
    """Number of mappings with a synthetic and a real value."""
    if not isinstance(found, dict):
        return 0
    is_pair = isinstance(found.get("real"), float) and isinstance(found.get("synthetic"), float)
    return is_pair + sum(map(pairs, found.values()))


def test_metrics_json_holds_at_most_twenty_pairs_of_synthetic_and_real():
    found = pairs(json.loads(METRICS.read_text(encoding="utf-8")))
    assert 9 <= found <= 20
