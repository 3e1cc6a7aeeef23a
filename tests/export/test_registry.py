import shutil

import mlflow
import numpy as np
import pytest

from syda import paths
from syda.errors import UsageError
from syda.export import registry
from syda.export.onnx_check import feed, session

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # MLflow's own warnings


@pytest.fixture
def root(tmp_path, released):
    shutil.copytree(released[0], tmp_path / paths.RELEASE)
    return tmp_path


def test_a_registered_version_loads_by_its_address(root, model, graph, monkeypatch):
    address = registry.register(root)
    assert address == "models:/syda/1"
    assert registry.register(root) == address  # the same release is registered once
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / paths.MLFLOW / 'mlflow.db'}")
    loaded = mlflow.pyfunc.load_model(address)
    given = feed(model.generator, 4)
    (wanted,) = session(graph).run(None, given)
    np.testing.assert_array_equal(loaded.predict(given)["hu"], wanted)
    assert [one.name for one in loaded.metadata.signature.inputs] == list(given)
    assert loaded.metadata.metadata["mark"] == "SYNTHETIC, NOT FOR DIAGNOSIS"


def test_without_a_release_it_says_what_makes_one(tmp_path):
    with pytest.raises(UsageError, match="`dvc repro export` makes it"):
        registry.register(tmp_path)


def test_a_store_that_cannot_be_written_is_one_warning(root, capfd):
    (root / paths.MLFLOW).write_text("a file")
    registry.RegistryLogger(root / paths.MLFLOW, registry.EXPERIMENT).register(root)
    (line,) = [one for one in capfd.readouterr().err.splitlines() if one.strip()]
    assert line.startswith("warning: export continues without MLflow: ")
