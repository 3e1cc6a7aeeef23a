import json

import pytest

from syda import paths
from syda.errors import ParamsError, UsageError
from syda.phantom import cohort
from syda.stages import phantom

GOLDEN_V0 = "65de79ef17b5356fbecd912789e08901f675f6e6cd82f7927d22110556f889e7"
"""sha256 of data/raw/v0 at the default params.yaml. `make check-data` builds it and compares."""


SMALL = {"phantom.seed": 7, "phantom.base_subjects": 2, "phantom.added_subjects": 1}


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.dcm")}


def test_v1_is_v0_byte_for_byte_and_more(workspace, monkeypatch):
    root = workspace(SMALL)
    monkeypatch.setenv("SYDA_WORKERS", "1")
    phantom.run(root, "v0")
    monkeypatch.setenv("SYDA_WORKERS", "2")
    phantom.run(root, "v1")
    v0, v1 = (contents(root / paths.RAW / version) for version in cohort.VERSIONS)
    assert {name.split("/")[0] for name in v0} == {"base-0000", "base-0001"}
    assert {name.split("/")[0] for name in v1} == {"base-0000", "base-0001", "added-0000"}
    assert v0.items() <= v1.items()
    written = json.loads((root / paths.manifest("phantom", "v1")).read_text())
    assert written["writes"]["data/raw/v1"]["files"] == len(v1)
    assert written["params"]["phantom"]["seed"] == 7


def test_unknown_version_is_wrong_use(workspace):
    root = workspace(SMALL)
    with pytest.raises(UsageError, match="phantom v2: the versions are v0, v1"):
        phantom.run(root, "v2")
    assert not (root / paths.RAW).exists()


@pytest.mark.parametrize(("key", "value"), [("seed", -1), ("base_subjects", 2.5)])
def test_wrong_parameters_are_named(workspace, key, value):
    with pytest.raises(ParamsError, match=rf"^params\.yaml:\d+: phantom\.{key}: [^\n]*$"):
        phantom.run(workspace({f"phantom.{key}": value}), "v0")
