"""The released graph in MLflow's model registry: ``models:/syda/<n>``."""

import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx

from syda import paths
from syda.errors import UsageError
from syda.runtime.digest import digest_path
from syda.runtime.mlflow_store import MlflowLogger, git_tags, open_store
from syda.types import Tensor32

# MLflow comes after mlflow_store, which sets what MLflow reads when it is imported.
# isort: split
import mlflow
from mlflow import MlflowClient
from mlflow.models.signature import ModelSignature
from mlflow.types import Schema, TensorSpec

EXPERIMENT = "syda-release"
MODEL = "syda"
"""Name in the registry, and of the artifact in dvc.yaml."""

DIGEST = "release.sha256"
"""Tag of a version: digest of the folder of the release."""


class RegistryLogger(MlflowLogger):
    """Registers a release after its stage; a store that cannot be written is a warning."""

    activity = "export"

    def register(self, root: Path) -> None:
        """Register the release of a repository."""
        self._attempt(self._register, root)

    @staticmethod
    def _register(root: Path) -> None:
        register(root)


def register(root: Path) -> str:
    """Register the release of a repository, unless a version has its digest already.

    Returns:
        The address of the version, such as ``models:/syda/3``.

    Raises:
        mlflow.exceptions.MlflowException: the store cannot be reached or written.
        UsageError: there is no release.
    """
    folder = root / paths.RELEASE
    if not (folder / paths.ONNX).is_file():
        raise UsageError(f"register: {paths.RELEASE} is not here: `dvc repro export` makes it")
    digest = digest_path(folder)["sha256"]
    client, experiment = open_store(root / paths.MLFLOW, EXPERIMENT)
    for version in client.search_model_versions(f"name='{MODEL}'"):
        if version.tags.get(DIGEST) == digest:
            return f"models:/{MODEL}/{version.version}"
    return _log(client, experiment, folder, {**git_tags(root), DIGEST: digest})


def _log(client: MlflowClient, experiment: str, folder: Path, tags: dict[str, str]) -> str:
    """Log the graph as a model, and make it a version."""
    graph = onnx.load(folder / paths.ONNX)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow, about itself
        mlflow.onnx.save_model(
            graph,
            Path(scratch, MODEL),
            signature=ModelSignature(
                Schema([_tensor(one) for one in graph.graph.input]),
                Schema([_tensor(one) for one in graph.graph.output]),
            ),
            input_example=_example(graph),
            pip_requirements=["numpy", "onnxruntime"],
            save_as_external_data=False,
            metadata={one.key: one.value for one in graph.metadata_props},
        )
        logged = client.create_logged_model(experiment, name=MODEL, tags=tags)
        client.log_model_artifacts(logged.model_id, str(Path(scratch, MODEL)))
    client.finalize_logged_model(logged.model_id, "READY")
    if not client.search_registered_models(f"name='{MODEL}'"):
        client.create_registered_model(MODEL)
    # Without model_id: with it MLflow looks the model up in its global store, not in this one.
    version = client.create_model_version(MODEL, logged.artifact_location, tags=tags)
    return f"models:/{MODEL}/{version.version}"


def _tensor(value: onnx.ValueInfoProto) -> TensorSpec:
    return TensorSpec(np.dtype(np.float32), _shape(value, free=-1), value.name)


def _example(graph: onnx.ModelProto) -> dict[str, Tensor32]:
    """Inputs for one volume: mean properties, truncation 1, the rest zero."""
    example = {one.name: np.zeros(_shape(one, free=1), np.float32) for one in graph.graph.input}
    (properties,) = (one.value for one in graph.metadata_props if one.key == "properties")
    means = [number["mean"] for number in json.loads(properties)["numbers"]]
    example["properties"][0, : len(means)] = means
    example["truncation"][:] = 1
    return example


def _shape(value: onnx.ValueInfoProto, free: int) -> tuple[int, ...]:
    """Shape of a tensor; the free axis, which has a name in the place of a length, is given."""
    axes = value.type.tensor_type.shape.dim
    return tuple(free if axis.dim_param else axis.dim_value for axis in axes)
