import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.torch import load_file

from syda import paths
from syda.errors import CheckFailed, ParamsError
from syda.records import schema, writer
from syda.sampling import weights
from syda.stages import train
from syda.types import Case, Volume

TINY = {
    "ct.size": 8,
    "model.latent": 6,
    "model.mapping_layers": 2,
    "model.channels": [6, 4],
    "model.discriminator_channels": [5, 4],
    "train.images": 10,
    "train.coarse_images": 4,
    "train.batch": 4,
    "train.r1_interval": 2,
    "train.path_weight": 2.0,
    "train.path_interval": 2,
    "train.log_images": 8,
    "train.pictures": 1,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of eight made-up scans, and the report of the gate before them."""
    root = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(0)
    records = []
    for number in range(8):
        hu = rng.integers(-1000, 400, (12 + number, 10, 8)).astype(np.int16)
        case = Case(f"case{number}", f"patient{number}", {})
        records.append(schema.Record(case, Volume(hu, np.diag([1.5, 1.5, 1.5, 1.0]))))
    folder = root / "data" / "records"
    folder.mkdir(parents=True)
    writer.write(folder, records, holdout_share=0.3, shards=2)
    gate = root / "reports" / "validation" / "records.json"
    gate.parent.mkdir(parents=True)
    gate.write_text("{}")
    return root


@pytest.fixture(scope="module")
def with_params(root: Path) -> Callable[..., None]:
    def write(changes: dict[str, object]) -> None:
        yaml = YAML()
        source = Path(__file__).parents[2] / "params.yaml"
        document = yaml.load(source.read_text(encoding="utf-8"))
        for name, value in changes.items():
            section, key = name.split(".")
            assert key in document[section]
            document[section][key] = value
        with (root / "params.yaml").open("w", encoding="utf-8") as stream:
            yaml.dump(document, stream)

    return write


@pytest.fixture(scope="module")
def trained(root: Path, with_params: Callable[..., None]) -> Path:
    with_params(TINY)
    train.run(root)
    return root


def sha256(root: Path) -> str:
    return hashlib.sha256((root / "data/weights/generator.safetensors").read_bytes()).hexdigest()


def test_released_weights_load_and_are_the_generators_alone(trained):
    generator, description = weights.load(trained / "data/weights")
    stored = load_file(trained / "data/weights/generator.safetensors")
    assert stored.keys() == generator.state_dict().keys()
    assert {name.split(".")[0] for name in stored} == {"mapping", "synthesis", "w_average"}
    assert stored["w_average"].any()
    assert description.images_seen == 12
    assert {path.name for path in (trained / "data/weights").iterdir()} == {
        "generator.safetensors",
        "generator.json",
    }


def test_description_says_where_the_weights_come_from(trained):
    index = json.loads((trained / "data/records/index.json").read_text())["records"]
    training = [line for line in index if line["split"] == "train"]
    description = json.loads((trained / "data/weights/generator.json").read_text())
    assert description["architecture"]["channels"] == [6, 4]
    assert description["ct"] == {
        "size": 8,
        "spacing_mm": 1.5,
        "window_min": -1000,
        "window_max": 1000,
    }
    assert description["longest_sides"] == sorted(line["longest_side"] for line in training)
    assert description["data"]["training_cases"] == len(training)
    assert description["data"]["version"] == "v0"


def test_curves_have_a_line_a_span(trained):
    with (trained / "reports/train/curves.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert [line["images"] for line in lines] == ["8"]
    assert all(np.isfinite(float(value)) for value in lines[0].values())


def test_mlflow_has_parameters_curves_tags_and_a_grid(trained):
    from syda.training import tracking

    client, experiment = tracking.open_store(trained / paths.MLFLOW)
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FINISHED"
    assert run.data.params["train.batch"] == "4"
    assert run.data.params["train.augment.probability"]
    assert run.data.tags["data.version"] == "v0"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "loss_g")] == [8]
    (grid,) = client.list_artifacts(run.info.run_id, "samples")
    assert grid.path == "samples/00000012.png"
    assert (trained / ".mlflow" / "artifacts" / run.info.run_id / "artifacts" / grid.path).is_file()


def test_same_seed_same_weights_and_mlflow_out_of_reach_is_a_warning(trained, monkeypatch, capfd):
    before = sha256(trained)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained}/params.yaml/mlflow.db")
    train.run(trained)
    assert sha256(trained) == before
    warnings = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
    assert len(warnings) == 1
    assert "training goes on without MLflow" in warnings[0]


def test_a_diverged_training_leaves_no_weights(trained, with_params, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained}/params.yaml/mlflow.db")
    before = sha256(trained)
    with_params(TINY | {"train.discriminator_lr": 1e30})
    with pytest.raises(CheckFailed, match=r"not finite after \d+ images"):
        train.run(trained)
    assert sha256(trained) == before  # those of the run before; none of this one
    assert not list((trained / "data").glob(".*partial"))
    assert not (trained / "reports/manifest/train.json").exists()


def test_unknown_and_wrong_parameters_are_named(root, with_params):
    with_params(TINY | {"train.batch": 0, "train.precision": "float16"})
    with pytest.raises(ParamsError, match=r"(?s)train\.batch.*train\.precision"):
        train.run(root)
