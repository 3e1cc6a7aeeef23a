import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from syda import paths
from syda.card.exports import chai, crosswalk
from syda.card.exports.crosswalk import Frame, FrameItem
from syda.card.exports.values import CardValues
from syda.card.facts import BANNER, CardSection, Fact

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SCHEMA = DATA / "chai" / "v0.2" / "schema.xsd"
"""Address: mc.chai.org/v0.2/schema.xsd."""

METRIC = ["MetricGoal", "Results", "Interpretation", "TestType", "TestingDataDescription",
          "ValidationProcessAndJustification"]  # fmt: skip
REQUIRED = {
    "BasicInfo": ["ModelName", "ModelDeveloper", "DeveloperContact"],
    "ReleaseInfo": ["ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability"],
    "ModelSummary": ["Summary", "Keywords"],
    "UsesAndDirections": [
        "IntendedUseAndWorkflow", "PrimaryIntendedUsers", "HowToUse", "TargetedPatientPopulation",
        "CautionedOutOfScopeSettings",
    ],
    "Warnings": [
        "KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel",
    ],
    "TrustIngredients": ["AISystemFacts", "TransparencyInformation"],
    "TrustIngredients/AISystemFacts": [
        "OutcomesAndOutputs", "ModelType", "InputDataSource", "OutputAndInputDataTypes",
        "DevelopmentDataCharacterization", "BiasMitigationApproaches", "OngoingMaintenance",
    ],
    "TrustIngredients/TransparencyInformation": ["FundingSource", "StakeholdersConsulted"],
    "KeyMetrics": ["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"],
    "KeyMetrics/UsefulnessUsabilityEfficacy": METRIC,
    "KeyMetrics/FairnessEquity": METRIC,
    "KeyMetrics/SafetyReliability": METRIC,
    "Resources": ["PeerReviewedPublications", "PatientConsentOrDisclosure"],
    ".": ["BasicInfo", "ReleaseInfo", "ModelSummary", "UsesAndDirections", "Warnings",
          "TrustIngredients", "KeyMetrics", "Resources", "Bibliography"],
}  # fmt: skip
"""Elements that version 0.2 requires, in order, by their parent."""


@pytest.fixture
def root(exported):
    """The XML as a tree, without the namespace."""
    tree = ElementTree.fromstring(exported.files[paths.CHAI])
    for element in tree.iter():
        space, _, element.tag = element.tag.rpartition("}")
        assert space == f"{{{chai.NAMESPACE}"
    return tree


def test_required_elements_are_there_in_order(root):
    assert root.tag == "AppliedModelCard"
    for parent, names in REQUIRED.items():
        found = [child.tag for child in root.find(parent)]
        path = "" if parent == "." else f"{parent}/"
        assert [name for name in found if f"{path}{name}" not in chai.OPTIONAL] == names


def test_no_element_without_children_is_empty(root):
    assert not [element.tag for element in root.iter() if len(element) == 0 and not element.text]


def test_the_frame_names_required_and_optional_elements_and_no_others():
    ids = {item.id for item in crosswalk.read()["chai"].items}
    parents = {parent for parent in REQUIRED if parent != "."}
    required = {
        name if parent == "." else f"{parent}/{name}"
        for parent, names in REQUIRED.items()
        for name in names
    }
    assert ids == (required - parents) | chai.OPTIONAL


@pytest.mark.skipif(
    not SCHEMA.is_file(),
    reason=f"no CHAI schema: set SYDA_TEST_DATA ({DATA.name}/chai/v0.2/schema.xsd is missing)",
)
def test_the_xml_is_valid_by_the_schema(exported):
    schema = xmlschema.XMLSchema(SCHEMA, allow="local")
    assert [str(fault) for fault in schema.iter_errors(exported.files[paths.CHAI])] == []


def test_values_are_those_of_the_card(root, exported):
    general = exported.sections["1"]["facts"]
    assert root.find("BasicInfo/ModelName").text == general["model_name"]["value"]
    author = root.find("BasicInfo/ModelDeveloper").text
    assert author == "absent, awaiting project owner: nobody is named yet"
    summary = root.find("ModelSummary/Summary").text
    assert summary == f"{BANNER}\n{general['model_description']['value']}"
    results = {
        one.find("Label").text: json.loads(one.find("ValueJson").text)
        for one in root.iter("MetricResult")
    }
    goals = exported.sections["5"]["facts"]["goals_met"]
    assert results[goals["label"]] == goals["value"]
    rows = exported.sections["5"]["tables"]["goals"]
    assert sum(label.startswith("5.goals.") for label in results) == len(rows) > 0


def test_an_optional_element_without_fields_is_left_out(root):
    assert root.find("ReleaseInfo/EHRCompatibility") is None
    assert root.find("Signature") is None
    assert root.find("Bibliography").text.startswith("Not answered: ")


def test_characters_that_xml_has_no_place_for_are_replaced():
    text = Fact("Name", "a\x1b<b>&", "declared", ("d.yaml#/name",))
    values = CardValues.of([CardSection("1", "General", {"name": text})])
    items = (FrameItem(id="A/B", item="name", fields=("1.name",)),)
    frame = Frame(title="t", source="s", scope="s", items=items)
    root = ElementTree.fromstring(chai.document(frame, values))
    assert [(one.tag.rpartition("}")[2], one.text) for one in root.iter()][-1] == (
        "B",
        "a\ufffd<b>&",
    )


def test_outputs_are_those_of_the_network_and_counts_say_whom_they_count(root, exported):
    """The HU of stored scans are no HU of volumes, and scans trained on are not all scans."""
    facts = exported.sections["4.1"]["facts"]
    outputs = root.find("TrustIngredients/AISystemFacts/OutcomesAndOutputs").text.splitlines()
    assert f"HU at -1: {facts['window_min']['value']} HU" in outputs
    assert f"HU at +1: {facts['window_max']['value']} HU" in outputs
    assert not any("stored HU" in line for line in outputs)
    data = root.find("TrustIngredients/AISystemFacts/DevelopmentDataCharacterization").text
    counts = exported.sections["2.1"]["facts"]
    for name in ("converted", "train_cases"):
        assert f"{counts[name]['label']}: {counts[name]['value']}" in data.splitlines()
    assert "Patients of the whole data version, trained on and held out:" in data.splitlines()


def test_safety_is_read_from_the_privacy_goals(root, exported):
    facts = exported.sections["5"]["facts"]
    safety = root.find("KeyMetrics/SafetyReliability")
    assert facts["privacy_reading"]["value"] in safety.find("Interpretation").text
    labels = [label.text for label in safety.find("Results").iter("Label")]
    assert {"Privacy goals met", "Privacy goals not met", "Privacy goals not informative"} < set(
        labels
    )


def test_an_answer_in_part_says_what_is_open(root):
    fairness = root.find("KeyMetrics/FairnessEquity/TestingDataDescription").text
    assert fairness.splitlines()[-1].startswith("Partly: The pipeline has no test that compares")
