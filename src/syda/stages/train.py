"""Stage ``train``: records to the weights of a generator."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import UsageError
from syda.model import device
from syda.params import DataParams, ModelParams, Section, load
from syda.records.index import INDEX
from syda.records.reader import read_split
from syda.runtime import progress, stage
from syda.runtime.digest import sha256_of_file
from syda.runtime.manifest import fingerprint
from syda.runtime.outputs import replace_folder, write_json, write_text
from syda.sampling import weights
from syda.training import data, distributed
from syda.training.checkpoint import Checkpoints
from syda.training.config import TrainParams
from syda.training.data import TrainingSet
from syda.training.encoder import fit as fit_encoder
from syda.training.fit import fit
from syda.training.module import StyleGANModule
from syda.training.tracking import MlflowCallback, SampleGridConfig
from syda.volume.model_space import ModelSpace

MEAN_FROM_PATIENTS = 50
"""Fewest patients whose mean scan may be part of the weights."""


def run(root: Path) -> None:
    """Write ``data/weights``, and what ``reports/train`` holds.

    Raises:
        CheckFailed: the training diverged or collapsed, a record is not at ``ct.spacing_mm``, or no
            training case has a property.
        CorruptData: the records cannot be read.
        SydaError: one of several processes failed.
        UsageError: there are no records yet, the batch is no multiple of the processes, or
            ``model.start`` is ``mean`` and there are too few patients.
    """
    params = load(root)
    train, ct, model = params.section("train", TrainParams), params.ct, params.model
    if distributed.launch("train"):
        return
    processes = distributed.distributed_info()
    for batch in {part.batch for part in train.stages}:
        if batch % processes.world_size:
            raise UsageError(
                f"train.stages: batch {batch} must be a multiple of {processes.world_size} "
                "processes"
            )
    if train.stages[-1].side != ct.size:
        raise UsageError(
            f"train.stages: the last side is {train.stages[-1].side}, ct.size is {ct.size}"
        )
    sections: dict[str, Section | dict[str, Any]] = {
        "train": train,
        "ct": ct,
        "model": model,
        "data": params.data.only("version", "artificial"),
    }
    frame = stage.running(
        root,
        "train",
        reads=[paths.RECORDS, paths.validation_report("records")],
        writes=[paths.WEIGHTS, paths.CURVES, paths.PROPERTIES, paths.ENVIRONMENT],
        params=sections,
    )
    with frame if processes.is_main_process else nullcontext():
        _warn_of_slow_bfloat16(train)
        space = ModelSpace.of(ct)
        records = read_split(root / paths.RECORDS, "train", ct.spacing_mm)
        training_set = data.encode(records, space)
        _check_start(model, training_set, params.data)
        schema = training_set.schema(model.properties)
        source = {
            "version": params.data.version,
            "index_sha256": sha256_of_file(root / paths.RECORDS / INDEX),
            "training_cases": len(training_set.images),
        }
        determines = {
            **fingerprint("train", sections),
            "source": source,
            "environment": train.environment(),
        }
        checkpoints = Checkpoints.of(root / paths.CHECKPOINTS, determines)
        if processes.is_main_process:
            checkpoints.discard_others()
        mlflow = MlflowCallback(
            root / paths.MLFLOW,
            params={
                "train": train.model_dump(),
                "ct": ct.model_dump(),
                "model": model.model_dump(),
            },
            tags={f"data.{key}": str(value) for key, value in source.items()},
            data=source,
            grids=SampleGridConfig(train.pictures, space, training_set.size_schema(), schema),
            run_file=checkpoints.folder / "mlflow-run",
        )
        gan = fit(training_set, schema, model, train, processes, checkpoints, [mlflow])
        if not processes.is_main_process:
            return
        _write(root, gan, training_set, space, source, processes.world_size)
        checkpoints.clear()


def _check_start(model: ModelParams, training_set: TrainingSet, data: DataParams) -> None:
    patients = len({case.patient for case in training_set.cases})
    real = data.version not in data.artificial
    if model.start == "mean" and real and patients < MEAN_FROM_PATIENTS:
        raise UsageError(
            f"model.start is mean: the mean scan of {patients} patients tells who is among them; "
            f"{MEAN_FROM_PATIENTS} are needed: set model.start=none"
        )


def _warn_of_slow_bfloat16(train: TrainParams) -> None:
    if train.precision == "bfloat16" and not device.computes_in_bfloat16(device.default_device()):
        progress.log(
            "warning: train.precision=bfloat16: this machine does not compute in it and takes "
            "up to 200 times as long; auto takes float32 here"
        )


def _write(
    root: Path,
    gan: StyleGANModule,
    training_set: TrainingSet,
    space: ModelSpace,
    source: Mapping[str, Any],
    processes: int,
) -> None:
    """Train the encoder, and write the outputs."""
    generator, schema, train = gan.ema.average, gan.schema, gan.params
    encoder, residual_variance = fit_encoder(generator, schema, train)
    progress.log(
        f"train: the encoder explains {1 - residual_variance:.0%} of the variance of styles"
    )
    description = weights.GeneratorDescription(
        architecture=generator.architecture,
        ct=asdict(space),
        sizes=training_set.size_schema().to_json(),
        conditions=schema.to_json(),
        data=dict(source),
        images_seen=gan.images_seen,
        precision=device.dtype_name(gan.activation_dtype),
        encoder={
            "architecture": encoder.architecture,
            "images": train.encoder.images,
            "residual_variance": residual_variance,
        },
        body_part=training_set.body_part(),
    )
    with replace_folder(root / paths.WEIGHTS) as folder:
        weights.save(folder, generator, description)
        weights.save_encoder(folder, encoder)
    write_text(root / paths.CURVES, gan.curves.csv())
    write_json(root / paths.PROPERTIES, {"columns": schema.size, **schema.to_json()})
    kind, precision = train.environment()
    environment = {"device": kind, "precision": precision, "processes": processes}
    write_json(root / paths.ENVIRONMENT, environment)
