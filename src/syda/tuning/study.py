"""``syda tune``: an Optuna study over keys of params.yaml. It explores; it is no stage.

What it leaves is a database under ``.work/tune``, runs in MLflow and a line to run the pipeline
with. Nothing that the pipeline makes depends on it, and no report cites it: the settings that were
found count once `dvc exp run` has trained with them.

A study belongs to its records, code and parameters. While these stay the same, a study that was
interrupted goes on, and tries what it would have tried.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, JsonValue

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.metrics.cohorts import Cohort, Grid
from syda.params import Params as AllParams
from syda.params import Section, load
from syda.records.reader import read_split
from syda.records.writer import INDEX
from syda.runtime import guard, manifest, progress
from syda.stages import train
from syda.training import data, devices
from syda.training.tracking import Search
from syda.tuning import space as spaces
from syda.tuning.objective import Objective, by_patient
from syda.tuning.trial import Bench
from syda.types import Attribute, Case, Properties, Volume
from syda.volume.model_space import ModelSpace

READS = (paths.RECORDS, paths.validation_report("records"))
STUDY = "tune"
"""Its name in its database."""


class Params(Section):
    """Section ``tune``."""

    trials: int = Field(ge=1)
    """Trainings in all, those of earlier calls of the same study included."""
    startup: int = Field(ge=1)
    """How many of these, the first ones, are drawn at random; none of them is pruned."""
    seed: int = Field(ge=0)
    """Of the validation patients, of what is tried, and of the pairs that are compared."""
    images: int = Field(ge=2)
    """Length of a trial, real images shown."""
    points: int = Field(ge=1)
    """How often a trial is judged; at all but the last it can be pruned."""
    validation_share: float = Field(gt=0, lt=1)
    """Share of the training split's patients that no trial is trained on."""
    volumes: int = Field(ge=2)
    """Synthetic volumes that a trial is judged by."""
    objective: Literal["hu_w1_ms_ssim", "perceptual"]
    """See :class:`syda.tuning.objective.Objective`."""
    space: spaces.Space = Field(min_length=1)
    """What is tried: keys of the sections train and model."""


class _Pruned(Exception):  # noqa: N818  (a verdict)
    """A trial is worse than the others were at that point."""


def run(root: Path) -> list[str]:
    """Try what is left to try, and say what was best.

    It runs in one process: ``SYDA_DEVICES`` counts for trainings alone.

    Returns:
        Lines to print; the last one is a command that runs the pipeline with the best values.

    Raises:
        CheckFailed: no trial came to its end, or there are fewer than four training patients.
        CorruptData: the records cannot be read.
        ParamsError: a wrong parameter, or a key of the space that does not exist.
        UsageError: Optuna is not installed, there are no records yet, a search is running here
            already, or several processes were started.
    """
    optuna = _optuna()
    params = load(root)
    own = params.section("tune", Params)
    spaces.check(params, own.space)
    for path in READS:
        if not (root / path).exists():
            raise UsageError(f"tune: {path} does not exist: `dvc repro` makes it")
    if devices.place().world > 1:
        raise UsageError("tune: runs in one process: start it without torchrun or srun")
    with guard.exclusive(root, "tune"):
        bench = _bench(root, params, own)
        identity = _identity(root, params, own)
        study = _open(optuna, root / paths.TUNE / f"{identity}.db")
        told = {
            "tune": own.model_dump(mode="json"),
            "train": params.section("train", train.Params).model_dump(),
            "ct": params.ct.model_dump(),
            "model": params.model.model_dump(),
        }
        with Search(root / paths.MLFLOW, identity, told) as search:
            _search(optuna, study, own, bench, search)
        return _told(study, own)


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise UsageError("tune: Optuna is not installed: `pip install -e '.[tune]'`") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _bench(root: Path, params: AllParams, own: Params) -> Bench:
    ct = params.ct
    space = ModelSpace(ct.size, ct.spacing_mm, ct.window_min, ct.window_max)
    cases: list[Case] = []

    def read() -> Iterator[tuple[Volume, Properties, dict[str, Attribute]]]:
        for record in read_split(root / paths.RECORDS, "train", ct.spacing_mm):
            cases.append(record.case)
            yield record.volume, record.properties, record.case.attributes

    scans = data.encode(read(), space)
    fitting, aside = by_patient([c.patient for c in cases], own.validation_share, own.seed)
    validation = Cohort(
        "validation",
        scans.images[aside, 0].numpy(),
        tuple(cases[i].case for i in aside),
        tuple(cases[i].patient for i in aside),
    )
    grid = Grid(ct.size, ct.window_min, ct.window_max)
    judge = Objective(own.objective, grid, validation, own.seed)
    return Bench(
        params,
        own.images,
        own.points,
        own.volumes,
        scans.only(fitting),
        space,
        judge,
        root / paths.TUNE / "checkpoints",
    )


def _identity(root: Path, params: AllParams, own: Params) -> str:
    """16 hexadecimal digits of what a study's trials depend on; not on how many there are."""
    depends = {
        "records": manifest.digest_file(root / paths.RECORDS / INDEX),
        "code": manifest.code_digest_from(__name__),
        "libraries": manifest.direct_dependencies(),
        "here": params.section("train", train.Params).here(),
        "train": params.section("train", train.Params).model_dump(mode="json"),
        "ct": params.ct.model_dump(mode="json"),
        "model": params.model.model_dump(mode="json"),
        "tune": own.model_dump(mode="json", exclude={"trials"}),
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]


def _open(optuna: Any, file: Path) -> Any:
    """Create a study or go on with it; a trial that an earlier call left unfinished has failed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file.resolve()}")
    study = optuna.create_study(
        storage=storage, study_name=STUDY, direction="minimize", load_if_exists=True
    )
    state = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        study.tell(trial.number, state=state.FAIL)
    return study


def _finished(optuna: Any, study: Any) -> int:
    state = optuna.trial.TrialState
    return len(study.get_trials(deepcopy=False, states=(state.COMPLETE, state.PRUNED)))


def _search(optuna: Any, study: Any, own: Params, bench: Bench, search: Search) -> None:
    state = optuna.trial.TrialState
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=own.startup)
    done = _finished(optuna, study)
    present = spaces.present(bench.params, own.space)
    waiting = study.get_trials(deepcopy=False, states=(state.WAITING,))
    if done == 0 and not waiting and present is not None:
        study.enqueue_trial(
            present, {"present": True}
        )  # so that the best is at least as good as what there is
    with progress.bar(own.trials, "tune", "trials", done) as bar:
        for number in range(done, own.trials):
            # From finished trials alone, so that an interruption changes nothing of what is tried.
            seed = np.random.SeedSequence([own.seed, number]).generate_state(1)[0]
            study.sampler = optuna.samplers.TPESampler(seed=int(seed), n_startup_trials=own.startup)
            _try(state, study, own, bench, search)
            bar.update()


def _try(state: Any, study: Any, own: Params, bench: Bench, search: Search) -> None:
    """Run one trial and tell its outcome to Optuna, MLflow and the user."""
    trial = study.ask()
    values = spaces.suggest(trial, own.space)
    trial.set_user_attr("values", values)
    search.begin(trial.number, values)

    def report(point: int, images: int, value: float) -> None:
        trial.report(value, point)
        search.judged(images, value)
        if point < own.points and trial.should_prune():
            raise _Pruned(f"{value:.4g} at point {point} of {own.points}: worse than the median")

    try:
        value = bench.run(values, report)
    except (_Pruned, CheckFailed) as verdict:
        trial.set_user_attr("reason", str(verdict))
        study.tell(trial, state=state.PRUNED)
        search.end("KILLED", reason=str(verdict))
        outcome = f"pruned: {verdict}"
    else:
        study.tell(trial, value)
        search.end("FINISHED")
        outcome = f"{value:.4g}"
    progress.say(f"trial {trial.number}: {_short(values)}: {outcome}")


def _short(values: Mapping[str, JsonValue]) -> str:
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())


def _told(study: Any, own: Params) -> list[str]:
    ended = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    if not ended:
        reason = pruned[-1].user_attrs["reason"]
        raise CheckFailed(f"tune: none of {len(pruned)} trials came to its end; the last: {reason}")
    best = study.best_trial
    lines = [
        f"{len(ended)} trials came to their end, {len(pruned)} were pruned",
        f"best is trial {best.number}: {own.objective} {best.value:.4g}",
    ]
    lines += [
        f"params.yaml as it is, trial {trial.number}: {trial.value:.4g}"
        for trial in ended
        if trial.user_attrs.get("present")
    ]
    return [*lines, spaces.command(best.user_attrs["values"])]
