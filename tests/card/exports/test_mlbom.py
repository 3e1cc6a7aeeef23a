import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from syda import paths

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


@pytest.fixture
def bill(exported):
    return json.loads(exported.files[paths.MLBOM])


def test_the_bill_is_valid_by_the_schema(exported):
    assert VALIDATOR.validate_str(exported.files[paths.MLBOM].decode()) is None


def test_the_validator_finds_what_the_schema_has_no_place_for(bill):
    bill["metadata"]["component"]["modelCard"]["accuracy"] = "0.9"
    assert "accuracy" in str(VALIDATOR.validate_str(json.dumps(bill)))


def test_libraries_are_those_of_the_lock(bill, exported):
    libraries = [one for one in bill["components"] if one["type"] == "library"]
    locked = exported.inputs.lock.value("packages")
    assert {one["name"]: one["version"] for one in libraries} == locked
    assert all(one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}" for one in libraries)
    direct = exported.inputs.project.value("project", "dependencies")
    required = [one["name"] for one in libraries if one.get("scope") == "required"]
    assert 0 < len(required) <= len(direct)


def test_references_are_unique_and_lead_to_a_component(bill):
    components = [bill["metadata"]["component"], *bill["components"]]
    references = [one["bom-ref"] for one in components]
    assert len(set(references)) == len(references)
    (dependency,) = bill["dependencies"]
    assert {dependency["ref"], *dependency["dependsOn"]} <= set(references)


def test_model_and_data_are_those_of_the_card(bill, exported):
    model, general = bill["metadata"]["component"], exported.sections["1"]["facts"]
    assert model["type"] == "machine-learning-model"
    assert model["version"] == general["model_version"]["value"]
    assert model["description"].startswith("Synthetic data. Not for diagnosis")
    properties = {one["name"]: one["value"] for one in model["properties"]}
    digest = general["weights_digest"]
    assert properties["syda:card:1.weights_digest"] == f"{digest['label']}: {digest['value']}"
    absent = "absent, awaiting legal counsel: whether they may be passed on, and how"
    assert properties["syda:card:10.weights_terms"] == f"Terms of the weights: {absent}"
    assert "licenses" not in model
    data, others = bill["components"][:2]
    assert data["type"] == "data"
    terms = exported.sections["10"]["facts"]["data_license"]["value"]
    assert data["licenses"] == [{"license": {"name": terms}}]
    assert exported.sections["10"]["facts"]["third_party_license"]["owner"] == "legal counsel"
    assert "licenses" not in others
    assert data["version"] == exported.sections["2.1"]["facts"]["version"]["value"]
    assert others["description"] == exported.sections["10"]["facts"]["third_party_weights"]["value"]


def test_risks_are_those_of_section_6(bill, exported):
    considerations = bill["metadata"]["component"]["modelCard"]["considerations"]
    names = [one["name"] for one in considerations["ethicalConsiderations"]]
    assert names == [row["risk"]["value"] for row in exported.sections["6"]["tables"]["risks"]]


def test_an_interval_is_that_of_the_difference(bill, exported):
    found = bill["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    metrics = {one["type"]: one for one in found}
    (row,) = [
        row
        for row in exported.sections["5"]["tables"]["figures_holdout"]
        if row["metric"]["value"] == "MS-SSIM of pairs"
    ]
    synthetic = metrics["MS-SSIM of pairs, synthetic"]
    assert synthetic == {
        "type": "MS-SSIM of pairs, synthetic",
        "value": str(row["synthetic"]["value"]),
        "slice": "v0 holdout",
    }
    difference = metrics["MS-SSIM of pairs, difference"]
    assert difference["confidenceInterval"] == {
        "lowerBound": str(row["95 % interval, low"]["value"]),
        "upperBound": str(row["95 % interval, high"]["value"]),
    }
