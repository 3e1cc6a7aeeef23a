import copy

import jsonschema
import pytest

from syda.card import json_schema
from syda.card.facts import SCHEMA

FACT = {"field": "1.n", "label": "n", "value": 3, "kind": "measured", "sources": ["f.json#/n"]}
OWED = {
    "field": "1.o", "label": "o", "value": None, "kind": "absent", "sources": [],
    "owner": "counsel",
}  # fmt: skip
TABLES = {"t": [{"a": "x", "n": FACT}]}
CARD = {
    "$schema": "card.schema.json",
    "schema": SCHEMA,
    "status": {
        "1": {
            "state": "partial", "present": 1, "missing": ["o"], "owners": ["counsel"],
            "digest": "ab" * 32,
            "signoffs": [{
                "name": "N", "role": "owner", "date": "2026-01-31", "meaning": "read",
                "digest": "cd" * 32, "stale": True,
            }],
        },
    },
    "sections": {
        "1": {"title": "T", "facts": {"n": FACT, "o": OWED}, "tables": TABLES},
    },
    "inputs": {"f.json": "ef" * 32},
}  # fmt: skip


VALIDATOR = jsonschema.Draft202012Validator(json_schema.card_schema())


def test_a_card_has_no_fault():
    assert json_schema.faults(CARD) == []
    assert list(VALIDATOR.iter_errors(CARD)) == []


def test_the_json_schema_is_one_and_its_id_is_no_address():
    schema = json_schema.card_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:uuid:")
    assert SCHEMA in schema["title"]
    assert set(schema["required"]) == {"$schema", "schema", "status", "sections", "inputs"}


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("schema",), "syda-card-1", "/schema: Input should be 'syda-card-4'"),
        (("sections", "1", "facts", "n", "kind"), "guessed", "/sections/1/facts/n/kind: "),
        (("sections", "1", "facts", "n", "sources"), [], "have a source"),
        (("sections", "1", "facts", "n", "value"), None, "have an owner"),
        (("sections", "1", "facts", "o", "value"), 3, "have an owner"),
        (("sections", "1", "facts", "n", "sources"), ["f.json"], "should match pattern"),
        (("sections", "1", "facts", "n", "extra"), 1, "Extra inputs are not permitted"),
        (("status", "1", "state"), "done", "/status/1/state: "),
        (("status", "1", "digest"), "short", "/status/1/digest: "),
        (("inputs", "f.json"), "short", "/inputs/f.json: "),
    ],
)
def test_a_broken_structure_is_named(keys, value, message):
    card = copy.deepcopy(CARD)
    at = card
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    assert any(message in fault for fault in json_schema.faults(card))
    assert not VALIDATOR.is_valid(card)


@pytest.mark.parametrize("key", ["$schema", "schema", "status", "sections", "inputs"])
def test_a_part_that_is_missing_is_a_fault(key):
    card = {name: part for name, part in CARD.items() if name != key}
    assert any(f"#/{key}: Field required" in fault for fault in json_schema.faults(card))
    assert not VALIDATOR.is_valid(card)


def test_what_is_no_mapping_is_a_fault():
    assert json_schema.faults([]) != []
