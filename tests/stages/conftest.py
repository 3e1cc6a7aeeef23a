"""A workspace for ``convert``: raw data in v0, series of few slices taken."""

import json

import pytest


@pytest.fixture
def root(workspace):
    return workspace({"data.version": "v0", "convert.select.min_slices": 4})


@pytest.fixture
def raw(root):
    return root / "data" / "raw" / "v0"


@pytest.fixture
def report(root):
    """Read what convert reports."""
    return lambda: json.loads((root / "reports" / "convert.json").read_text())
