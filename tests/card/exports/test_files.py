import json
import subprocess
import sys
import uuid

from card_reports import prepare
from syda import paths
from syda.card import build, inputs, signoffs
from syda.card.exports import files
from syda.runtime.digest import sha256_of
from syda.runtime.outputs import as_json


def test_the_stage_writes_these_files(exported):
    assert set(exported.files) == set(files.OUTPUTS) <= set(build.OUTPUTS)


def test_the_same_inputs_give_the_same_bytes_elsewhere(exported, tmp_path):
    root = prepare(tmp_path)
    card = build.build(inputs.read(root), signoffs.read(root, paths.SIGNOFFS))
    assert card.exports == exported.files
    assert not [path for path, data in card.exports.items() if str(root).encode() in data]


def test_the_serial_number_is_derived_from_the_values(tmp_path):
    root = prepare(tmp_path)
    card = build.build(inputs.read(root), signoffs.read(root, paths.SIGNOFFS))
    number = uuid.uuid5(uuid.NAMESPACE_OID, sha256_of(as_json(card.document)))
    assert json.loads(card.exports[paths.MLBOM])["serialNumber"] == f"urn:uuid:{number}"


def test_the_stage_needs_no_validator():
    code = (
        "import sys; import syda.stages.card; "
        "print([name for name in ('xmlschema', 'mlcroissant', 'cyclonedx') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
