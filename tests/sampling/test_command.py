import json
import re

import pytest
from typer.testing import CliRunner

import changed_params
from open_gate import LOOKS_FOR_COPIES, OPEN_GATE
from small_generator import random_generator, release
from syda import paths
from syda.cli import app
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.records.index import INDEX
from syda.runtime import manifest
from syda.runtime.digest import sha256_of_file
from syda.sampling import options
from syda.sampling.gate import NO_COPY_CHECK
from syda.volume import nifti


def call(*arguments):
    """Run ``syda generate``; what it raises is raised here."""
    done = CliRunner().invoke(app, ["generate", *map(str, arguments)])
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def params(tmp_path):
    """Write a params.yaml elsewhere, with another gate and precision; return its path."""

    def write(gate):
        folder = tmp_path / "settings"
        folder.mkdir(exist_ok=True)
        changed_params.write(folder, {"generate.gate": gate, "generate.precision": "bfloat16"})
        return folder / "params.yaml"

    return write


def test_it_works_where_there_is_no_repository(elsewhere, released):
    done = call("--out", "made", "--weights", released, "--seeds", "0-2,42")
    assert re.search(rf"^synthetic volumes in {elsewhere}/made: 4, \d+\.\d\d s each\n", done.stdout)
    assert "warning: generate: no params.yaml here: no quality gate is applied" in done.stderr
    assert "nobody can tell whether a volume is a copy" in done.stderr
    assert "volumes" in done.stderr  # of the progress bar
    cubes = {f"{seed:06d}.nii.gz" for seed in (0, 1, 2, 42)}
    described = {f"{seed:06d}.json" for seed in (0, 1, 2, 42)}
    assert names(elsewhere / "made") == cubes | described | {f"physical/{name}" for name in cubes}
    facts = json.loads((elsewhere / "made/000042.json").read_text())
    assert (facts["seed"], facts["truncation"], facts["precision"]) == (42, 1.0, "float32")
    assert facts["code_sha256"] == manifest.code_digest_from("syda.sampling.generation")
    assert facts["data"]["version"] == "v0"
    assert facts["copy_check"] == "none: no quality gate was applied"
    assert sorted(elsewhere.iterdir()) == [elsewhere / "made"]


def test_a_body_part_that_is_no_term_of_dicom_is_refused(elsewhere, released):
    path = released / "generator.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"body_part": "DOE JOHN"}))
    with pytest.raises(CorruptData, match=r"body_part of generator\.json is no term") as error:
        call("--out", "made", "--weights", released)
    assert "DOE" not in str(error.value)


def test_a_seed_gives_the_same_volume_in_any_list_of_seeds(elsewhere, released):
    call("--out", "a", "--weights", released, "--number", 3, "--seed", 5, "--format", "both")
    call("--out", "b", "--weights", released / "generator.safetensors", "--seeds", "7")
    call("--out", "c", "--weights", released, "--seeds", "5-7", "--format", "both")
    one, other = elsewhere / "a", elsewhere / "b"
    assert names(one) == names(elsewhere / "c") > names(other)
    for name in names(other):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for name in names(one):
        assert (one / name).read_bytes() == (elsewhere / "c" / name).read_bytes()


def test_dicom_alone_comes_with_its_json(elsewhere, released):
    call("--out", "made", "--weights", released, "--format", "dicom")
    found = names(elsewhere / "made")
    slices = {name for name in found if re.fullmatch(r"dicom/000000/\d{4}\.dcm", name)}
    assert slices
    assert found - slices == {"000000.json"}


def test_requested_properties_are_described_and_given(elsewhere, released):
    wishes = ("--property", "body_width_mm=330..350", "--property", "sex=F")
    done = call("--out", "made", "--weights", released, "--number", 3, "--truncation", 0.5, *wishes)
    assert "outside" not in done.stderr
    made = [json.loads(p.read_text()) for p in (elsewhere / "made").glob("*.json")]
    widths = {one["properties"]["requested"]["body_width_mm"] for one in made}
    assert len(widths) == 3
    assert 330 <= min(widths) <= max(widths) <= 350
    assert {one["properties"]["requested"]["sex"] for one in made} == {"F"}
    assert {one["truncation"] for one in made} == {0.5}


def test_outside_the_training_range_is_a_warning(elsewhere, released):
    done = call("--out", "made", "--weights", released, "--property", "body_width_mm=700")
    assert (
        "warning: generate: body_width_mm=700.0: outside the range of the training cases"
        in done.stderr
    )
    assert (elsewhere / "made/000000.nii.gz").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--property", "kidneys=2"],
         r"kidneys: not a property of this model: its .* are body_width_mm \(3.* to .*\), sex"),
        (["--property", "sex=X"], "sex=X: must be one of F, M"),
        (["--property", "body_width_mm=-4"], "no scan has that"),
        (["--property", "body_width_mm"], "not name=value or name=low..high"),
        (["--property", "body_width_mm=300.."], "not name=value or name=low..high"),
        (["--property", "sex=F..M"], "F is no number"),
        (["--property", "sex=F", "--property", "sex=M"], "sex: given twice"),
        (["--seeds", "0-9,x"], "--seeds x: not of the form 0-9,42"),
        (["--seeds", "-3"], "not of the form"),
        (["--seeds", ""], "not of the form"),
        (["--seeds", "9-0"], "--seeds 9-0: must run upwards"),
        (["--seeds", "0-99999999999"], "over at most 1000000"),
        (["--seeds", "1", "--seed", "0"], "either --seeds, or --number and --seed"),
        (["--number", "0"], "1 to 1000000 volumes"),
        (["--seed", "-1"], "seeds from 0"),
        (["--seed", str(2**63)], "seeds from 0"),
        (["--format", "png"], "--format png: is none of nifti, dicom, both"),
        (["--params", "nothing/params.yaml"], "--params nothing/params.yaml: no file params.yaml"),
        (["--weights", "nothing"], "nothing: no generator.safetensors there"),
    ],
)  # fmt: skip
def test_wrong_use_is_refused_and_leaves_nothing(arguments, message, elsewhere, released):
    with pytest.raises(UsageError, match=message):
        call("--out", "made", "--weights", released, *arguments)
    assert list(elsewhere.iterdir()) == []


def test_broken_weights_leave_nothing(elsewhere, released):
    (released / "generator.safetensors").write_bytes(b"broken")
    with pytest.raises(CorruptData, match="release: not a readable generator"):
        call("--out", "made", "--weights", released)
    assert list(elsewhere.iterdir()) == []


def test_options_without_a_folder_to_write_are_refused(elsewhere):
    for option in (["--seeds", "0"], ["--seed", "0"], ["--property", "sex=F"], ["--weights", "w"]):
        with pytest.raises(UsageError, match="options need --out FOLDER"):
            call(*option)


def test_a_folder_that_holds_something_is_left_alone(elsewhere, released):
    existing = elsewhere / "made" / "mine"
    existing.parent.mkdir()
    existing.write_text("mine")
    for out in ("made", "made/mine"):
        with pytest.raises(UsageError, match="is no empty folder"):
            call("--out", out, "--weights", released)
    assert names(elsewhere) == {"made/mine"}
    existing.unlink()
    call("--out", "made", "--weights", released)
    assert (elsewhere / "made/000000.json").is_file()


def test_a_params_file_gives_gate_and_precision(elsewhere, released, params):
    done = call("--out", "made", "--weights", released, "--params", params(LOOKS_FOR_COPIES))
    assert "warning: generate: copy check not possible: there are no records" in done.stderr
    facts = json.loads((elsewhere / "made/000000.json").read_text())
    assert facts["copy_check"] == NO_COPY_CHECK
    assert facts["precision"] == "bfloat16"
    counts = json.loads((elsewhere / "made/gate.json").read_text())
    assert (counts["drawn"], counts["rejected"]) == (1, 0)
    assert counts["copy_check"] == {"checked": False, "why": NO_COPY_CHECK}
    with pytest.raises(CheckFailed, match=r"the gate rejected 1 of 1 volumes \(constant 1\)"):
        call(
            "--out", "more", "--weights", released,
            "--params", params(OPEN_GATE | {"min_std_hu": 1e6}),
        )  # fmt: skip
    assert sorted(elsewhere.iterdir()) == [elsewhere / "made"]


def test_in_a_repository_its_params_and_weights_are_taken(elsewhere, released, params, monkeypatch):
    root = params(OPEN_GATE).parent
    (root / "data").mkdir()
    released.rename(root / "data" / "weights")
    monkeypatch.chdir(root)
    done = call("--out", elsewhere / "made", "--number", 2)
    assert "no params.yaml" not in done.stderr
    assert (elsewhere / "made/gate.json").is_file()
    assert len(nifti.case_files(elsewhere / "made")) == 2
    assert names(root) == {
        "params.yaml",
        "data/weights/generator.safetensors",
        "data/weights/generator.json",
    }


@pytest.mark.parametrize("standing_in_it", [True, False])
def test_the_records_of_the_training_are_looked_at(
    standing_in_it, elsewhere, tmp_path, params, made_up_records, monkeypatch
):
    root = made_up_records(params(LOOKS_FOR_COPIES).parent, 8)
    data = {"version": "v0", "index_sha256": sha256_of_file(root / paths.RECORDS / INDEX)}
    weights = release(tmp_path / "trained", random_generator(), data=data)
    if standing_in_it:
        monkeypatch.chdir(root)
    arguments = ("--out", elsewhere / "made", "--weights", weights)
    # The made-up scans are noise, which lies farther apart than any volume from noise.
    with pytest.raises(CheckFailed, match=r"rejected 1 of 1 volumes \(copy 1\)"):
        call(*arguments, "--params", root / "params.yaml")


def test_replaced_volumes_are_reported(elsewhere, released, params):
    call("--out", "all", "--weights", released, "--params", params(OPEN_GATE), "--number", 8)
    flat = {
        int(nifti.case_name(p)): float(nifti.read(p).hu.std())
        for p in nifti.case_files(elsewhere / "all")
    }
    worst = min(flat, key=flat.get)
    rules = OPEN_GATE | {"min_std_hu": flat[worst] + 0.001, "max_rejected_share": 0.5}
    done = call(
        "--out", "sound", "--weights", released, "--params", params(rules), "--seeds", worst
    )
    assert (
        "; the gate rejected 1 of 2 volumes (constant 1), the next seeds replace them"
        in done.stdout
    )
    assert (elsewhere / "sound" / f"{worst + 1:06d}.json").is_file()


def test_seeds_are_spelled_in_spans():
    assert options.seeds("0-3, 42,2", None, None) == [0, 1, 2, 3, 42]
    assert options.seeds(None, None, None) == [0]
    assert options.seeds(None, 3, 7) == [7, 8, 9]


@pytest.mark.slow
def test_errors_are_one_line_with_their_exit_codes(elsewhere, released, syda):
    wrong = syda("generate", "--out", "made", "--weights", "nothing")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("syda: nothing: no generator.safetensors there")
    (released / "generator.json").write_text("{}")
    broken = syda("generate", "--out", "made", "--weights", released)
    assert broken.returncode == 1
    assert broken.stderr.split("\n")[-2].startswith("syda: release: not a readable generator")
