import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import nibabel as nib
import numpy as np
import pytest
from monai.bundle.properties import MetaProperties

from syda.export import bundle
from syda.sampling.export import MARK
from syda.sampling.generation import load_generator

SCHEMA = json.loads((Path(__file__).parent / "monai_metadata.schema.json").read_text())


def test_the_metadata_has_the_keys_of_the_specification(model):
    found = bundle.metadata(model)
    jsonschema.validate(found, SCHEMA)
    required = {one["id"] for one in MetaProperties.values() if one["required"]}
    assert required <= {f"_meta_::{key}" for key in found}
    assert found["required_packages_version"]["syda"] == "0.1.0"
    assert found["description"].startswith("Synthetic data. Not for diagnosis")
    assert found["weights_sha256"] == model.generator.weights_sha256
    del found["network_data_format"]["outputs"]["pred"]["dtype"]
    with pytest.raises(jsonschema.ValidationError, match="'dtype' is a required property"):
        jsonschema.validate(found, SCHEMA)


def test_a_reason_to_release_copies_is_in_each_text(model):
    reason = "All of them are phantoms."
    changed = dataclasses.replace(model, allow_copies=reason)
    assert bundle.metadata(changed)["released_although_a_test_found_copies"] == reason
    assert reason in bundle.files(changed, b"")["docs/README.md"].decode()


@pytest.mark.slow
def test_monai_runs_the_bundle(released, model):
    """By `python -m monai.bundle run` in its folder."""
    folder = released[0] / "bundle"
    command = [sys.executable, "-m", "monai.bundle", "run"]
    command += ["--config_file", "configs/inference.json", "--count", "2", "--seed", "5"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    output = folder / "output"
    names = sorted(path.name for path in output.iterdir())
    assert names == ["000005.json", "000005.nii.gz", "000006.json", "000006.nii.gz"]
    sample = load_generator(folder / "models").sample(seeds=[5])[0]
    image = nib.load(output / "000005.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj), sample.volume.hu)
    np.testing.assert_allclose(image.affine, sample.volume.affine, atol=1e-5)
    assert image.header["descrip"].item().decode() == MARK
    facts = json.loads((output / "000005.json").read_text())
    assert facts["weights_sha256"] == model.generator.weights_sha256
    assert facts["copy_check"] == "none: no quality gate was applied"
