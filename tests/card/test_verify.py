"""What is changed by hand in a card is named by its field."""

import json

import pytest

from card_reports import prepare, run
from syda import paths
from syda.card import build, json_schema, verify


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = prepare(tmp_path_factory.mktemp("made"))
    run(root)
    return root


@pytest.fixture
def root(made):
    """The card, which is as before after the test."""
    before = {path: (made / path).read_bytes() for path in build.OUTPUTS}
    yield made
    for path, content in before.items():
        (made / path).write_bytes(content)


def alter(root, path, old, new):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))
    found = verify.altered(root)
    assert {file for file, _ in found} <= {path}
    return [what for _, what in found]


def test_an_unchanged_card_has_no_difference(made):
    assert verify.altered(made) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "found"),
    [
        (paths.DATA_PAGE, "| F | 33 |", "| F | 34 |",
         "2.1.sex.f.patients: '| F | 34 |' stands there, '| F | 33 |' is right"),
        (paths.CARD, "| Size of the weights | 1000", "| Size of the weights | 1001",
         "1.weights_bytes: "),
        (paths.CARD, "patients, held out | 0.4123", "patients, held out | 0.4124",
         "5.checklist.v0_holdout.ms_ssim: "),
        (paths.CARD, "fitted to 16 voxels, which", "fitted to 17 voxels, which",
         "4.1.nominal_spacing, 4.1.size: "),
        (paths.EVIDENCE, "| Feature maps at 4, 8, 16, ... voxels | 16", "| Feature maps | 17",
         "4.1.channels: "),
        (paths.CARD_HTML, ">1000 bytes</td>", ">1001 bytes</td>", "1.weights_bytes: "),
        (paths.EVIDENCE_HTML, ">0.4123</td>", ">0.4124</td>",
         "5.figures_holdout.ms_ssim_of_pairs.synthetic: "),
        (paths.CARD_JSON, '"value": 1000\n', '"value": 1001\n', "1.weights_bytes"),
        (paths.CARD_JSON, '"state": "partial"', '"state": "complete"', "/status/1/state"),
        (paths.CARD_JSON, '  "schema"', '   "schema"', "its white space or the order of its keys"),
        (paths.CARD_SCHEMA, '"minItems": 1', '"minItems": 0', "line "),
    ],
)  # fmt: skip
def test_an_edit_is_named_by_its_field(root, path, old, new, found):
    (what,) = alter(root, path, old, new)
    assert what.startswith(found)


@pytest.mark.parametrize(
    ("path", "old", "new", "found"),
    [
        (paths.CARD, "## 7 Clinical", "An added line.\n## 7 Clinical",
         "'An added line.' stands there, '## 7 Clinical evaluation' is right"),
        (paths.CARD_HTML, '<main id="card">', '<main id="cart">',
         "'<main id=\"cart\">' stands there"),
        (paths.CARD_JSON, '"kind": "measured"', '"kind": "guessed"', "1.data_version"),
        (paths.CARD_JSON, '"field": "', '"field"; "', "Expecting ':' delimiter"),
        (paths.CARD_JSON, '"value": 1000\n', '"value": NaN\n', "1.weights_bytes"),
    ],
)  # fmt: skip
def test_an_edit_of_no_field_is_named_by_its_line_or_reason(root, path, old, new, found):
    assert found in alter(root, path, old, new)[0]


@pytest.mark.parametrize("path", build.OUTPUTS, ids=lambda path: path.name)
def test_a_missing_file_is_named(root, path):
    (root / path).unlink()
    assert verify.altered(root) == [(path, "is missing")]


def test_card_json_names_its_json_schema(made):
    document = json.loads((made / paths.CARD_JSON).read_text())
    schema = made / "model_card" / document["$schema"]
    assert json.loads(schema.read_text()) == json_schema.card_schema()
