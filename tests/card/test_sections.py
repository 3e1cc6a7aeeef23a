"""The contents of the sections, of the pages and of card.json."""

import copy
import inspect
import itertools
import json
import re

import pytest

from card_reports import CONTROL, MS_SSIM, PERCEPTUAL, details, fill, prepare, run
from syda import paths
from syda.card import snapshots


@pytest.fixture
def root(tmp_path):
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Root, page and card.json of an untouched run; read only."""
    root = prepare(tmp_path_factory.mktemp("clean"))
    return root, *run(root)


FIELDS = {
    "1": "project_name report_version author date model_name model_description model_type "
    "model_version model_version_original repository contact maintenance",
    "2.1": "version",
    "2.2": "annotation selection",
    "3": "original",
    "3.1": "name cases patients tuned",
    "3.2": "demographics extent_smallest extent_largest",
    "3.3": "protocol",
    "4.1": "layers latent mapping_layers channels size discriminator_channels "
    "loss r1_weight path_weight properties optimiser losses",
    "4.2": "hu_min spacing shards tolerance window_min clipped size shadow",
    "4.3": "checklist",
    "4.4": "parameters recipe",
    "5": "checklist original_ms_ssim original_perceptual goals questions",
    "6": "limitations intended_use intended_user out_of_scope limitations_original risks",
    "7": "evaluation",
    "8": "assessment privacy_method deidentification",
    "9": "consent withdrawal",
    "10": "code_license data_license weights_terms privacy_status regulatory_status incidents",
}
"""The checklist's fields, and the names of the facts and tables that answer them."""


def test_every_field_of_the_checklist_has_a_home(clean):
    _, _, document = clean
    for number, names in FIELDS.items():
        section = document["sections"][number]
        for name in names.split():
            assert section["facts"].get(name) or section["tables"].get(name), (number, name)


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


def test_libraries_are_compared_with_the_lock_and_unused_ones_are_listed(root):
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


def test_held_out_people_are_counted_or_suppressed(clean):
    _, page, document = clean
    rows = document["sections"]["3.2"]["tables"]["demographics"]
    found = [(row["by"], row["group"], row["patients"]["value"]) for row in rows]
    assert found == [("sex", "F", 9), ("sex", "M", 11), ("age", "each", "not told")]
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
    levels = [len(mark) for mark in re.findall("^(#+) ", data, re.M)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for target in re.findall(r"\]\(([^)#]+)", data):
        assert target.endswith("resampled.md") or (root / "model_card" / target).is_file(), target
    assert document["sections"]["2.1"]["tables"]["kvp"][1]["scans"]["value"] == 58


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
    answers = {row["question"]: row["answer"] for row in sections["D.5"]["tables"]["answers"]}
    assert answers["terms of the weights"] == "absent, awaiting: legal counsel"
    assert answers["licence of the code"] == "there"
    comprehension = sections["D.6"]["facts"]
    states = document["status"].values()
    there, missing = sum(s["present"] for s in states), sum(len(s["missing"]) for s in states)
    assert comprehension["there"]["value"] == there
    assert comprehension["every"]["value"] == there + missing
    assert comprehension["share"]["value"] == there / (there + missing)
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


def test_the_checklists_table_has_its_columns_and_the_original_is_marked_historical(clean):
    _, page, document = clean
    rows = document["sections"]["5"]["tables"]["checklist"]
    assert "| dataset name | dataset description | MS-SSIM | perceptual loss |" in page
    assert [row["dataset name"]["value"] for row in rows[:1]] == ["v0 holdout"]
    assert rows[1]["MS-SSIM"]["value"] == 0.19
    assert rows[1]["perceptual loss"]["value"] == 24.34
    assert "historical" in rows[1]["dataset description"]
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
    assert document["status"]["9"]["state"] == "complete"


def test_every_fact_has_a_unique_name(clean):
    _, _, document = clean
    names = [fact["field"] for fact in snapshots.facts(document)]
    assert len(names) == len(set(names)) > 80
    assert {"5.checklist.v0_holdout.ms_ssim", "4.4.parameters.train.r1_weight.value"} <= set(names)


def test_real_patients_ask_for_what_artificial_ones_do_not(root):
    fill(root, lambda contents: contents[paths.CONVERT_REPORT].update(artificial=False))
    page, document = run(root)
    assert document["status"]["9"]["state"] == "awaiting"
    assert document["sections"]["10"]["facts"]["privacy_status"]["owner"] == "privacy officer"
    assert document["sections"]["2.1"]["facts"]["artificial"]["value"] == "no"
    assert "no person's data" not in page
    assert "phantom scan" not in page


@pytest.mark.parametrize("marked", [{"YES": 63, "not stated": 1}, {"NO": 64}, {}])
def test_artificial_is_not_proven_where_a_slice_lacks_the_mark(root, marked):
    fill(root, lambda contents: contents[paths.CONVERT_REPORT].update(synthetic_data=marked))
    page, document = run(root)
    fact = document["sections"]["2.1"]["facts"]["artificial"]
    assert fact["value"] == "declared, not proven"
    assert document["status"]["9"]["state"] == "awaiting"
    assert "Patients are artificial: declared, not proven." in page


def test_section_5_says_that_the_gate_did_not_look_for_copies_and_why(root, clean):
    _, page, _ = clean
    assert "The gate looked for copies of training scans." in page
    off = {"checked": False, "why": "off: generate.gate.copy_quantile is 0"}
    fill(
        root,
        lambda contents: contents[paths.EVALUATION / "details.json"]["gate"].update(copy_check=off),
    )
    page, _ = run(root)
    assert "The gate did not look for copies (off: generate.gate.copy\\_quantile is 0)." in page


def test_the_first_lines_say_that_a_cohort_is_not_the_intended_one(root, clean):
    _, page, _ = clean
    first = " ".join(page.split("\n")[:10])
    assert (
        "**This is not the intended cohort.** Patients whose scans are not of the intended" in first
    )
    assert "with > another body part: 6;" in first
    intended = {"region": 0, "contrast": 0, "patients": 0}
    fill(root, lambda contents: contents[paths.CONVERT_REPORT].update(not_intended=intended))
    page, _ = run(root)
    assert "not the intended cohort" not in page


def test_artificial_is_proven_by_the_digest_of_the_phantoms_and_the_marks(root, clean):
    _, _, document = clean
    fact = document["sections"]["2.1"]["facts"]["artificial"]
    assert fact["value"].startswith("yes, proven")
    assert fact["sources"] == [
        "reports/convert.json#/artificial",
        "reports/convert.json#/synthetic_data",
        "reports/manifest/convert.json#/reads/data~1raw~1v0/sha256",
        "reports/manifest/phantom-v0.json#/writes/data~1raw~1v0/sha256",
    ]


def test_texts_about_another_data_version_count_as_missing(root):
    text = (root / paths.DECLARED).read_text()
    (root / paths.DECLARED).write_text(text.replace("data_version: v0", "data_version: v7"))
    page, document = run(root)
    limits = document["sections"]["6"]["tables"]["limitations"]
    assert {row["limitation"]["declared_for"] for row in limits} == {"v7"}
    assert "lesions. *(declared for v7, not confirmed for this run)*" in page
    assert len(document["status"]["6"]["missing"]) > len(limits)


def test_departures_are_computed_from_the_network_and_the_run(root, clean):
    _, _, document = clean
    rows = {row["what"]: row for row in document["sections"]["1"]["tables"]["departures"]}
    assert rows["voxels along each side"]["checklist"]["value"] == 128
    assert rows["blocks that double the side"]["this run"]["value"] == 2
    assert rows["regularisation"]["this run"]["value"] == "R1 of real images, no path length"
    assert rows["optimiser"]["this run"]["value"] == "Muon for the filters, Adam for the rest"
    assert rows["discriminator"]["this run"]["value"].startswith("residual convolutions")
    text = (root / paths.DECLARED).read_text()
    (root / paths.DECLARED).write_text(text.replace("    side: 128", "    side: 16"))
    _, document = run(root)
    found = {row["what"] for row in document["sections"]["1"]["tables"]["departures"]}
    assert found == rows.keys() - {"voxels along each side"}


def test_the_first_pages_name_every_missing_value_with_its_role(clean):
    _, page, document = clean
    first = page[: page.index('<a id="s1"></a>')]
    missing = [fact for fact in snapshots.facts(document) if fact["kind"] == "absent"]
    assert missing
    for fact in missing:
        assert f"| {fact['owner']} | " in first
        assert fact["label"] in first


def test_groups_have_the_difference_that_they_could_show(clean):
    _, page, document = clean
    facts = document["sections"]["5"]["facts"]
    assert facts["power_sex"]["value"] == pytest.approx(2.8015851 * (1 / 9 + 1 / 11) ** 0.5)
    assert facts["power_age"]["value"] == "none: a group has too few patients to be counted"
    assert "1.259 standard deviations" in " ".join(page.split())


def test_settings_and_findings_never_stand_in_one_table(clean):
    _, page, document = clean
    kinds = {(f["label"], f["kind"] == "setting") for f in snapshots.facts(document)}
    for table in re.findall(r"(?:^\|.*\|$\n)+", page, flags=re.M):
        lines = table.splitlines()
        if lines[0].startswith("| field |"):
            labels = [re.sub(r"\\(.)", r"\1", line.split(" | ")[0][2:]) for line in lines[2:]]
            settings = {is_setting for label, is_setting in kinds if label in labels}
            assert len(settings) == 1, labels


def test_the_pictures_are_described_as_they_are_drawn(clean):
    from syda.figures import charts, planes
    from syda.figures.planes import MARK, PLANES, WINDOW_LEVEL

    _, page, _ = clean
    volumes, _, histogram, _ = re.findall(r"^!\[(.*)\]\(", page, flags=re.M)
    width, level = WINDOW_LEVEL
    assert f"window {level - width // 2} to {level + width // 2} HU" in page
    assert all(plane in volumes for plane in PLANES)
    assert f"marked {MARK}" in volumes
    assert "first 2 synthetic volumes" in volumes
    assert "{} to {} HU".format(*charts._SOFT_TISSUE) in histogram
    assert 'interpolation="bicubic"' in inspect.getsource(planes)
    assert "Interpolation smooths the slices." in page


def test_what_the_gate_rejected_is_counted_by_reason(root, clean):
    _, page, document = clean
    section = document["sections"]["5"]
    assert (section["facts"]["drawn"]["value"], section["facts"]["rejected"]["value"]) == (14, 2)
    reasons = {row["reason"]: row["volumes"]["value"] for row in section["tables"]["gate"]}
    assert reasons == {"open": 1, "pieces": 2}
    assert "gate refused, by reason" in page
    fill(root, lambda contents: details(contents)["gate"].update(reasons={"open": 0}))
    page, _ = run(root)
    assert "gate refused, by reason" not in page


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


def with_privacy(contents):
    relative = {"value": 0.5612, "low": 0.4, "high": 0.7, "n": 12, "outcome": "tested"} | {
        "control": 0.5012, "control_low": 0.3112, "control_high": 0.6912,
    }  # fmt: skip
    absolute = {"value": 0.25, "low": 0.0, "high": 0.1612, "n": 12, "outcome": "tested"} | {
        "real": 0.0512, "p": 0.6412,
    }  # fmt: skip
    reading = {"source": "a paper", "protocol": {"interval": "by a law"}}
    distances = {"synthetic": 58.12, "holdout": 54.12}
    details(contents)["privacy"] = {
        "verdict": "a sentence",
        "tests": {
            "membership_auc": reading
            | {"title": "AUC", "aim": "match", "compared_with": "control"},
            "copies_q5": reading | {"title": "Copies", "aim": "lower", "compared_with": "real"},
            "ratio": reading | {"title": "Ratio", "aim": "higher", "compared_with": "control"},
            "authentic": reading | {"title": "Authentic", "aim": "higher", "compared_with": "real"},
        },
        "spaces": {
            "rms_hu": {
                "title": "voxel by voxel", "unit": "HU", "copy_threshold": 41.5,
                "volumes": "12 draws",
                "findings": {
                    "membership_auc": relative, "copies_q5": absolute, "ratio": relative,
                    "authentic": absolute,
                },
                "median": distances, "closest": distances, "nearest": [],
            },
        },
    }  # fmt: skip


def test_kid_of_the_baselines_stands_in_section_5(clean):
    _, page, document = clean
    (row,) = document["sections"]["5"]["tables"]["kid_baselines"]
    assert row["KID"]["sources"] == [
        "reports/evaluation/details.json#/kid_baselines/figures/mean_scan/value"
    ]
    assert "| mean training scan | 0.21 | 0.15 | 0.27 | 12 |" in page


def test_privacy_tests_stand_in_section_5_and_copies_are_counted_in_section_8(root):
    fill(root, with_privacy)
    page, document = run(root)
    sections = document["sections"]
    rows = {row["test"]["value"]: row for row in sections["5"]["tables"]["privacy"]}
    copies, auc = rows["Copies"], rows["AUC"]
    assert copies["figure"]["sources"] == [
        "reports/evaluation/details.json#/privacy/spaces/rms_hu/findings/copies_q5/value"
    ]
    assert copies["figure"]["field"] == "5.privacy.copies.rms_hu.figure"
    assert (copies["their figure"]["value"], copies["low by chance"]) == (0.0512, "not defined")
    assert copies["p against held-out scans"]["value"] == 0.6412
    assert auc["their figure"]["value"] == 0.5012
    facts = sections["8"]["facts"]
    assert (facts["copies"]["value"], facts["draws"]["value"]) == (3, 12)
    assert facts["copies_real"]["value"] == 0.0512
    text = " ".join(page.split())
    assert "3 of 12 draws count as copies: they lie nearer to a training scan than 95 %" in text
    assert "| Share of held-out scans that count as copies | 0.0512 |" in page
    assert "could not have" not in text
    assert page.count("/nearest_training.png)") == 1


@pytest.mark.parametrize("reason", ["", "The patients are artificial."])
def test_copies_that_a_test_found_are_on_the_first_page(root, reason):
    def found(contents):
        with_privacy(contents)
        copies = ["voxel by voxel: more copies than held-out scans"]
        details(contents)["privacy"]["copies_found"] = copies

    fill(root, found)
    file = root / paths.PARAMS
    file.write_text(file.read_text().replace('allow_copies: ""', f'allow_copies: "{reason}"'))
    page, document = run(root)
    first = " ".join(page.split("## Six answers")[0].replace("\n>", "").split())
    said = "**A privacy test found copies of training scans:** voxel by voxel: more copies than"
    assert said in first
    facts = document["sections"]["8"]["facts"]
    assert facts["copies_found"]["value"] == "voxel by voxel: more copies than held-out scans"
    if reason:
        assert f"released all the same, for this reason: {reason}" in first
        assert facts["allow_copies"]["sources"] == ["params.yaml#/export/allow_copies"]
    else:
        assert "So the weights are not released." in first
        assert "allow_copies" not in facts


def test_privacy_tests_of_few_volumes_are_not_informative(root):
    fill(root, with_privacy)
    _, document = run(root)
    rows = {row["test"]["value"]: row for row in document["sections"]["5"]["tables"]["privacy"]}
    assert {row["verdict"]["value"] for row in rows.values()} <= {"not informative", "not met"}
    assert re.match("an effect of 0.19 could go", rows["AUC"]["not informative because"])
    assert "could go unseen" in rows["Copies"]["not informative because"]


@pytest.mark.parametrize("median", [True, False])
def test_where_everything_is_far_away_tests_of_nearness_say_nothing(root, median):
    def far_away(contents):
        with_privacy(contents)
        space = details(contents)["privacy"]["spaces"]["rms_hu"]
        if median:
            space["median"] = {"synthetic": 78.12, "holdout": 54.12}
        else:
            space["findings"]["copies_q5"]["outcome"] = "not testable"

    fill(root, far_away)
    _, document = run(root)
    rows = {row["test"]["value"]: row for row in document["sections"]["5"]["tables"]["privacy"]}
    for name in ("Copies", "Authentic"):
        assert rows[name]["verdict"]["value"] == "not informative"
        assert "times as far from training scans" in rows[name]["not informative because"]
    assert (rows["Ratio"]["verdict"]["value"], rows["Ratio"]["not informative because"]) == (
        "not met", "",
    )  # fmt: skip


def test_of_two_distances_with_one_verdict_the_less_favourable_is_shown(root):
    def two_spaces(contents):
        with_privacy(contents)
        spaces = details(contents)["privacy"]["spaces"]
        spaces["a_perceptual"] = copy.deepcopy(spaces["rms_hu"]) | {"title": "perceptual"}
        other = spaces["a_perceptual"]["findings"]
        for name, value in (
            ("copies_q5", 0.0),  # fewer copies
            ("authentic", 0.9),  # more authentic volumes
            ("membership_auc", 0.6),  # a better guess
            ("ratio", 0.5),  # nearer
        ):
            other[name] = other[name] | {"value": value}

    fill(root, two_spaces)
    page, document = run(root)
    section = document["sections"]["5"]
    shown = {row["figure"] for row in section["tables"]["goals"] if row["question"] == "privacy"}
    assert shown == {
        "Copies, voxel by voxel", "Authentic, voxel by voxel", "AUC, perceptual",
        "Ratio, perceptual",
    }  # fmt: skip
    facts = section["facts"]
    assert facts["goals_shown"]["value"] == len(section["tables"]["goals"])
    assert facts["goals_shown"]["value"] == facts["goals"]["value"] - 4
    text = f"The table has {facts['goals_shown']['value']} of {facts['goals']['value']} figures."
    assert text in page
    counts = [
        facts[f"privacy_goals_{one}"]["value"] for one in ("met", "not_met", "not_informative")
    ]
    assert sum(counts) == 8


def test_page_one_names_the_figures_that_fail(root, clean):
    _, page, _ = clean
    rows = [line for line in page.splitlines() if line.startswith("| realism |")]
    assert "Not met" not in rows[0]

    def fail(contents):
        for split in ("holdout", "train"):
            details(contents)["figures"][split][PERCEPTUAL]["synthetic"]["value"] = 0.5

    fill(root, fail)
    page, _ = run(root)
    rows = [line for line in page.splitlines() if line.startswith("| realism |")]
    assert rows[0].endswith("**Not met:** Perceptual loss (0.5). |")


def test_a_model_that_learns_no_more_than_from_the_mean_scan_fails(root):
    def alike(contents):
        details(contents)["utility"]["figures"]["fat_share"]["resized_mean"]["value"] = 0.77

    fill(root, alike)
    page, document = run(root)
    (row,) = document["sections"]["5"]["tables"]["utility"]
    assert row["verdict"]["value"] == "not met"
    assert (
        "R² for fat share 0.7654 (0.9754, 0.77). **Not met:** R² for fat share (0.7654). |" in page
    )


def test_the_reading_of_the_pictures_belongs_to_its_weights(root):
    file = root / paths.DECLARED
    text, manifest = file.read_text(), json.loads((root / paths.manifest("train")).read_text())
    digest = manifest["writes"]["data/weights"]["sha256"]
    line = re.compile("^  weights: .*$", re.MULTILINE)
    file.write_text(line.sub("  weights: 9d4a98bfa247", text))
    _, document = run(root)
    fact = document["sections"]["6"]["facts"]["pictures"]
    assert (fact["declared_for"], fact["owner"]) == ("the weights 9d4a98bfa247", "development team")
    file.write_text(line.sub(f"  weights: '{digest[:12]}'", text))
    page, document = run(root)
    fact = document["sections"]["6"]["facts"]["pictures"]
    assert ("declared_for" in fact, fact["kind"]) == (False, "declared")
    assert "The picture on page 1 interpolates between voxels" in page


def test_owners_of_risks_without_a_holder_are_missing(root, clean):
    _, page, document = clean
    rows = document["sections"]["6"]["tables"]["risk_owners"]
    assert {row["role"] for row in rows} == {"development team", "privacy officer", "clinical lead"}
    assert {row["holder"]["owner"] for row in rows} == {"project owner"}
    assert "; Holder of the role privacy officer, which owns risks; " in page
    file = root / paths.DECLARED
    roles = "roles: {privacy officer: {name: A Name, contact: a@example.org}}"
    file.write_text(file.read_text().replace("roles: {}", roles))
    page, document = run(root)
    held = {
        row["role"]: row["holder"]["value"]
        for row in document["sections"]["6"]["tables"]["risk_owners"]
    }
    assert held == {
        "development team": None, "privacy officer": "A Name, a@example.org", "clinical lead": None,
    }  # fmt: skip
    assert "Holder of the role privacy officer" not in page


def test_section_4_counts_images_without_the_discriminator(clean):
    _, page, document = clean
    facts = document["sections"]["4.1"]["facts"]
    assert (facts["images"]["value"], facts["images_alone"]["value"]) == (4096, 1024)
    assert "Training showed 4096 images, 1024 of these without the discriminator." in page
    assert "The network learns differences from it." in page
    ends = [facts[f"volume_spacing_{one}"]["value"] for one in ("smallest", "median", "largest")]
    assert ends == [19.5, 21.0, 23.25]


def test_without_privacy_tests_the_developers_owe_them(clean):
    _, page, document = clean
    fact = document["sections"]["8"]["facts"]["copies"]
    assert (fact["kind"], fact["owner"]) == ("absent", "development team")
    assert document["sections"]["5"]["tables"]["privacy"] == []
    assert "That is not tested: a split has too few patients." in page


def test_regressors_stand_in_section_5_with_all_three_trainings(root):
    page, document = run(root)
    (row,) = document["sections"]["5"]["tables"]["utility"]
    assert row["property"] == "fat_share"
    trainings = ("synthetic volumes", "real scans", "the resized mean scan")
    values = [row[f"trained on {name}"] for name in trainings]
    assert [one["value"] for one in values] == [0.7654321, 0.9754321, -0.1234567]
    assert values[2]["sources"] == [
        "reports/evaluation/details.json#/utility/figures/fat_share/resized_mean/value"
    ]
    assert "| fat share | r2 | 0.7654 | 0.61 | 0.92 | 0.9754 | -0.1235 | 20 |" in page
    assert (row["verdict"]["value"], row["goal"]["kind"]) == ("met", "setting")
    fill(root, lambda contents: details(contents)["utility"]["figures"].clear())
    page, document = run(root)
    assert document["sections"]["5"]["tables"]["utility"] == []
    assert "| utility | not measured | Not measured. |" in page


def test_requested_properties_have_a_real_baseline(root):
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
    assert "| 0.8123 | 0.6235 | 0.9346 | 0.9912 | 12.35 | 3.457 | mm | 12 |" in page
    assert "| fewest\\_volumes | 4 |" in page
    assert "No property can be asked for" not in page


def test_a_generator_without_properties_says_so(clean):
    _, page, document = clean
    assert document["sections"]["5"]["tables"]["properties"] == []
    assert "No property can be asked for." in page
