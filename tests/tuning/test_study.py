import builtins
import shlex
import shutil
import sqlite3

import pytest
from dvc.utils.hydra import apply_overrides
from typer.testing import CliRunner

from syda import paths
from syda.cli import app
from syda.errors import CheckFailed, ParamsError, UsageError
from syda.params import load
from syda.runtime.guard import Stopped
from syda.runtime.mlflow_store import open_store
from syda.tuning import study, trial
from syda.tuning.space import SECTIONS
from syda.tuning.tracking import EXPERIMENT

pytest.importorskip("optuna", reason="the extra `tune` is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


@pytest.fixture
def silent(monkeypatch, root):
    """MLflow out of reach: a study takes seconds less."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/params.yaml/mlflow.db")


@pytest.fixture
def scripted(monkeypatch, silent):
    """Replace the trainings: a trial reports and ends as a function of its values says."""
    tried = []

    def use(outcome):
        def run(self, values, report):
            tried.append(values)
            return outcome(len(tried) - 1, values, report)

        monkeypatch.setattr(trial.TrialRunner, "run", run)
        return tried

    return use


def trials(root):
    """Trials in the database: number, state and values."""
    import optuna

    (file,) = (root / paths.TUNE).glob("*.db")
    found = optuna.load_study(study_name=study.STUDY, storage=f"sqlite:///{file}").trials
    return [(one.number, one.state.name, one.user_attrs.get("values")) for one in found]


def overrides(line):
    words = shlex.split(line)
    assert words[:3] == ["dvc", "exp", "run"]
    assert words[3::2] == ["-S"] * len(words[4::2])
    return dict(word.split("=", 1) for word in words[4::2])


@pytest.mark.slow
def test_a_study_ends_with_a_command_of_keys_that_exist(root, monkeypatch):
    monkeypatch.chdir(root)
    before = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    done = CliRunner().invoke(app, ["tune"])
    assert done.exit_code == 0, done.exception
    lines = done.stdout.splitlines()
    assert lines[0].endswith("were pruned")
    assert lines[1].startswith("best: trial ")
    chosen = overrides(lines[-1])
    assert chosen.keys() == {"train.generator_lr", "train.r1_interval", "train.loss"}
    lines_of = load(root).source.lines
    assert all(tuple(key.split(".")) in lines_of for key in chosen)
    (root / "copy").mkdir()
    shutil.copy(root / "params.yaml", root / "copy")
    apply_overrides(root / "copy" / "params.yaml", [f"{k}={v}" for k, v in chosen.items()])
    for name, cls in SECTIONS.items():
        load(root / "copy").section(name, cls)
    shutil.rmtree(root / "copy")
    after = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in after - before} == {".work", ".mlflow"}
    assert [path.suffix for path in (root / paths.TUNE).iterdir()] == [".db"]  # no checkpoint
    assert [number for number, _, _ in trials(root)] == [0, 1, 2]


@pytest.mark.slow
def test_trials_are_runs_below_the_studys_in_mlflow(root):
    study.run(root)
    client, experiment = open_store(root / paths.MLFLOW, EXPERIMENT)
    runs = client.search_runs([experiment])
    (parent,) = [run for run in runs if "study" in run.data.tags]
    children = [
        run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    assert (len(runs), len(children), parent.info.status) == (4, 3, "FINISHED")
    assert parent.data.params["tune.trials"] == "3"
    assert "'images': 24" in parent.data.params["train.stages"]
    states = {str(values): state for _, state, values in trials(root)}
    for child in children:
        assert child.data.params.keys() == {"train.generator_lr", "train.r1_interval", "train.loss"}
        assert child.data.metrics["objective"] > 0
        (state,) = {
            state
            for values, state in states.items()
            if all(value in values for value in child.data.params.values())
        }
        assert child.info.status == {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}[state]


@pytest.mark.slow
def test_the_holdout_is_not_read_and_no_validation_patient_is_trained_on(root, silent, monkeypatch):
    splits, trained = [], []
    read, fit = study.read_split, trial.fit
    monkeypatch.setattr(study, "read_split", lambda *a: splits.append(a[1]) or read(*a))
    monkeypatch.setattr(trial, "fit", lambda data, *a: trained.append(data) or fit(data, *a))
    study.run(root)
    assert splits == ["train"]
    training = [r.case.patient for r in read(root / paths.RECORDS, "train", 1.5)]
    fitting, aside = study.by_patient(training, 0.3, 0)
    assert len(aside) == 2
    assert {len(data.images) for data in trained} == {len(fitting)}


def test_the_first_trial_has_the_values_of_params_yaml(root, scripted):
    tried = scripted(lambda number, values, report: float(number))
    lines = study.run(root)
    assert tried[0] == {
        "train.generator_lr": 0.003,
        "train.r1_interval": 8,
        "train.loss": "nonsaturating",
    }
    assert "params.yaml unchanged: trial 0, 0" in lines
    assert overrides(lines[-1])["train.generator_lr"] == "0.003"


def test_the_median_of_the_others_prunes(root, tiny, scripted, capfd):
    tiny({"tune.trials": 4})

    def outcome(number, values, report):
        worse = [0.1, 0.2, 10.0, 0.0][number]
        for point in (1, 2):
            report(point, 10 * point, worse)
        return worse

    scripted(outcome)
    lines = study.run(root)
    assert [state for _, state, _ in trials(root)] == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]
    assert lines[0] == "3 trials were completed, 1 were pruned"
    assert "pruned: 10 at point 1 of 2: worse than the median" in capfd.readouterr().err


def test_a_diverged_training_is_pruned_with_its_reason_and_the_study_continues(
    root, scripted, capfd
):
    def outcome(number, values, report):
        if number == 1:
            raise CheckFailed("train: loss_d not finite after 8 images")
        return 5.0 - number

    scripted(outcome)
    lines = study.run(root)
    assert [state for _, state, _ in trials(root)] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert lines[1] == "best: trial 2, hu_w1_ms_ssim 3"
    assert "pruned: train: loss_d not finite after 8 images" in capfd.readouterr().err


@pytest.mark.slow
def test_a_real_divergence_is_no_crash(root, tiny, silent):
    axis = {"choices": [0.004, 1e30]}
    tiny({"tune.space": {"train.discriminator_lr": axis}, "tune.trials": 4, "tune.seed": 1})
    study.run(root)
    states = {values["train.discriminator_lr"]: state for _, state, values in trials(root)}
    assert states == {0.004: "COMPLETE", 1e30: "PRUNED"}


def test_a_study_without_a_completed_trial_fails(root, scripted):
    def outcome(number, values, report):
        raise CheckFailed("train: collapsed")

    scripted(outcome)
    with pytest.raises(
        CheckFailed, match="none of 3 trials was completed; the last: train: collapsed"
    ):
        study.run(root)


@pytest.mark.parametrize("how", [Stopped(15), MemoryError()], ids=["a signal", "a crash"])
def test_an_interrupted_study_continues_with_the_same_values(root, tiny, scripted, how):
    tiny({"tune.trials": 6})

    def score(values):
        return abs(values["train.generator_lr"] - 0.005) * 1000 + values["train.r1_interval"]

    whole = scripted(lambda number, values, report: score(values))
    best = study.run(root)
    expected = [*whole]
    for file in (root / paths.TUNE).iterdir():
        file.unlink()
    whole.clear()

    def interrupted(number, values, report):
        if number == 4:
            raise how
        return score(values)

    scripted(interrupted)
    with pytest.raises(type(how)):
        study.run(root)
    assert study.run(root)[-1] == best[-1]
    assert [*whole[:4], *whole[5:]] == expected
    assert whole[4] == whole[5]  # the one that was cut off is tried again
    states = [state for _, state, _ in trials(root)]
    assert states == ["COMPLETE"] * 4 + ["FAIL"] + ["COMPLETE"] * 2


def test_a_finished_study_runs_no_trial_and_more_trials_continue_it(root, tiny, scripted):
    tried = scripted(lambda number, values, report: float(number))
    first = study.run(root)
    assert study.run(root) == first
    tiny({"tune.trials": 5})
    study.run(root)
    assert len(tried) == 5
    tiny({"train.r1_weight": 0.5})  # another question: another study
    study.run(root)
    assert len(tried) == 8
    assert len(list((root / paths.TUNE).glob("*.db"))) == 2


@pytest.mark.slow
def test_a_continued_study_continues_its_run_in_mlflow(root, monkeypatch):
    def stop(self, values, report):
        report(1, 10, 1.0)
        raise Stopped(15)

    with monkeypatch.context() as patch:
        patch.setattr(trial.TrialRunner, "run", stop)
        with pytest.raises(Stopped):
            study.run(root)
    client, experiment = open_store(root / paths.MLFLOW, EXPERIMENT)
    assert {run.info.status for run in client.search_runs([experiment])} == {"KILLED"}
    monkeypatch.setattr(trial.TrialRunner, "run", lambda self, values, report: 1.0)
    study.run(root)
    runs = client.search_runs([experiment])
    (parent,) = [run for run in runs if "study" in run.data.tags]
    assert (len(runs), parent.info.status) == (5, "FINISHED")


def test_mlflow_out_of_reach_is_one_warning(root, scripted, capfd):
    scripted(lambda number, values, report: float(number))
    study.run(root)
    lines = [line for line in capfd.readouterr().err.splitlines() if "MLflow" in line]
    assert len(lines) == 1
    assert lines[0].startswith("warning: the search continues without MLflow: ")


def test_an_unknown_key_is_named(root, tiny):
    tiny({"tune.space": {"train.generator_rl": {"choices": [1, 2]}}})
    with pytest.raises(ParamsError, match=r"tune\.space\.train\.generator_rl: no such key"):
        study.run(root)
    assert not (root / paths.TUNE).exists()


def test_without_records_the_message_names_dvc_repro(tiny):
    with pytest.raises(UsageError, match="tune: data/records does not exist: `dvc repro` makes it"):
        study.run(tiny({}))


def test_several_processes_are_refused(root, monkeypatch):
    for key, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("GROUP_RANK", "0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    with pytest.raises(UsageError, match="runs in one process"):
        study.run(root)


def test_without_optuna_one_line_says_what_to_install(root, monkeypatch):
    real = builtins.__import__

    def without(name, *args):
        if name == "optuna":
            raise ModuleNotFoundError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[tune\]'"):
        study.run(root)


def test_the_database_holds_the_study(root, scripted):
    scripted(lambda number, values, report: float(number))
    study.run(root)
    (file,) = (root / paths.TUNE).iterdir()  # closed: no journal beside it
    with sqlite3.connect(file) as database:
        assert database.execute("select study_name from studies").fetchall() == [("tune",)]
    database.close()
