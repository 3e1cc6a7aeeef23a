import dataclasses
import datetime
import json
import re
from pathlib import Path

import pytest

from syda import paths
from syda.card import contradictions, declared, documents, signoffs
from syda.card import inputs as card_inputs
from syda.card.contradictions import DeclaredText
from syda.errors import UsageError

ROOT = Path(__file__).parents[2]
DECLARED = paths.DECLARED.as_posix()


@pytest.fixture(scope="module")
def inputs():
    """The committed run."""
    return card_inputs.read(ROOT)


def wrong(words, inputs, key="limitations.0", file=DECLARED):
    return contradictions.contradictions([DeclaredText(file, key, words)], inputs)


def trained_with(inputs, **model):
    """The same run, trained with other parameters of the model."""
    train = inputs.manifests["train"]
    content = json.loads(json.dumps(train.content))
    content["params"]["model"] |= model
    other = documents.Document(train.path, content, train.sha256)
    return dataclasses.replace(inputs, manifests=inputs.manifests | {"train": other})


def test_the_texts_there_are_contradict_nothing(inputs):
    found = contradictions.texts(inputs, signoffs.read(ROOT, paths.SIGNOFFS))
    assert len(found) > 40
    assert contradictions.contradictions(found, inputs) == []
    contradictions.check(inputs, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("Voxels of 1.5 mm.", "types '1.5 mm': 4.1.nominal_spacing says 1.5 mm, 4.1.effective_"),
        ("Volumes of 128 x 128 x 128, HU", "types '128 x 128 x 128': 4.1.size says 32"),
        ("cubes of 128 x 128 x 128 voxels", "4.1.size says 32"),
        ("HU above 900 HU is lost.", "4.1.window_min and window_max says -1000 and 1000 HU"),
        ("Trained on 400 patients.", "2.1.train_patients says 43"),
        ("It saw 400 scans", "2.1.train_cases says 43"),
        ("of 99 volumes", "5.n_synthetic says 32"),
        ("In 95 % of cases.", "types '95 %': a number of the pipeline"),
        ("The voxel size is kept.", "says 'voxel size is kept': the longest side is fitted: 4.1."),
        ("At native resolution", "4.1.effective_spacing_median says 12.52 mm"),
        (
            "An unconditional model.",
            "says 'unconditional': model.properties in 4.4.parameters says",
        ),
        ("It cannot yet be asked for given properties of the image", "body_width_mm"),
        ("It generates from random numbers only.", "says 'random numbers only'"),
        ("Only random noise goes in.", "says 'Only random noise'"),
        ("No scan of a patient goes through the model.", "4.2.shadow says that `syda shadow`"),
        ("A scan cannot be taken through the model.", "4.2.shadow"),
        ("Evaluation data are not applicable.", "3.1.cases says 21 held-out scans"),
        ("There is no held-out set.", "3.1.cases says 21"),
        ("MS-SSIM is 0.93.", "types 'MS-SSIM is 0.93': a figure next to a metric's name"),
        ("A precision of 0.8 was reached", "5.figures_holdout.precision has it"),
        ("with 0.1862 perceptual distance", "5.figures_holdout.perceptual_distance has it"),
        ("KID (section 5) of 0.2", "5.figures_holdout.kid has it"),
        ("Built with TensorFlow.", "names 'TensorFlow', which no stage imports (4.3.checklist)"),
        ("It needs kornia to run", "names 'kornia', which no stage imports"),
        ("with torch 2.1.0", "types 'torch 2.1.0': requirements.lock says 2.13.0"),
    ],
)
def test_a_text_that_contradicts_the_facts_is_named_with_the_field(words, message, inputs):
    found = wrong(words, inputs)
    assert any(message in line for line in found), found
    assert all(line.startswith(f"{DECLARED}: limitations.0: ") for line in found)


@pytest.mark.parametrize(
    "words",
    [
        "Structures of a few millimetres cannot be judged.",
        "Section 4.1 states the voxel size; sections 5 and 6.1 the rest, appendix D, version v0.",
        "KID and precision in section 5, MS-SSIM of 3D volumes, recall in sections 2, 3 and 5",
        "Other properties than those of section 4.1 cannot be asked for.",
        "It generates from random numbers, given properties of the image.",
        "No scan leaves the hospital.",
        "It is built without TensorFlow, and uses torch instead of kornia.",
        "The voxel size is not kept.",
        "It is not an unconditional model.",
        "Built with torch 2.13.0 and pydantic.",
        "No evaluation by a radiologist.",
    ],
)
def test_a_text_that_names_places_or_tells_the_truth_passes(words, inputs):
    assert wrong(words, inputs) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("A conditional model", True),
        ("Generates volumes given a set of image properties", True),
        ("It can be asked for properties", True),
        ("An unconditional model", False),
        ("It cannot be asked for properties", False),
    ],
)
def test_a_model_without_properties_is_not_called_conditional(words, found, inputs):
    message = wrong(words, trained_with(inputs, properties=[]))
    assert ["says an empty list" in line for line in message] == [True] * found


def test_findings_of_people_may_have_numbers(inputs):
    words = "Three readers looked at 40 volumes of 12 patients."
    assert wrong(words, inputs)
    assert wrong(words, inputs, key="clinical_evaluation") == []
    assert wrong(words, inputs, key="signoffs.0.meaning", file="model_card/signoffs.yaml") == []
    assert wrong("MS-SSIM of 0.93 is fine", inputs, key="signoffs.0.meaning")


def test_the_meaning_of_a_sign_off_is_read(inputs):
    one = signoffs.SignOff(
        section="5", name="N", role="radiologist", date=datetime.date(2026, 1, 31),
        meaning="I agree with a recall of 0.9", digest="ab" * 32,
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"signoffs\.yaml: signoffs\.0\.meaning: types 'recall of"):
        contradictions.check(inputs, [one])


def test_a_policy_that_names_a_library_outside_the_lock_is_found(inputs):
    words = "kornia does it, google-crc32c checks, DVC moves data"
    (line,) = wrong(words, inputs, key="CHECKLIST.x", file="src/syda/card/libraries.py")
    assert "names 'kornia', which is not in requirements.lock" in line


def test_every_contradiction_is_in_one_line(inputs, tmp_path):
    text = (ROOT / paths.DECLARED).read_text()
    path = tmp_path / paths.DECLARED
    path.parent.mkdir()
    path.write_text(
        re.sub("^model_type:.*$", "model_type: unconditional, of 1.5 mm", text, flags=re.M)
    )
    other = dataclasses.replace(inputs, declared=declared.read(tmp_path, paths.DECLARED))
    with pytest.raises(UsageError) as caught:
        contradictions.check(other, [])
    assert str(caught.value).count("model_type: ") == 2
    assert "\n" not in str(caught.value)


def test_the_originals_values_are_held_to_nothing(inputs):
    keys = {text.key for text in contradictions.texts(inputs, [])}
    assert not {key for key in keys if key.startswith("historical")}
    assert {"model_description", "limitations.0", "risks.0.mitigation", "CHECKLIST.monai"} <= keys
