"""``syda tune``: an Optuna study over keys of params.yaml. It is no stage.

It writes a database in ``.work/tune`` and runs in MLflow, and prints a command that runs the
pipeline with the best values. The pipeline does not read them.

A study belongs to its records, code and parameters. An interrupted study continues, and tries the
same values that it would have tried.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.metrics.cohorts import Cohort, VoxelGrid
from syda.params import Params, load
from syda.records.index import INDEX
from syda.records.reader import read_split
from syda.runtime import guard, manifest, progress
from syda.runtime.digest import sha256_of_file, sha256_of_json
from syda.training import data, distributed
from syda.training.config import TrainParams
from syda.tuning import space as search_space
from syda.tuning.config import TuneParams
from syda.tuning.objective import Objective, by_patient
from syda.tuning.tracking import StudyLogger
from syda.tuning.trial import TrialRunner
from syda.volume.model_space import ModelSpace

READS = (paths.RECORDS, paths.validation_report("records"))
STUDY = "tune"
"""Name of the study in its database."""


def run(root: Path) -> list[str]:
    """Run the remaining trials of a study, in one process.

    Returns:
        Lines to print; the last one is a command that runs the pipeline with the best values.

    Raises:
        CheckFailed: no trial was completed, or there are fewer than four training patients.
        CorruptData: the records cannot be read.
        ParamsError: a parameter is invalid, or a key of the space does not exist.
        UsageError: Optuna is not installed, there are no records yet, a study is running here
            already, or several processes were started.
    """
    optuna = _optuna()
    params = load(root)
    tune = params.section("tune", TuneParams)
    search_space.check(params, tune.space)
    for path in READS:
        if not (root / path).exists():
            raise UsageError(f"tune: {path} does not exist: `dvc repro` makes it")
    if distributed.distributed_info().world_size > 1:
        raise UsageError("tune: runs in one process: start it without torchrun or srun")
    with guard.exclusive(root, "tune"):
        runner = _trial_runner(root, params, tune)
        sections = {
            "tune": tune.model_dump(mode="json"),
            "train": params.section("train", TrainParams).model_dump(mode="json"),
            "ct": params.ct.model_dump(mode="json"),
            "model": params.model.model_dump(mode="json"),
        }
        identity = _identity(root, params, sections)
        study = _open(optuna, root / paths.TUNE / f"{identity}.db")
        with StudyLogger(root / paths.MLFLOW, identity, sections) as logger:
            _search(optuna, study, runner, logger)
        return _summary(study, tune)


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise UsageError("tune: Optuna is not installed: `pip install -e '.[tune]'`") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _trial_runner(root: Path, params: Params, tune: TuneParams) -> TrialRunner:
    ct = params.ct
    space = ModelSpace.of(ct)
    whole = data.encode(read_split(root / paths.RECORDS, "train", ct.spacing_mm), space)
    patients = [case.patient for case in whole.cases]
    training, validation = map(whole.subset, by_patient(patients, tune.validation_share, tune.seed))
    cohort = Cohort(
        "validation",
        validation.images[:, 0].numpy(),
        tuple(case.case for case in validation.cases),
        tuple(case.patient for case in validation.cases),
    )
    grid = VoxelGrid(ct.size, ct.window_min, ct.window_max)
    objective = Objective(tune.objective, grid, cohort, tune.seed)
    checkpoints = root / paths.TUNE / "checkpoints"
    return TrialRunner(params, tune, training, space, objective, checkpoints)


def _identity(root: Path, params: Params, sections: Mapping[str, dict[str, Any]]) -> str:
    """Return 16 hexadecimal digits of what the trials depend on, without their number."""
    tune = {key: value for key, value in sections["tune"].items() if key != "trials"}
    depends = {
        "records": sha256_of_file(root / paths.RECORDS / INDEX),
        "code": manifest.code_digest_from(__name__),
        "libraries": manifest.direct_dependencies(),
        "environment": params.section("train", TrainParams).environment(),
        **sections,
        "tune": tune,
    }
    return sha256_of_json(depends)[:16]


def _open(optuna: Any, file: Path) -> Any:
    """Create or load a study; a trial that an earlier call did not finish has failed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file.resolve()}")
    study = optuna.create_study(
        storage=storage, study_name=STUDY, direction="minimize", load_if_exists=True
    )
    state = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        study.tell(trial.number, state=state.FAIL)
    return study


def _search(optuna: Any, study: Any, runner: TrialRunner, logger: StudyLogger) -> None:
    state, tune = optuna.trial.TrialState, runner.tune
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=tune.startup)
    done = len(study.get_trials(deepcopy=False, states=(state.COMPLETE, state.PRUNED)))
    waiting = study.get_trials(deepcopy=False, states=(state.WAITING,))
    baseline = search_space.baseline_values(runner.params, tune.space)
    if done == 0 and not waiting and baseline is not None:
        # The best trial is then at least as good as params.yaml.
        study.enqueue_trial(baseline, {"baseline": True})
    with progress.bar(tune.trials, "tune", "trials", done) as bar:
        for number in range(done, tune.trials):
            # A new sampler for each trial, so that an interruption does not change the values.
            seed = np.random.SeedSequence([tune.seed, number]).generate_state(1)[0]
            study.sampler = optuna.samplers.TPESampler(
                seed=int(seed), n_startup_trials=tune.startup
            )
            _run_trial(optuna, study, runner, logger)
            bar.update()


def _run_trial(optuna: Any, study: Any, runner: TrialRunner, logger: StudyLogger) -> None:
    """Run one trial and report its outcome to Optuna, MLflow and the user."""
    trial, tune = study.ask(), runner.tune
    values = search_space.suggest(trial, tune.space)
    trial.set_user_attr("values", values)
    logger.begin(trial.number, values)

    def report(point: int, images: int, value: float) -> None:
        trial.report(value, point)
        logger.log(images, value)
        if point < tune.points and trial.should_prune():
            raise optuna.TrialPruned(
                f"{value:.4g} at point {point} of {tune.points}: worse than the median"
            )

    try:
        value = runner.run(values, report)
    except (optuna.TrialPruned, CheckFailed) as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        logger.end("KILLED", reason=str(error))
        outcome = f"pruned: {error}"
    else:
        study.tell(trial, value)
        logger.end("FINISHED")
        outcome = f"{value:.4g}"
    progress.log(f"trial {trial.number}: {_line(values)}: {outcome}")


def _line(values: Mapping[str, JsonValue]) -> str:
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())


def _summary(study: Any, tune: TuneParams) -> list[str]:
    completed = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    if not completed:
        reason = pruned[-1].user_attrs["reason"]
        raise CheckFailed(f"tune: none of {len(pruned)} trials was completed; the last: {reason}")
    best = study.best_trial
    lines = [
        f"{len(completed)} trials were completed, {len(pruned)} were pruned",
        f"best: trial {best.number}, {tune.objective} {best.value:.4g}",
    ]
    lines += [
        f"params.yaml unchanged: trial {trial.number}, {trial.value:.4g}"
        for trial in completed
        if trial.user_attrs.get("baseline")
    ]
    return [*lines, search_space.command(best.user_attrs["values"])]
