import base64
import hashlib
import html
import itertools
import json
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from syda import paths
from syda.card import audit, structure
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.runtime.outputs import write_bytes, write_json
from syda.stages import card

REPOSITORY = Path(__file__).parents[2]
MS_SSIM, PERCEPTUAL = "ms_ssim_3d_L3_k7_s1.5_dr2", "perceptual_space-1a2b3c4d"
CONTROL = {
    "synthetic": {
        "rho": {"value": 0.8123456, "low": 0.6234567, "high": 0.9345678, "n": 12},
        "mae": {"value": 12.345678, "n": 12},
    },
    "real": {"rho": {"value": 0.9912345}, "mae": {"value": 3.4567891}},
}  # fmt: skip

CT = {
    "spacing_mm": 1.5, "hu_min": -1024, "hu_max": 3071,
    "window_min": -1000, "window_max": 1000, "size": 16,
}  # fmt: skip
VALIDATE = {"validate": {"spacing_tolerance_mm": 0.001, "min_cases": 4}, "ct": CT}
PARAMS = {
    "convert": {
        "data": {"version": "v0", "artificial": ["v0", "v1"], "artificial_key": "published-key"},
        "ct": CT,
        "convert": {
            "max_clamped_share": 0.01,
            "max_quarantine_share": 0.25,
            "select": {
                "modalities": ["CT"], "body_parts": [], "contrast": "without", "min_slices": 16,
                "max_slice_spacing_mm": 10.0, "min_length_mm": 0.0, "max_length_mm": 3000.0,
                "exclude": [],
            },
            "archives": {"max_ratio": 200.0},
        },
    },
    "resample": {"ct": CT},
    "validate-resampled": VALIDATE,
    "pack": {"ct": CT, "pack": {"holdout_share": 0.3333, "shards": 4, "compression": "none"}},
    "validate-records": VALIDATE,
    "train": {
        "ct": CT,
        "model": {
            "latent": 24, "mapping_layers": 3, "mapping_lr_multiplier": 0.01,
            "channels": [16, 8, 4], "discriminator_channels": [16, 8, 4],
            "properties": ["body_width_mm", "sex"],
        },
        "train": {
            "seed": 7, "images": 4096,
            "loss": "nonsaturating", "r1_weight": 0.375, "path_weight": 0.0,
        },
    },
    "generate": {"generate": {"seed": 100, "count": 12, "truncation": 1.0, "export": 3}},
    "validate-synthetic": VALIDATE,
    "evaluate": {"evaluate": {"seed": 11, "pairs": 400, "shown": 6}, "ct": CT},
}  # fmt: skip
READS = {
    "convert": ["data/raw/v0"],
    "resample": ["data/nifti"],
    "validate-resampled": ["data/resampled"],
    "pack": ["data/resampled", "reports/validation/resampled.json"],
    "validate-records": ["data/records"],
    "train": ["data/records", "reports/validation/records.json"],
    "generate": ["data/weights"],
    "validate-synthetic": ["data/synthetic"],
    "evaluate": ["data/records", "data/synthetic", "reports/validation/synthetic.json"],
}
WRITES = {
    "convert": ["data/nifti", "reports/convert.json"],
    "resample": ["data/resampled"],
    "validate-resampled": ["reports/validation/resampled.json"],
    "pack": ["data/records", "reports/pack.json"],
    "validate-records": ["reports/validation/records.json"],
    "train": ["data/weights", "reports/train/properties.json"],
    "generate": ["data/synthetic"],
    "validate-synthetic": ["reports/validation/synthetic.json"],
    "evaluate": [
        "reports/metrics.json",
        "reports/evaluation/details.json",
        *(path.as_posix() for path in card.PICTURES),
    ],
}

LOCK = """# exact versions
dvc==3.67.1
efficientnet_lite.pytorch==0.1.0
google-crc32c==1.9.0
great_expectations==1.24.1
mlflow==3.17.2
monai==1.6.1
numpy==2.3.0
pydantic==2.14.3
torch==2.13.0
torchmetrics==1.9.0
"""
PROJECT = '[project]\ndependencies = ["dvc", "monai", "numpy", "some_thing>=2", "torch"]\n'

SETS = ("resampled", "records", "synthetic")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""A black dot."""


def figures(synthetic, real, n):
    difference = synthetic - real
    return {
        "synthetic": {"value": synthetic, "n": n}, "real": {"value": real, "n": 2 * n},
        "difference": {
            "value": difference, "low": difference - 0.02, "high": difference + 0.02
        },
    }  # fmt: skip


def metric(title, aim, protocol):
    return {"title": title, "unit": "1", "aim": aim, "source": "a paper", "protocol": protocol}


def validation(name):
    rule = {
        "rule": "spacing", "sentence": "Voxels measure 1.5 mm.", "verdict": "passed",
        "severity": "critical", "observed": "1.5 mm in 64 volumes", "failing": [],
    }  # fmt: skip
    part = {"title": f"The {name}", "folder": f"data/{name}", "volumes": 64, "rules": [rule]}
    size = {"min": 133.0, "median": 137.0, "max": 140.0}
    summary = {f"shape_{axis}": size for axis in "ijk"}
    return {"set": name, "success": True, "parts": [part | {"summary": summary}]}


def reports():
    return {
        paths.METRICS: {
            "holdout": {
                MS_SSIM: {"synthetic": 0.4123456, "real": 0.2971234},
                PERCEPTUAL: {"synthetic": 0.31, "real": 0.27},
            },
            "gate": {"drawn": 14, "rejected": 2},
            "exports": {"checked": 8, "faulty": 1},
            "n": {"holdout": 21, "train": 43, "synthetic": 12},
        },
        paths.EVALUATION / "details.json": {
            "metrics": {
                MS_SSIM: metric("MS-SSIM of pairs", "match", {"kernel": 7, "hu": [-1000, 1000]}),
                PERCEPTUAL: metric("Perceptual loss", "lower", {"space": {"name": "lite0"}}),
            },
            "figures": {
                "holdout": {
                    MS_SSIM: figures(0.4123456, 0.2971234, 210),
                    PERCEPTUAL: figures(0.31, 0.27, 231),
                },
                "train": {
                    MS_SSIM: figures(0.4123456, 0.3051234, 211),
                    PERCEPTUAL: figures(0.29, 0.26, 232),
                },
            },
            "gate": {"rejected_share": 0.142857, "reasons": {"border": 0, "pieces": 2, "open": 1}},
            "exports": {
                "faulty": {"000003": ["unmarked"]},
                "by_kind": {"unmarked": 1, "dicom_geometry": 0},
            },
            "sampling": {"seed": 11, "pairs": 400, "bootstrap": 1000},
        },
        paths.CONVERT_REPORT: {
            "version": "v0", "artificial": True, "converted": 64,
            "excluded": {"contrast_agent": 7, "reader_stone": 5, "total": 12},
            "set_aside": [{"id": "ab", "reason": "too_few_slices", "detail": "3"}],
            "reasons": {"too_few_slices": 1}, "files_ignored": {"not_dicom": 2},
            "clamped_share_max": 0.00012,
            "sex": {"F": 33, "M": 31}, "age_band": {"40-44": 60, "45-49": "fewer than 5"},
            "manufacturer": {"SYDA phantom": 64},
            "pixel_spacing_mm": {"min": 1.6, "max": 1.9},
            "slice_spacing_mm": {"min": 5.0, "max": 5.0},
            "scan_length_mm": {},
        },
        paths.PACK_REPORT: {
            "cases": {"train": 43, "holdout": 21}, "patients": {"train": 42, "holdout": 20},
            "longest_sides": {
                "train": {"n": 3, "min": 200, "median": 220, "max": 260},
                "holdout": {"n": 2, "min": 210, "median": 230, "max": 250},
            },
            "clipped_share": {"train": 0.0021, "holdout": 0.0019},
            "holdout_people": {"sex": {"F": 9, "M": 11}, "age": "not told"},
            "acquisition": {
                "kvp": {"100.0": "not told", "120.0": 58, "total": 64},
                "kernel": {"SOFT": 64, "total": 64},
                "slice_thickness_mm": {"5.0": 64, "total": 64},
            },
        },
        paths.PROPERTIES: {
            "places": 4,
            "numbers": [{
                "name": "body_width_mm", "mean": 350.0, "deviation": 30.0, "low": 301.5,
                "high": 398.5, "known": 1.0,
            }],
            "terms": [{"name": "sex", "shares": {"F": 0.5, "M": 0.5}, "known": 0.875}],
            "correlation": [[1.0]],
        },
        **{paths.validation_report(name): validation(name) for name in SETS},
    }  # fmt: skip


def details(contents):
    return contents[paths.EVALUATION / "details.json"]


def digest(root, path):
    file = root / path
    content = file.read_bytes() if file.is_file() else path.encode()
    return {"sha256": hashlib.sha256(content).hexdigest(), "files": 1, "bytes": 1000}


def manifest(root, name):
    stage, _, item = name.partition("-")
    packages = {"numpy": "2.3.0"} | ({"torch": "2.13.0"} if stage in ("train", "evaluate") else {})
    content = {
        "stage": stage, "item": item or None, "params": PARAMS[name],
        "reads": {path: digest(root, path) for path in READS[name]},
        "writes": {path: digest(root, path) for path in WRITES[name]},
        "code": {"sha256": "c0de" * 16, "files": {}}, "python": "3.11.7", "packages": packages,
    }  # fmt: skip
    write_json(root / paths.manifest(stage, item or None), content)


def fill(root, edit=lambda reports: None):
    """Write what a run of the pipeline leaves for the card; ``edit`` may change the reports."""
    contents = reports()
    edit(contents)
    for path, content in contents.items():
        write_json(root / path, content)
    for number, path in enumerate(card.PICTURES):
        write_bytes(root / path, PNG + bytes([number]))
    for name in PARAMS:
        manifest(root, name)


def prepare(root):
    shutil.copy(REPOSITORY / paths.PARAMS, root / paths.PARAMS)
    (root / "model_card").mkdir()
    shutil.copy(REPOSITORY / paths.DECLARED, root / paths.DECLARED)
    (root / paths.LOCK).write_text(LOCK)
    (root / paths.PROJECT).write_text(PROJECT)
    (root / paths.SIGNOFFS).write_text("signoffs: []\n")
    shutil.copy(REPOSITORY / paths.POLICY, root / paths.POLICY)
    (root / paths.RELEASES).mkdir()
    fill(root)
    return root


@pytest.fixture
def root(tmp_path):
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Root, page and card.json of an untouched run; read only."""
    root = prepare(tmp_path_factory.mktemp("clean"))
    return root, *run(root)


def run(root):
    card.run(root)
    return (root / paths.CARD).read_text(), json.loads((root / paths.CARD_JSON).read_text())


def facts(value):
    """Every fact of card.json."""
    if isinstance(value, dict):
        if "kind" in value:
            yield value
        else:
            for item in value.values():
                yield from facts(item)
    elif isinstance(value, list):
        for item in value:
            yield from facts(item)


def resolve(root, source):
    file, pointer = source.split("#/")
    text = (root / file).read_text()
    if file == "requirements.lock":
        value = {
            "packages": {re.sub("[-_.]+", "-", n): v for n, v in re.findall("(.+)==(.+)", text)}
        }
    else:
        value = YAML(typ="safe").load(text) if file.endswith(".yaml") else json.loads(text)
    for escaped in pointer.split("/"):
        key = escaped.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def headings(page):
    return re.findall(r"^#{2,3} ((?:\d+|[A-F])(?:\.\d)? .+)$", page, re.M)


def test_the_ten_sections_stand_in_the_checklists_order(clean):
    _, page, document = clean
    assert headings(page) == [
        "1 General", "2 Training data", "2.1 Data version",
        "2.2 Annotation and selection protocol", "3 Evaluation data", "3.1 Dataset",
        "3.2 Demographics and statistics", "3.3 Annotation protocol", "4 Project configuration",
        "4.1 Algorithm", "4.2 Preprocessing", "4.3 Libraries",
        "4.4 Parameters and hyper-parameters", "5 Metrics", "6 Intended use",
        "7 Clinical evaluation", "8 Ethical considerations", "9 Informed consent", "10 Legal",
        "A Checks that the data passed", "B Provenance", "C Values of the original checklist",
        "D The seven Cs", "D.1 Congruence", "D.2 Coverage", "D.3 Constraint", "D.4 Completeness",
        "D.5 Compliance", "D.6 Comprehension", "D.7 Consistency",
        "E Changes since the last release",
        "F Pictures",
    ]  # fmt: skip
    assert [f"{number} {section['title']}" for number, section in document["sections"].items()]
    assert set(document["status"]) == {str(number) for number in range(1, 11)}


FIELDS = {
    "1": "project_name report_version author date model_name model_description model_type "
    "model_version model_version_original repository",
    "2.1": "version",
    "2.2": "annotation selection",
    "3": "original",
    "3.1": "name cases patients",
    "3.2": "demographics extent_smallest extent_largest",
    "3.3": "protocol",
    "4.1": "layers latent mapping_layers channels size discriminator_channels "
    "loss r1_weight path_weight properties",
    "4.2": "hu_min spacing shards tolerance window_min clipped size shadow",
    "4.3": "checklist",
    "4.4": "parameters",
    "5": "checklist original_ms_ssim original_perceptual",
    "6": "limitations intended_use intended_user out_of_scope limitations_original",
    "7": "evaluation",
    "8": "risks assessment",
    "9": "consent",
    "10": "code_license data_license weights_terms privacy_status",
}
"""The checklist's fields, and the names of the facts and tables that answer them."""


def test_every_field_of_the_checklist_has_a_home(clean):
    _, _, document = clean
    for number, names in FIELDS.items():
        section = document["sections"][number]
        for name in names.split():
            assert section["facts"].get(name) or section["tables"].get(name), (number, name)


def test_the_policy_requires_every_field_of_the_checklist(clean):
    root, _, _ = clean
    required = YAML(typ="safe").load((root / paths.POLICY).read_text())["required"]
    for number, names in FIELDS.items():
        assert set(names.split()) <= set(required[number]), number


def test_a_required_field_without_a_home_is_refused(root):
    text = (root / paths.POLICY).read_text()
    (root / paths.POLICY).write_text(text.replace('"9": [consent]', '"9": [consent, form]'))
    with pytest.raises(UsageError, match=r"policy\.yaml: required: 9\.form: the card has no such"):
        run(root)


def test_every_library_of_the_checklist_is_answered(clean):
    _, _, document = clean
    rows = document["sections"]["4.3"]["tables"]["checklist"]
    assert [row["library"] for row in rows] == [
        "torch", "torchvision", "torchaudio", "torchmetrics", "pytorch_lightning", "monai",
        "addict", "kornia", "pycm", "cloudml-hypertune", "google-cloud-storage", "gcsfs",
        "tensorflow", "fsspec", "gsutil",
    ]  # fmt: skip
    assert rows[0]["version"]["value"] == "2.13.0"
    assert rows[0]["stages"] == "train, evaluate"
    assert rows[1]["version"] == "not imported"


def test_libraries_stand_beside_the_lock_and_what_is_declared_unused_is_told(root):
    page, document = run(root)
    section = document["sections"]["4.3"]
    assert section["facts"]["locked"]["value"] == 10
    assert section["facts"]["unlocked"]["value"] == "none of them"
    rows = {row["library"]: row for row in section["tables"]["checklist"]}
    assert rows["torch"]["in the lock"]["value"] == "2.13.0"
    assert rows["torchmetrics"]["in the lock"]["value"] == "1.9.0"
    assert rows["kornia"]["in the lock"] == "no"
    dvc, monai, thing = section["tables"]["unused"]
    assert dvc["what it does here"]["value"] == "runs the stages, from outside"
    assert monai["in the lock"]["sources"] == ["requirements.lock#/packages/monai"]
    assert (thing["library"], thing["in the lock"]) == ("some-thing", "no")
    assert thing["what it does here"]["owner"] == "development team"
    assert "| some-thing | no | **absent**, awaiting: development team" in page

    lock = (root / paths.LOCK).read_text()
    (root / paths.LOCK).write_text(lock.replace("numpy==2.3.0", "numpy==2.4.0"))
    _, document = run(root)
    assert document["sections"]["4.3"]["facts"]["unlocked"]["value"] == "numpy"


def test_held_out_people_are_counted_or_not_told(clean):
    _, page, document = clean
    rows = document["sections"]["3.2"]["tables"]["demographics"]
    told = [(row["by"], row["group"], row["patients"]["value"]) for row in rows]
    assert told == [("sex", "F", 9), ("sex", "M", 11), ("age", "each", "not told")]
    assert rows[0]["patients"]["field"] == "3.2.demographics.sex.f.patients"
    assert "| age | each | not told |" in page


def test_the_page_of_the_data_version_has_its_contents(clean):
    root, page, document = clean
    data = (root / paths.DATA_PAGE).read_text()
    assert "[page of data version v0](data_version.md)" in page
    assert data.startswith("# Data version v0\n")
    for line in (
        "| F | 33 |", "| 45-49 | fewer than 5 |", "| SYDA phantom | 64 |", "| 100.0 | not told |",
        "| SOFT | 64 |", "| feet to head | 133 voxels | 137 voxels | 140 voxels |",
        "| contrast agent | 7 |", "| too few slices | 1 |", "| not dicom | 2 |",
        "| sex | M | 11 |",
    ):  # fmt: skip
        assert f"\n{line}\n" in data, line
    assert "| total |" not in data
    assert "Those of the code: a program of this repository" in data
    assert "0.3333" in data
    levels = [len(mark) for mark in re.findall("^(#+) ", data, re.M)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for target in re.findall(r"\]\(([^)#]+)", data):
        assert target.endswith("resampled.md") or (root / "model_card" / target).is_file(), target
    assert document["sections"]["2.1"]["tables"]["kvp"][1]["scans"]["value"] == 58


def test_a_digit_edited_on_the_data_versions_page_is_named_by_its_field(root):
    run(root)
    (told,) = alter(root, paths.DATA_PAGE, "| F | 33 |", "| F | 34 |")
    assert told == ("data_version.md", "2.1.sex.f.patients: '34' stands there, '33' is right")
    run(root)
    (root / paths.DATA_PAGE).unlink()
    assert card.altered(root) == [(paths.DATA_PAGE, "is missing")]


def test_the_data_versions_page_belongs_to_what_is_signed_in_section_2(root):
    _, before = run(root)

    def one_more(contents):
        contents[paths.CONVERT_REPORT]["sex"]["F"] += 1

    fill(root, one_more)
    _, after = run(root)
    assert after["status"]["2"]["digest"] != before["status"]["2"]["digest"]
    others = [number for number in before["status"] if number != "2"]
    assert [after["status"][n]["digest"] for n in others] == [
        before["status"][n]["digest"] for n in others
    ]


def test_a_metric_that_belongs_to_no_c_is_refused(root):
    def add(contents):
        details = contents[paths.EVALUATION / "details.json"]
        details["metrics"]["beauty"] = metric("Beauty", "higher", {"judge": "nobody"})

    fill(root, add)
    with pytest.raises(CorruptData, match="metric beauty belongs to none of the seven Cs"):
        run(root)


def test_the_seven_cs_show_what_is_measured_and_owe_what_is_not(clean):
    _, page, document = clean
    sections = document["sections"]
    (perceptual,) = sections["D.1"]["tables"]["figures"]
    assert perceptual["synthetic"]["value"] == 0.31
    assert perceptual["real baseline"]["value"] == 0.27
    (diversity,) = sections["D.2"]["tables"]["figures"]
    assert diversity["synthetic"]["sources"] == [
        f"reports/evaluation/details.json#/figures/holdout/{MS_SSIM}/synthetic/value"
    ]
    constraint = sections["D.3"]
    assert constraint["facts"]["rejected_share"]["value"] == pytest.approx(2 / 14, abs=1e-6)
    assert constraint["facts"]["anatomy"]["owner"] == "development team"
    assert constraint["tables"]["rules"][0]["that hold"]["value"] == 1
    asked = {row["question"]: row["answer"] for row in sections["D.5"]["tables"]["answers"]}
    assert asked["terms of the weights"] == "absent, awaiting: legal counsel"
    assert asked["licence of the code"] == "there"
    comprehension = sections["D.6"]["facts"]
    states = document["status"].values()
    there, missing = sum(s["present"] for s in states), sum(len(s["missing"]) for s in states)
    assert comprehension["there"]["value"] == there
    assert comprehension["every"]["value"] == there + missing
    assert comprehension["share"]["value"] == there / (there + missing)
    assert sections["D.7"]["facts"]["groups"]["owner"] == "development team"
    spread = {row["figure"]["value"]: row for row in sections["D.7"]["tables"]["splits"]}
    row = spread["Perceptual loss"]
    assert row["synthetic, difference"]["value"] == pytest.approx(0.02)
    assert row["real baseline, difference"]["value"] == pytest.approx(0.01)
    assert "score of" not in page[page.index("## D The seven") : page.index("## E Changes")]


def test_faults_of_the_exports_are_completeness_and_missing_marks_compliance(clean):
    _, page, document = clean
    facts = document["sections"]["D.4"]["facts"]
    assert (facts["checked"]["value"], facts["faulty"]["value"]) == (8, 1)
    assert "| dicom geometry | 0 |\n| unmarked | 1 |" in page
    assert document["sections"]["D.5"]["facts"]["unmarked"]["value"] == 1


def test_a_text_that_contradicts_the_facts_stops_the_card(root):
    text = (root / paths.DECLARED).read_text()
    wrong = text.replace("model_type: data generator", "model_type: an unconditional generator")
    (root / paths.DECLARED).write_text(wrong)
    with pytest.raises(
        UsageError, match=r"declared\.yaml: model_type: says 'unconditional': model"
    ):
        run(root)
    assert not (root / paths.CARD).exists()


def test_the_json_schema_lies_beside_the_card_which_names_it(root):
    _, document = run(root)
    schema = root / "model_card" / document["$schema"]
    assert json.loads(schema.read_text()) == structure.json_schema()
    ((name, told),) = alter(root, paths.CARD_SCHEMA, '"minItems": 1', '"minItems": 0')
    assert (name, told) == ("card.schema.json", "is not the structure that card.json has")


def test_every_measured_value_is_what_its_source_says(clean):
    root, _, document = clean
    measured = [fact for fact in facts(document) if fact["kind"] == "measured"]
    assert len(measured) > 80
    for fact in measured:
        (source,) = fact["sources"]
        assert resolve(root, source) == fact["value"], source


def test_every_source_of_a_derived_value_exists(clean):
    root, _, document = clean
    derived = [fact for fact in facts(document) if fact["kind"] == "derived"]
    for fact in derived:
        assert fact["sources"]
        for source in fact["sources"]:
            resolve(root, source)


def test_derived_values_follow_from_their_sources(clean):
    _, _, document = clean
    found = document["sections"]["4.1"]["facts"]
    assert found["effective_spacing_smallest"]["value"] == pytest.approx(1.5 * 200 / 16)
    assert found["effective_spacing_largest"]["value"] == pytest.approx(1.5 * 260 / 16)
    assert found["blocks"]["value"] == 2
    assert document["sections"]["3.2"]["facts"]["extent_largest"]["value"] == 375


def test_the_network_is_the_built_one(clean):
    from syda.model.generator import Generator

    _, _, document = clean
    model = PARAMS["train"]["model"]
    shape = {k: v for k, v in model.items() if k not in ("discriminator_channels", "properties")}
    twin = Generator(**shape, conditions=4)
    section = document["sections"]["4.1"]
    assert section["facts"]["weights"]["value"] == sum(p.numel() for p in twin.parameters())
    assert section["tables"]["layers"][-1]["output shape"]["value"] == [1, 16, 16, 16]


def test_every_parameter_of_every_stage_is_listed(clean):
    _, _, document = clean
    rows = document["sections"]["4.4"]["tables"]["parameters"]
    found = {row["parameter"]: row["value"]["value"] for row in rows}
    assert found["train.r1_weight"] == 0.375
    assert found["model.channels"] == [16, 8, 4]
    assert found["ct.size"] == 16
    assert found["convert.max_clamped_share"] == 0.01


def test_every_number_of_the_page_stands_in_the_json(clean):
    """Numbers in a table's value cells are values of card.json, rounded by the one rule."""
    _, page, document = clean
    assert "0.4123" in page
    assert "0.4123456" not in page
    assert document["sections"]["5"]["tables"]["checklist"][0]["MS-SSIM"]["value"] == 0.4123456
    body = page[page.index("## 5 Metrics") : page.index("## 6 Intended use")]
    cells = [
        c.strip() for line in body.splitlines() if line.startswith("|") for c in line.split("|")
    ]
    numbers = {cell for cell in cells if re.fullmatch(r"-?[\d.]+", cell)}
    rounded = {
        f"{fact['value']:.4g}" for fact in facts(document["sections"]["5"])
        if isinstance(fact["value"], int | float)
    }  # fmt: skip
    assert numbers <= rounded
    assert len(numbers) > 20


def test_the_checklists_columns_come_first_and_the_original_is_marked_historical(clean):
    _, page, document = clean
    rows = document["sections"]["5"]["tables"]["checklist"]
    assert "| dataset name | dataset description | MS-SSIM | perceptual loss |" in page
    assert [row["dataset name"]["value"] for row in rows[:2]] == ["v0 holdout", "v0 train"]
    assert rows[2]["MS-SSIM"]["value"] == 0.19
    assert rows[2]["perceptual loss"]["value"] == 24.34
    assert "historical" in rows[2]["dataset description"]
    line = next(line for line in page.splitlines() if line.startswith("|") and "24.34" in line)
    assert "protocol unknown" in line


def test_a_missing_person_is_visible_and_awaited(clean):
    _, page, document = clean
    assert "Person developing the model | **absent**, awaiting: project owner" in page
    author = document["sections"]["1"]["facts"]["author"]
    assert (author["value"], author["kind"], author["owner"]) == (None, "absent", "project owner")
    assert document["status"]["1"]["state"] == "partial"
    assert "project owner" in document["status"]["1"]["owners"]
    assert document["status"]["7"]["state"] == "awaiting"
    assert document["status"]["9"]["state"] == "not applicable"
    assert "data version (decided by: development team)" in page


def sign(root, number, digest):
    entry = {
        "section": number, "name": "A | B <i>", "role": "clinical lead", "date": "DATE",
        "meaning": "*read*", "digest": digest,
    }  # fmt: skip
    text = json.dumps({"signoffs": [entry]}).replace('"DATE"', "2026-01-31")
    (root / paths.SIGNOFFS).write_text(text)


def test_a_sign_off_holds_until_the_text_of_its_section_changes(root):
    _, before = run(root)
    sign(root, "7", before["status"]["7"]["digest"])
    page, document = run(root)
    status = document["status"]["7"]
    assert (status["state"], status["signoffs"][0]["stale"]) == ("awaiting", False)
    assert "(#s7) | awaiting: clinical lead; signed off: clinical lead, 2026-01-31 |" in page
    assert r"| A \| B &lt;i&gt; | clinical lead | 2026-01-31 | \*read\* | holds |" in page
    others = {n: s for n, s in document["status"].items() if n != "7"}
    assert others == {n: s for n, s in before["status"].items() if n != "7"}

    text = (root / paths.DECLARED).read_text()
    changed = re.sub("^clinical_evaluation:.*$", "clinical_evaluation: a study", text, flags=re.M)
    (root / paths.DECLARED).write_text(changed)
    page, document = run(root)
    status = document["status"]["7"]
    assert (status["state"], status["signoffs"][0]["stale"]) == ("stale sign-off", True)
    assert "(#s7) | stale sign-off: clinical lead, 2026-01-31; complete |" in page
    assert "with a stale sign-off: 1." in page


def test_the_digest_of_a_section_is_that_of_the_text_on_the_page(clean):
    _, page, document = clean
    text = page[page.index('<a id="s3"></a>') + 15 : page.index('<a id="s4"></a>')].strip()
    assert text.startswith("## 3 Evaluation data")
    assert document["status"]["3"]["digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_an_unaltered_card_is_what_its_sources_give(clean):
    root, _, _ = clean
    assert card.altered(root) == []


def alter(root, path, old, new):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))
    return [(where.name, what) for where, what in card.altered(root)]


def test_a_digit_edited_on_the_page_is_named_by_its_field(root):
    run(root)
    found = alter(root, paths.CARD, "| Size of the weights | 1000", "| Size of the weights | 1001")
    assert found == [
        ("model_card.md", "1.weights_bytes: '1001' stands there, '1000' is right"),
    ]
    run(root)
    found = alter(root, paths.CARD, "patients, held out | 0.4123", "patients, held out | 0.4124")
    assert found == [
        ("model_card.md",
         "5.checklist.v0_holdout.ms_ssim: '0.4124' stands there, '0.4123' is right"),
    ]  # fmt: skip
    run(root)
    ((_, told),) = alter(root, paths.CARD, "volume of 16 x", "volume of 17 x")
    assert told == "4.1.size: '17' stands there, '16' is right"
    run(root)
    ((_, told),) = alter(root, paths.CARD, "## 7 Clinical", "An added line.\n## 7 Clinical")
    assert "which is none of the card's: 'An added line.'" in told


def test_a_digit_edited_in_the_html_is_named_by_its_field(root):
    run(root)
    found = alter(root, paths.CARD_HTML, "<td>1000 bytes</td>", "<td>1001 bytes</td>")
    assert found == [
        ("model_card.html",
         "1.weights_bytes: '1001' stands there, '1000' is right"),
    ]  # fmt: skip
    run(root)
    ((_, told),) = alter(
        root, paths.CARD_HTML, "held out</td><td>0.4123", "held out</td><td>0.4124"
    )
    assert told.startswith("5.checklist.v0_holdout.ms_ssim: ")
    run(root)
    ((_, told),) = alter(root, paths.CARD_HTML, "volume of 16 x", "volume of 17 x")
    assert told == "4.1.size: '17' stands there, '16' is right"
    run(root)
    number = (root / paths.CARD_HTML).read_text().split("\n").index('<main id="card">') + 1
    ((name, told),) = alter(root, paths.CARD_HTML, '<main id="card">', '<main id="cart">')
    assert (name, told.split(":")[0]) == ("model_card.html", f"line {number}")
    (root / paths.CARD_HTML).unlink()
    assert card.altered(root) == [(paths.CARD_HTML, "is missing")]


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ('"value": 1000\n', '"value": 1001\n', ["1.weights_bytes"]),
        ('"state": "partial"', '"state": "complete"', ["/status/1/state"]),
        ('"value": true', '"value": 1', ["2.1.artificial"]),
        ('  "schema"', '   "schema"', ["its white space or encoding"]),
    ],
)
def test_what_is_edited_in_the_json_is_named_by_its_field(root, old, new, fields):
    run(root)
    assert alter(root, paths.CARD_JSON, old, new) == [("card.json", field) for field in fields]


def test_a_card_that_breaks_its_structure_is_told_where(root):
    run(root)
    found = alter(root, paths.CARD_JSON, '"kind": "measured"', '"kind": "guessed"')
    assert found[0][1].startswith(
        "#/sections/1/facts/data_version/kind: Input should be 'measured'"
    )
    (root / paths.CARD).unlink()
    assert card.altered(root)[0] == (paths.CARD, "is missing")


def test_a_card_that_is_no_json_is_named_and_no_other(root):
    run(root)
    ((name, told),) = alter(root, paths.CARD_JSON, '"field": "', '"field"; "')
    assert name == "card.json"
    assert "Expecting ':' delimiter" in told


def test_a_card_with_nan_is_refused(root):
    run(root)
    ((name, told),) = alter(root, paths.CARD_JSON, '"value": 1000\n', '"value": NaN\n')
    assert (name, told[:9]) == ("card.json", "holds NaN")


def test_every_fact_has_a_name_of_its_own(clean):
    _, _, document = clean
    names = [fact["field"] for fact in audit.facts(document)]
    assert len(names) == len(set(names)) > 80
    assert {"5.checklist.v0_holdout.ms_ssim", "4.4.parameters.train.r1_weight.value"} <= set(names)


def test_real_patients_ask_for_what_artificial_ones_do_not(root):
    fill(root, lambda contents: contents[paths.CONVERT_REPORT].update(artificial=False))
    page, document = run(root)
    assert document["status"]["9"]["state"] == "awaiting"
    assert document["sections"]["10"]["facts"]["privacy_status"]["owner"] == "privacy officer"
    assert document["sections"]["2.2"]["facts"]["contrast_and_stones"]["owner"] == "radiologist"
    assert "no person's data" not in page


def test_a_declared_author_is_shown(root):
    text = (root / paths.DECLARED).read_text()
    (root / paths.DECLARED).write_text(
        re.sub(r"^author:.*$", "author: Someone Real", text, flags=re.M)
    )
    page, _ = run(root)
    assert "| Person developing the model | Someone Real | declared:" in page


def test_all_links_and_anchors_resolve(clean):
    root, page, _ = clean
    ids = re.findall(r'<a id="([^"]+)"></a>', page)
    assert len(ids) == len(set(ids)) == 32
    targets = re.findall(r"\]\(([^)]+)\)", page)
    linked = {target[1:] for target in targets if target.startswith("#")}
    assert {name for name in ids if "-" not in name} <= linked <= set(ids)
    made_elsewhere = {"synthetic.png", "training_curves.png", "hu_histogram.png"}
    pages = {"resampled.md", "records.md", "synthetic.md"}
    for target in targets:
        if not target.startswith("#") and Path(target).name not in made_elsewhere | pages:
            assert (root / "model_card" / target).resolve().is_file(), target


def test_no_bare_placeholder_and_no_hole(clean):
    _, page, _ = clean
    for line in page.splitlines():
        assert not re.search(r"\b(TBD|TODO|N\.A|N/A|None|nan|inf|Undefined)\b", line), line
        if line.startswith("|") and "---" not in line:
            assert all(cell.strip() not in ("", "-", "here") for cell in line.strip("|").split("|"))
    assert not re.search(r"^(#+ .+)\n+(?=#)(?!### \d|## )", page, re.M)


def test_the_same_inputs_give_the_same_bytes(root, tmp_path_factory):
    run(root)
    twin = tmp_path_factory.mktemp("elsewhere") / "clone"
    shutil.copytree(root, twin)
    run(twin)
    for path in card.OUTPUTS:
        assert (root / path).read_bytes() == (twin / path).read_bytes()
        assert str(root).encode() not in (root / path).read_bytes()


EVALUATED = (paths.METRICS, paths.EVALUATION / "details.json")


@pytest.mark.parametrize("path", EVALUATED, ids=lambda path: path.stem)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_metric_that_is_no_finite_number_is_refused(root, path, number):
    text = (root / path).read_text()
    (root / path).write_text(text.replace("0.4123456", number))
    with pytest.raises(CorruptData, match=re.escape(path.name)):
        run(root)
    assert not (root / paths.CARD).exists()


EVIL = "a | b\n\n# c <script>taken</script> `d` ](javascript:e) ![f](//g) <img src=x onerror=h>"


def test_no_value_becomes_markup_on_either_page(root):
    """In what a report says, in what people declare, and in a name."""
    run(root)
    tags = re.findall("<[^>]*>", (root / paths.CARD_HTML).read_text())
    text = (root / paths.DECLARED).read_text()
    for key in ("author", "intended_use", "project_name"):
        text = re.sub(
            f"^{key}:.*(\n  .*)*$",
            f"{key}: {json.dumps(EVIL)}".replace("\\", r"\\"),
            text,
            flags=re.M,
        )
    (root / paths.DECLARED).write_text(text)

    def edit(contents):
        contents[paths.EVALUATION / "details.json"]["metrics"][MS_SSIM]["title"] = EVIL
        contents[paths.CONVERT_REPORT]["manufacturer"] = {EVIL: 64}

    fill(root, edit)
    page, _ = run(root)
    shown = (root / paths.CARD_HTML).read_text()
    for found in (page, shown):
        assert "<script" not in found
        assert "<img src=x" not in found
        assert found.count("taken") > 5
    assert not re.search(r"(?<!\\)\]\((?!\.\./|#|data_version\.md)", page)
    for table in re.findall(r"(?:^\|.*\|$\n)+", page, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert html.unescape(shown.replace("<wbr>", "")).count(" ".join(EVIL.split())) > 5
    known = {tag.split(" ")[0] for tag in tags}
    assert {tag.split(" ")[0] for tag in re.findall("<[^>]*>", shown)} <= known
    assert {*re.findall(r'href="(?!#|\.\./|data_version\.md)(.*?)"', shown)} == set()


def test_the_pictures_are_described_as_they_are_drawn(clean):
    from syda.figures import charts
    from syda.figures.planes import MARK, PLANES, WINDOW_LEVEL

    _, page, _ = clean
    volumes, _, histogram, _ = re.findall(r"^!\[(.*)\]\(", page, flags=re.M)
    width, level = WINDOW_LEVEL
    assert f"Window {width} HU wide around {level} HU" in volumes
    assert all(plane in volumes for plane in PLANES)
    assert f"marked {MARK}" in volumes
    assert "first 6 synthetic volumes" in volumes
    assert "{} to {} HU".format(*charts._SOFT_TISSUE) in histogram


def test_another_picture_than_the_evaluation_drew_is_refused(root):
    (root / card.PICTURES[0]).write_bytes(PNG)
    with pytest.raises(CheckFailed, match=r"synthetic\.png is not what stage evaluate wrote"):
        run(root)


@pytest.mark.parametrize("path", EVALUATED, ids=lambda path: path.stem)
def test_a_figure_edited_by_hand_is_refused(root, path):
    text = (root / path).read_text()
    (root / path).write_text(text.replace("0.4123456", "0.3123456"))
    with pytest.raises(CheckFailed, match=f"{path.name} is not what stage evaluate wrote"):
        run(root)


def test_stages_of_different_runs_are_refused(root):
    path = root / paths.manifest("train")
    content = json.loads(path.read_text())
    content["reads"]["data/records"]["sha256"] = "0" * 64
    write_json(path, content)
    with pytest.raises(CheckFailed, match="train read another data/records than pack wrote"):
        run(root)


def test_a_value_never_becomes_markup(root):
    evil = "a | b <script>x</script> `c` [d](e) *f*\n# g"
    fill(root, lambda contents: contents[paths.CONVERT_REPORT].update(manufacturer={evil: 64}))
    _, document = run(root)
    page = (root / paths.DATA_PAGE).read_text()
    assert "<script>" not in page
    assert "[d](e)" not in page
    line = next(line for line in page.splitlines() if "lt;script" in line)
    assert len(re.findall(r"(?<!\\)\|", line)) == 3
    assert (
        document["sections"]["2.1"]["tables"]["manufacturer"][0]["scanner's manufacturer"] == evil
    )


def test_a_missing_metric_is_refused(root):
    fill(root, lambda contents: details(contents)["figures"]["holdout"].pop(MS_SSIM))
    with pytest.raises(CorruptData, match="different metrics"):
        run(root)


def test_a_missing_input_is_wrong_use(root):
    (root / paths.PACK_REPORT).unlink()
    with pytest.raises(UsageError, match=r"reports/pack\.json does not exist"):
        run(root)


def test_how_many_exports_are_faulty_is_told(clean):
    _, _, document = clean
    facts = document["sections"]["5"]["facts"]
    assert (facts["exports"]["value"], facts["faulty_exports"]["value"]) == (8, 1)


def test_what_the_gate_rejected_is_told_by_reason(root, clean):
    _, page, document = clean
    section = document["sections"]["5"]
    assert (section["facts"]["drawn"]["value"], section["facts"]["rejected"]["value"]) == (14, 2)
    reasons = {row["reason"]: row["volumes"]["value"] for row in section["tables"]["gate"]}
    assert reasons == {"open": 1, "pieces": 2}
    assert "rejected, by reason" in page
    fill(root, lambda contents: details(contents)["gate"].update(reasons={"open": 0}))
    page, _ = run(root)
    assert "rejected, by reason" not in page


def test_no_original_figure_is_shown_as_ours(clean):
    """0.19 and 24.34 stand only in lines that call them historical or original."""
    _, page, _ = clean
    for line in page.splitlines():
        if re.search(r"\b(0\.19|24\.34)\b", line):
            assert re.search("historical|original|section 5", line), line


def with_properties(contents, **figures):
    details(contents)["properties"] = {
        "protocol": {"rho": "Spearman's", "fewest_volumes": 4},
        "figures": {
            name: figure | {"unit": "mm" if name.endswith("_mm") else "1"}
            for name, figure in figures.items()
        },
    }


VERDICT = "No test found | that 3 volumes <b>repeat</b> scans."


def with_privacy(contents):
    relative = {"value": 0.5612, "low": 0.4, "high": 0.7, "n": 12} | {
        "control": 0.5012, "control_low": 0.3112, "control_high": 0.6912,
    }  # fmt: skip
    absolute = {"value": 0.0312, "low": 0.0, "high": 0.1612, "n": 12, "real": 0.0512, "p": 0.6412}
    reading = {"source": "a paper", "protocol": {"interval": "by a law"}}
    distances = {"synthetic": 78.12, "holdout": 54.12}
    details(contents)["privacy"] = {
        "verdict": VERDICT,
        "tests": {
            "membership_auc": reading | {"title": "AUC", "aim": "match", "beside": "control"},
            "copies_q5": reading | {"title": "Copies", "aim": "lower", "beside": "real"},
        },
        "spaces": {
            "rms_hu": {
                "title": "voxel by voxel", "unit": "HU", "copy_threshold": 41.5,
                "findings": {"membership_auc": relative, "copies_q5": absolute},
                "median": distances, "closest": distances, "nearest": [],
            },
        },
    }  # fmt: skip


def test_privacy_stands_in_section_5_and_its_verdict_in_section_6(root):
    fill(root, with_privacy)
    page, document = run(root)
    sections = document["sections"]
    verdict = sections["6"]["facts"]["privacy"]
    assert (verdict["kind"], verdict["value"]) == ("measured", VERDICT)
    assert verdict["sources"] == ["reports/evaluation/details.json#/privacy/verdict"]
    assert r"No test found \| that 3 volumes &lt;b&gt;" in page
    copies, auc = sections["5"]["tables"]["privacy"]
    assert copies["figure"]["sources"] == [
        "reports/evaluation/details.json#/privacy/spaces/rms_hu/findings/copies_q5/value"
    ]
    assert copies["figure"]["field"] == "5.privacy.copies.rms_hu.figure"
    assert (copies["their figure"]["value"], copies["low by chance"]) == (0.0512, "not defined")
    assert copies["p against held-out scans"]["value"] == 0.6412
    assert auc["their figure"]["value"] == 0.5012
    assert "| 12 | halves of the training scans | 0.5012 | 0.3112 | 0.6912 | not defined |" in page
    assert sections["8"]["facts"]["memorisation"]["value"] == 78.12
    assert "By\nchance" in page
    assert page.count("/nearest_training.png)") == 1


def test_without_privacy_tests_the_developers_owe_them(clean):
    _, page, document = clean
    for number, name in (("6", "privacy"), ("8", "memorisation"), ("8", "memorisation_holdout")):
        fact = document["sections"][number]["facts"][name]
        assert (fact["kind"], fact["owner"]) == ("absent", "development team")
    assert document["sections"]["5"]["tables"]["privacy"] == []
    assert "By\nchance" not in page


def test_properties_asked_for_stand_beside_their_floor(root):
    # all asked alike, and too few held-out scans
    few = {"synthetic": {"rho": None, "mae": {"value": 0.0123456, "n": 4}}, "real": None}
    fill(root, lambda contents: with_properties(contents, body_width_mm=CONTROL, fat_share=few))
    page, document = run(root)
    wide, fat = document["sections"]["5"]["tables"]["properties"]
    assert wide["property"] == "body_width_mm"
    assert wide["rank correlation"]["value"] == CONTROL["synthetic"]["rho"]["value"]
    assert wide["rank correlation"]["sources"] == [
        "reports/evaluation/details.json#/properties/figures/body_width_mm/synthetic/rho/value"
    ]
    assert wide["unit of the error"]["value"] == "mm"
    assert fat["rank correlation"] == fat["mean absolute error, real baseline"] == "not defined"
    assert "| 0.8123 | 0.6235 | 0.9346 | 0.9912 | 12.35 | 3.457 | 12 | mm |" in page
    assert "| fewest\\_volumes | 4 |" in page
    assert "was not asked for properties" not in page


def test_a_generator_that_was_asked_for_nothing_says_so(clean):
    _, page, document = clean
    assert document["sections"]["5"]["tables"]["properties"] == []
    assert "The generator was not asked for properties of the image" in page
