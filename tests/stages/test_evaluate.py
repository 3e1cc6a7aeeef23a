import csv
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import changed_params
import published_networks
from small_generator import release
from syda import paths
from syda.errors import CheckFailed, CorruptData, ParamsError, UsageError
from syda.metrics import registry
from syda.model.generator import Generator
from syda.properties.measured import measure_properties
from syda.records import split, writer
from syda.records.config import PackParams
from syda.records.schema import Record
from syda.runtime.outputs import write_json
from syda.stages import evaluate
from syda.types import Case, Properties, Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import encode

SPACE = ModelSpace(16, 1.5, -1000, 1000)


def as_model_sees(volume):
    return SPACE.decode(encode(volume, SPACE), volume.longest_side)


def scan(seed: int) -> Volume:
    """A crude body at 1.5 mm: an ellipse of soft tissue with a spine, in air."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 20, 12)), indexing="ij")
    hu = np.full(x.shape, -1000.0)
    hu[(x / rng.uniform(0.7, 0.9)) ** 2 + (y / rng.uniform(0.5, 0.8)) ** 2 < 1] = 40
    hu[x**2 + (y + 0.3) ** 2 < 0.03] = 300
    hu += rng.normal(0, 15, hu.shape) + 0 * z
    return Volume(np.rint(hu.clip(-1024, 3071)).astype(np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))


def patients(side: split.Split, count: int) -> list[str]:
    """Names whose hash puts them in a split."""
    names = (f"patient-{n}" for n in range(1000))
    wanted = (name for name in names if split.split_of(name, 0.3333) == side)
    return [next(wanted) for _ in range(count)]


def write_records(folder: Path, train: int = 4, holdout: int = 3) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = patients("train", train) + patients("holdout", holdout)
    records = [
        Record(Case(f"case-{n}", name, {}), scan(n), measure_properties(scan(n)))
        for n, name in enumerate(names)
    ]
    writer.write(folder, records, PackParams(holdout_share=0.3333, shards=2, compression="none"))


PARAMS = {
    "ct.size": 16,
    "model.channels": [16, 16, 16],
    "model.discriminator_channels": [16, 16, 16],
    "evaluate": {
        "seed": 1,
        "pairs": 5,
        "bootstrap": 100,
        "shown": 2,
        "property_vectors": 3,
        "seeds": 2,
        "extractors": {},
    },
}


def write_weights(folder: Path) -> None:
    """Write a generator without properties, whose volumes differ."""
    torch.manual_seed(0)
    network = Generator(
        latent_dim=4, mapping_layers=1, mapping_lr_multiplier=0.1, channels=[4, 3, 2]
    )
    for block in network.synthesis.blocks:
        torch.nn.init.normal_(block.to_image.weight)
    release(folder, network, ct=asdict(SPACE))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as it is before the stage: all that it reads."""
    root = tmp_path_factory.mktemp("prepared")
    changed_params.write(root, PARAMS)
    write_records(root / paths.RECORDS)
    write_weights(root / paths.WEIGHTS)
    for seed in range(5):
        cube = as_model_sees(scan(100 + seed))
        name = f"{seed:06d}{nifti.SUFFIX}"
        nifti.write(root / paths.SYNTHETIC / name, cube)
    describe(root, [{}] * 5, [{}] * 5)
    counts = {"drawn": 8, "rejected": 3, "reasons": {"border": 1, "pieces": 3}}
    counts["copy_check"] = {"checked": False}
    write_json(root / paths.SYNTHETIC / "gate.json", counts)
    report = root / paths.validation_report("synthetic")
    report.parent.mkdir(parents=True)
    report.write_text("{}")
    write_json(root / paths.CONVERT_REPORT, {"artificial": False, "synthetic_data": {}})
    curves = root / paths.CURVES
    curves.parent.mkdir(parents=True)
    curves.write_text("images,loss_g,loss_d\n100,1,2\n200,2,1\n")
    return root


@pytest.fixture
def root(prepared: Path, tmp_path: Path) -> Path:
    """One for a test to change."""
    return Path(shutil.copytree(prepared, tmp_path / "root"))


@pytest.fixture(scope="module")
def evaluated(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One as it is after the stage, to look at."""
    root = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("evaluated") / "root"))
    evaluate.run(root)
    return root


def describe(
    root: Path, requested: list[dict[str, object]], measured: list[dict[str, object]]
) -> None:
    """Write what each synthetic volume was asked for and shows."""
    for seed, (wanted, shown) in enumerate(zip(requested, measured, strict=True)):
        facts = {"synthetic": True, "properties": {"requested": wanted, "measured": shown}}
        write_json(root / paths.SYNTHETIC / f"{seed:06d}.json", facts)


def numbers(root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``metrics.json`` and ``details.json`` hold."""
    first, second = (
        json.loads((root / file).read_text()) for file in (paths.METRICS, evaluate.DETAILS)
    )
    return first, second


def written(root: Path) -> dict[str, bytes]:
    files = [*evaluate.WRITES, paths.manifest("evaluate")]
    return {file.as_posix(): (root / file).read_bytes() for file in files}


def test_every_output_twice_the_same_and_nothing_else(evaluated: Path, root: Path) -> None:
    first = written(evaluated)
    evaluate.run(root)
    assert written(root) == first
    left = {p.relative_to(root) for p in (root / paths.EVALUATION).iterdir()}
    assert left | {paths.METRICS} == set(evaluate.WRITES)
    manifest = json.loads(first[paths.manifest("evaluate").as_posix()])
    assert set(manifest["writes"]) == {file.as_posix() for file in evaluate.WRITES}
    assert "metrics/ms_ssim.py" in json.dumps(manifest["code"])


def test_metrics_are_nested_by_split_and_metric(evaluated: Path) -> None:
    metrics, details = numbers(evaluated)
    count = {"synthetic": 5, "train": 4, "holdout": 3}
    assert metrics["n"] == count
    assert set(metrics) == {"n", "gate", "exports", "holdout"}
    assert set(details["figures"]) == {"train", "holdout"}
    for side, real_pairs in (("train", 5), ("holdout", 3)):
        figures = details["figures"][side]
        perceptual = next(key for key in figures if key.startswith("perceptual_imagenet"))
        kid = next(key for key in figures if key.startswith("kid_poly3_imagenet"))
        assert {"ms_ssim_3d_L1_k7_s1.5_dr2", "hu_w1", "hu_peak_soft_s5"} < set(figures)
        assert not [key for key in figures if key.startswith(("precision", "fd_ratio", "anatomy"))]
        for figure in figures.values():
            difference, value = figure["difference"], figure["difference"]["value"]
            expected = figure["synthetic"]["value"] - figure["real"]["value"]
            assert value == pytest.approx(expected, abs=2e-6)
            assert difference["low"] <= value <= difference["high"]
        n = {key: (of["synthetic"]["n"], of["real"]["n"]) for key, of in figures.items()}
        assert n["ms_ssim_3d_L1_k7_s1.5_dr2"] == (5, real_pairs)
        assert n[perceptual][0] == 5 * count[side]
        assert n[kid] == (5, count[{"train": "holdout", "holdout": "train"}[side]])


def test_metrics_are_the_held_out_figures_of_the_headline_alone(evaluated: Path) -> None:
    metrics, details = numbers(evaluated)
    assert metrics["holdout"] == {
        key: {of: figure[of]["value"] for of in ("synthetic", "real")}
        for key, figure in details["figures"]["holdout"].items()
        if (spec := registry.spec_of(key)) and spec.headline
    }
    assert {"hu_saturated_low", "gradient_w1"} < details["figures"]["holdout"].keys()
    assert {"hu_w1", "hu_peak_soft_s5", "z_share"} < metrics["holdout"].keys()


def test_twelve_patients_of_each_have_every_figure(root: Path) -> None:
    """Synthetic volumes that are the training scans: near to real, and no secret."""
    write_records(root / paths.RECORDS, train=12, holdout=12)
    changed_params.write(root, {"evaluate.property_vectors": 6}, source=root)  # 12 draws
    for seed in range(12):
        cube = as_model_sees(scan(seed))
        name = f"{seed:06d}{nifti.SUFFIX}"
        nifti.write(root / paths.SYNTHETIC / name, cube)
        write_json(root / paths.SYNTHETIC / f"{seed:06d}.json", {})
    evaluate.run(root)
    metrics, details = numbers(root)
    train = details["figures"]["train"]
    names = {key.split("_imagenet")[0]: key for key in train}
    assert {"precision_k3", "recall_k3", "density_k5", "coverage_k5", "fd_ratio"} < set(names)
    assert set(details["metrics"]) == set(train) > set(metrics["holdout"])
    assert not [key for key in metrics["holdout"] if key.startswith(("precision", "fd_ratio"))]
    for name in ("precision_k3", "recall_k3", "coverage_k5"):
        assert train[names[name]]["synthetic"]["value"] == 1
    assert train[names["fd_ratio"]]["synthetic"]["value"] == pytest.approx(0, abs=1e-3)
    spaces = {name: space["findings"] for name, space in details["privacy"]["spaces"].items()}
    assert metrics["privacy"] == {
        space: {name: tests[name]["value"] for name in ("ratio", "membership_auc")}
        for space, tests in spaces.items()
    }
    for tests in spaces.values():  # of draws of the generator, whatever lies in data/synthetic
        assert set(tests) == set(details["privacy"]["tests"])
        assert set(tests["ratio"]) == set(tests["membership_auc"]) == {
            "value", "low", "high", "n", "outcome", "control", "control_low", "control_high",
        }  # fmt: skip
        assert set(tests["copies_q5"]) == {"value", "low", "high", "n", "outcome", "real", "p"}
        assert tests["copies_q5"]["value"] == 0
    in_hu = details["privacy"]["spaces"]["rms_hu"]
    assert in_hu["volumes"] == "12 draws that no gate has seen"
    assert len(in_hu["nearest"]) == 12


def give(root: Path, **extractors: dict[str, str]) -> None:
    """Name files of other networks in params.yaml."""
    files = {name.replace("_", "-"): file for name, file in extractors.items()}
    changed_params.write(root, {"evaluate.extractors": files}, source=root)


def test_a_given_network_has_figures_of_its_own(
    evaluated: Path, root: Path, tmp_path: Path
) -> None:
    without = numbers(evaluated)[0]["holdout"]
    file = tmp_path / "elsewhere" / "resnet_10.pth"
    file.parent.mkdir()
    name = "medicalnet-resnet10"
    published_networks.save(name, published_networks.weights(name), file)
    sha256 = published_networks.sha256(file)
    give(root, medicalnet_resnet10={"path": str(file), "sha256": sha256})
    evaluate.run(root)
    metrics, details = numbers(root)
    (key,) = metrics["holdout"].keys() - without.keys()
    assert key.startswith("kid_poly3_medicalnet-resnet10-")
    assert {name: metrics["holdout"][name] for name in without} == without
    assert details["metrics"][key]["protocol"]["weights_sha256"] == sha256
    manifest = (root / paths.manifest("evaluate")).read_text()
    assert json.loads(manifest)["params"]["evaluate"]["extractors"] == {
        "medicalnet-resnet10": {"sha256": sha256}
    }
    assert "elsewhere" not in manifest


def test_an_extractor_whose_file_is_missing_stops_the_stage(root: Path) -> None:
    give(root, radimagenet_resnet50={"path": "weights/ResNet50.pt", "sha256": "0" * 64})
    with pytest.raises(UsageError, match=r"weights/ResNet50\.pt cannot be read .*No such file"):
        evaluate.run(root)
    assert not (root / paths.METRICS).exists()


@pytest.mark.parametrize(
    ("name", "file", "fault"),
    [
        ("resnet", {"path": "a", "sha256": "0" * 64}, "resnet: no network among medicalnet-"),
        ("medicalnet-resnet10", {"path": "a"}, "sha256: missing key"),
        ("medicalnet-resnet10", {"path": "", "sha256": "0" * 64}, "path: "),
        ("medicalnet-resnet10", {"path": "a", "sha256": "0" * 63}, "sha256: "),
    ],
)
def test_an_extractor_needs_a_known_name_a_path_and_a_digest(
    root: Path, name: str, file: dict[str, str], fault: str
) -> None:
    give(root, **{name: file})
    with pytest.raises(ParamsError, match=rf"evaluate.*extractors.*{fault}"):
        evaluate.run(root)


def test_accuracy_of_requested_properties_is_compared_with_that_of_the_cube(root: Path) -> None:
    write_records(root / paths.RECORDS, holdout=4)
    widths, lengths = [30.0, 33.0, 36.0, 39.0, 42.0], [18.0, 17.0, 16.0, 15.0, 14.0]
    requested = [{"body_width_mm": width, "sex": "F", "noise_hu": None} for width in widths]
    measured = [
        asdict(Properties(body_width_mm=width + 3, scan_length_mm=length))
        for width, length in zip(widths, lengths, strict=True)
    ]
    describe(root, requested, measured)
    evaluate.run(root)
    metrics, details = numbers(root)
    before, after = [], []
    for n in range(4, 8):  # the held-out ones
        before.append(measure_properties(scan(n)).body_width_mm)
        cube = as_model_sees(scan(n))
        after.append(measure_properties(SPACE.physical(cube)).body_width_mm)
    assert metrics["properties"] == {"body_width_mm": {"mae": 3, "rho": 1}}
    width = details["properties"]["figures"]["body_width_mm"]
    rho, mae = width["synthetic"]["rho"], width["synthetic"]["mae"]
    assert (rho["value"], rho["low"], rho["high"], mae["value"], mae["n"]) == (1, 1, 1, 3, 5)
    error = np.abs(np.subtract(after, before)).mean()
    assert width["real"]["mae"]["value"] == pytest.approx(error, abs=1e-5)
    assert width["real"]["rho"]["value"] == pytest.approx(
        spearmanr(before, after).statistic, abs=1e-6
    )
    assert (width["unit"], width["real"]["mae"]["n"]) == ("mm", 4)
    assert details["properties"]["protocol"]["fewest_volumes"] == 4


@pytest.mark.parametrize(
    ("report", "scans"),
    [
        ({"artificial": True, "synthetic_data": {"YES": 7}}, 1),
        ({"artificial": True, "synthetic_data": {"YES": 6, "not stated": 1}}, 0),
        ({"artificial": False, "synthetic_data": {"YES": 7}}, 0),
    ],
)
def test_the_published_picture_shows_scans_of_artificial_patients_alone(
    root: Path, report: dict[str, object], scans: int
) -> None:
    write_json(root / paths.CONVERT_REPORT, report)
    evaluate.run(root)
    _, details = numbers(root)
    assert details["picture"]["scans"] == scans
    assert details["picture"]["synthetic"] == 2 - scans


def test_without_a_report_of_convert_no_picture_is_drawn(root: Path) -> None:
    (root / paths.CONVERT_REPORT).write_text("{}")
    with pytest.raises(CorruptData, match=r"convert\.json: no report of convert"):
        evaluate.run(root)


def test_without_requested_properties_nothing_is_reported(root: Path) -> None:
    facts: list[dict[str, object]] = [{}, {"properties": {}}, {"properties": {"requested": {}}}]
    for seed in range(5):
        write_json(root / paths.SYNTHETIC / f"{seed:06d}.json", facts[seed % 3])
    evaluate.run(root)
    assert "properties" not in json.loads((root / paths.METRICS).read_text())
    assert "properties" not in json.loads((root / evaluate.DETAILS).read_text())


def test_regressors_of_requested_and_measured_properties_are_tested(root: Path) -> None:
    """Twelve patients: the width is requested, the fat is measured, no header has a sex."""
    write_records(root / paths.RECORDS, train=12, holdout=12)
    for seed in range(12):
        cube = as_model_sees(scan(seed))
        nifti.write(root / paths.SYNTHETIC / f"{seed:06d}{nifti.SUFFIX}", cube)
        found = measure_properties(scan(seed))
        properties = {
            "requested": {"body_width_mm": found.body_width_mm, "sex": "FM"[seed % 2]},
            "measured": {"body_width_mm": 1.0, "fat_share": found.fat_share},
        }
        facts = {"effective_spacing_mm": cube.spacing[0], "properties": properties}
        write_json(root / paths.SYNTHETIC / f"{seed:06d}.json", facts)
    evaluate.run(root)
    metrics, details = numbers(root)
    assert set(metrics["utility"]) == set(details["utility"]["figures"])
    reasons = details["utility"]["not_measured"]
    assert reasons["sex"] == "train: 0 patients with a label, 12 are needed"
    assert set(metrics["utility"]) | set(reasons) == {"fat_share", "body_width_mm", "sex"}
    for figure in metrics["utility"].values():  # the training scans with their labels, in whole HU
        assert figure["synthetic"] == pytest.approx(figure["real"], abs=0.01)
    assert "body_width_mm" in metrics["utility"]


def test_the_counts_of_the_gate_are_reported(evaluated: Path) -> None:
    metrics, details = numbers(evaluated)
    assert metrics["gate"] == {"drawn": 8, "rejected": 3}
    assert details["gate"] == {
        "rejected_share": 0.375,
        "reasons": {"border": 1, "pieces": 3},
        "copy_check": {"checked": False},
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *[(f, content) for f in ("000003.json", "gate.json") for content in (None, "", "[]")],
        ("000003.json", '{"properties": 3}'),
        ("000003.json", '{"properties": null}'),
        ("gate.json", '{"drawn": 0, "rejected": 0, "reasons": {}, "copy_check": {}}'),
        ("gate.json", '{"drawn": 1, "rejected": 0, "reasons": {}}'),
    ],
)
def test_volumes_without_a_description_or_counts_of_the_gate_are_refused(
    name: str, content: str | None, root: Path
) -> None:
    path = root / paths.SYNTHETIC / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(CorruptData, match=rf"data/synthetic/{re.escape(name)}.*generate again"):
        evaluate.run(root)
    assert not (root / paths.METRICS).exists()


def test_details_name_protocols_and_volumes(evaluated: Path) -> None:
    _, details = numbers(evaluated)
    assert set(details["metrics"]) == set(details["figures"]["train"])
    assert details["volumes"]["synthetic"] == [f"{seed:06d}" for seed in range(5)]
    assert details["sampling"] == {"seed": 1, "pairs": 5, "bootstrap": 100}


def test_the_share_of_z_is_of_draws_from_the_weights(evaluated: Path) -> None:
    metrics, details = numbers(evaluated)
    for key in ("z_share", "z_share_structure"):
        assert metrics["holdout"][key]["real"] == 1  # nothing is asked of this generator
        assert details["figures"]["train"][key]["synthetic"]["n"] == 6
    assert metrics["holdout"]["z_share"]["synthetic"] > 0


def test_without_weights_nothing_is_measured(root: Path) -> None:
    shutil.rmtree(root / paths.WEIGHTS)
    (root / paths.WEIGHTS).mkdir()
    with pytest.raises(UsageError, match=r"no generator\.safetensors there: train first"):
        evaluate.run(root)
    assert not (root / paths.METRICS).exists()


def test_hu_table_holds_whole_shares(evaluated: Path) -> None:
    with (evaluated / evaluate.HU_TABLE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["hu", "train", "holdout", "synthetic"]
    assert [int(row["hu"]) for row in rows] == list(range(-1000, 1001, 10))
    for name in ("train", "holdout", "synthetic"):
        assert sum(float(row[name]) for row in rows) == pytest.approx(1, abs=1e-4)


def test_the_table_of_nearest_distances_is_of_every_space(evaluated: Path, tmp_path: Path) -> None:
    """Written anew where that of fewer volumes lies."""
    assert (evaluated / evaluate.NEAREST_TABLE).read_text() == "percent_of_volumes\n"
    root = Path(shutil.copytree(evaluated, tmp_path / "root"))
    write_records(root / paths.RECORDS, train=12, holdout=12)
    changed_params.write(root, {"evaluate.property_vectors": 6}, source=root)  # 12 draws
    for seed in range(12):
        cube = as_model_sees(scan(seed))
        nifti.write(root / paths.SYNTHETIC / f"{seed:06d}{nifti.SUFFIX}", cube)
        write_json(root / paths.SYNTHETIC / f"{seed:06d}.json", {})
    evaluate.run(root)
    with (root / evaluate.NEAREST_TABLE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    spaces = numbers(root)[1]["privacy"]["spaces"]
    assert list(rows[0]) == ["percent_of_volumes"] + [
        f"{space}_{label}" for space in sorted(spaces) for label in ("synthetic", "holdout")
    ]
    assert [int(row["percent_of_volumes"]) for row in rows] == list(range(0, 101, 5))
    for space, found in spaces.items():
        for label in ("synthetic", "holdout"):
            column = [float(row[f"{space}_{label}"]) for row in rows]
            assert column == sorted(column)
            assert (column[0], column[10]) == pytest.approx(
                (found["closest"][label], found["median"][label]), abs=2e-6
            )


def test_one_synthetic_volume_is_too_few(root: Path) -> None:
    for file in nifti.case_files(root / paths.SYNTHETIC)[1:]:
        file.unlink()
    with pytest.raises(CheckFailed, match="synthetic has 1 volumes"):
        evaluate.run(root)
    assert not (root / paths.METRICS).exists()
    assert not (root / paths.manifest("evaluate")).exists()


@pytest.mark.parametrize("holdout", [0, 1])
def test_a_split_needs_two_patients(holdout: int, root: Path) -> None:
    write_records(root / paths.RECORDS, holdout=holdout)
    with pytest.raises(CheckFailed, match=f"holdout has {holdout} patients"):
        evaluate.run(root)


def test_a_synthetic_volume_of_another_size_is_refused(root: Path) -> None:
    stray = Volume(np.zeros((8, 8, 8), np.int16), np.eye(4))
    nifti.write(root / paths.SYNTHETIC / f"000009{nifti.SUFFIX}", stray)
    with pytest.raises(CorruptData, match=r"000009.*ct\.size is 16"):
        evaluate.run(root)


def test_without_the_validation_report_nothing_runs(root: Path) -> None:
    (root / paths.validation_report("synthetic")).unlink()
    with pytest.raises(UsageError, match=r"synthetic\.json does not exist"):
        evaluate.run(root)


def test_a_faulty_export_is_a_figure_and_stops_nothing(evaluated: Path, root: Path) -> None:
    assert numbers(evaluated)[0]["exports"] == {"checked": 0, "faulty": 0}
    cube = nifti.read(root / paths.SYNTHETIC / f"000003{nifti.SUFFIX}")
    nifti.write(root / paths.SYNTHETIC / "physical" / f"000003{nifti.SUFFIX}", cube)
    evaluate.run(root)
    assert json.loads((root / paths.METRICS).read_text())["exports"] == {"checked": 1, "faulty": 1}
    details = json.loads((root / evaluate.DETAILS).read_text())["exports"]
    assert details["faulty"] == {"000003": ["missing"]}
    assert details["by_kind"]["missing"] == 1
