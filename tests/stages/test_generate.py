import hashlib
import json
from dataclasses import asdict

import nibabel as nib
import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from syda.errors import CorruptData, UsageError
from syda.model.conditions import measure
from syda.model.generator import Generator
from syda.sampling import weights
from syda.stages import generate
from syda.types import EFFECTIVE_SPACING
from syda.volume import nifti, properties

CT = {"size": 8, "spacing_mm": 1.5, "window_min": -1000, "window_max": 1000}

CONDITIONS = measure(
    [{"body_width_mm": 300.0 + 10 * i, "fat_share": 0.02 * i} for i in range(11)],
    ["body_width_mm", "fat_share"],
)
SIZES = measure([{EFFECTIVE_SPACING: 1.5 * side / 8} for side in (16, 20)], [EFFECTIVE_SPACING])


@pytest.fixture
def root(workspace):
    root = workspace({"generate.seed": 7, "generate.count": 3, "generate.export": 2})
    torch.manual_seed(0)
    generator = Generator(
        latent=4,
        mapping_layers=1,
        mapping_lr_multiplier=0.1,
        channels=[3, 2],
        conditions=CONDITIONS.size,
    )
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    folder = root / "data" / "weights"
    folder.mkdir(parents=True)
    source = {"version": "v0"}
    description = weights.Description(
        generator.architecture, CT, SIZES.to_json(), CONDITIONS.to_json(), source, 8
    )
    weights.save(folder, generator, description)
    return root


def test_a_volume_and_its_json_for_each_seed(root):
    generate.run(root)
    folder = root / "data" / "synthetic"
    names = {path.name for path in folder.iterdir() if path.is_file()}
    assert names == {f"00000{n}{end}" for n in (7, 8, 9) for end in (".nii.gz", ".json")}
    facts = json.loads((folder / "000008.json").read_text())
    volume = nifti.read(folder / "000008.nii.gz")
    digest = hashlib.sha256((root / "data/weights/generator.safetensors").read_bytes())
    assert facts == {
        "synthetic": True,
        "seed": 8,
        "longest_side": facts["longest_side"],
        "effective_spacing_mm": pytest.approx(1.5 * facts["longest_side"] / 8),
        "nominal_spacing_mm": 1.5,
        "properties": facts["properties"],
        "truncation": 1.0,
        "precision": "bfloat16",
        "weights_sha256": digest.hexdigest(),
    }
    assert 16 <= facts["longest_side"] <= 20
    assert facts["properties"]["asked"].keys() == {"body_width_mm", "fat_share"}
    physical = nifti.read(folder / "physical" / "000008.nii.gz")
    assert facts["properties"]["measured"] == asdict(properties.measure(physical))
    assert volume.spacing == pytest.approx((facts["effective_spacing_mm"],) * 3)
    assert volume.hu.dtype == np.int16
    assert -1000 <= volume.hu.min() <= volume.hu.max() <= 1000


def test_exports_are_at_the_true_spacing(root):
    generate.run(root)
    folder = root / "data" / "synthetic" / "physical"
    assert {path.name for path in folder.iterdir()} == {"000007.nii.gz", "000008.nii.gz"}
    for path in folder.iterdir():
        assert nifti.read(path).spacing == pytest.approx((1.5, 1.5, 1.5))


def test_measured_properties_are_those_of_the_volume_at_its_true_size(root):
    generate.run(root)
    folder = root / "data" / "synthetic"
    for seed in ("000007", "000008"):
        measured = json.loads((folder / f"{seed}.json").read_text())["properties"]["measured"]
        exported = nifti.read(folder / "physical" / f"{seed}.nii.gz")
        expected = asdict(properties.measure(exported))
        assert measured == {name: pytest.approx(value) for name, value in expected.items()}
        assert measured["scan_length_mm"] == pytest.approx(exported.hu.shape[2] * 1.5)
    other = json.loads((folder / "000009.json").read_text())["properties"]  # not exported
    assert other["measured"].keys() == expected.keys()


def test_every_volume_says_that_it_is_synthetic(root):
    generate.run(root)
    volumes = list((root / "data" / "synthetic").rglob("*.nii.gz"))
    assert len(volumes) == 5
    for path in volumes:
        assert nib.load(path).header["descrip"].item() == b"SYNTHETIC, NOT FOR DIAGNOSIS"


def test_the_same_weights_and_seeds_give_the_same_bytes(root):
    contents = []
    for _ in range(2):
        generate.run(root)
        files = sorted(p for p in (root / "data/synthetic").rglob("*") if p.is_file())
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_without_weights_it_says_what_to_do(root):
    weights_folder = root / "data" / "weights"
    weights_folder.rename(root / "elsewhere")
    with pytest.raises(UsageError, match="data/weights does not exist"):
        generate.run(root)


def test_broken_weights_leave_no_volumes(root):
    path = root / "data" / "weights" / weights.WEIGHTS
    path.write_bytes(b"broken")
    with pytest.raises(CorruptData):
        generate.run(root)
    assert not (root / "data" / "synthetic").exists()


def asking(root, properties):
    yaml = YAML()
    document = yaml.load((root / "params.yaml").read_text())
    document["generate"]["properties"] = properties
    with (root / "params.yaml").open("w") as stream:
        yaml.dump(document, stream)


def test_what_is_asked_for_stands_beside_each_volume(root):
    asking(root, {"body_width_mm": [340, 350], "fat_share": 0.1})
    generate.run(root)
    for path in (root / "data" / "synthetic").glob("*.json"):
        asked = json.loads(path.read_text())["properties"]["asked"]
        assert 340 <= asked["body_width_mm"] <= 350
        assert asked["fat_share"] == 0.1


def test_outside_the_training_range_is_a_warning(root, capsys):
    asking(root, {"body_width_mm": 700})
    generate.run(root)
    told = capsys.readouterr().err
    assert (
        "warning: generate.properties: body_width_mm=700.0: outside what the training cases" in told
    )


def test_a_property_that_it_does_not_know_is_wrong_use(root):
    asking(root, {"kidneys": 2})
    with pytest.raises(
        UsageError, match="kidneys: not a property of this model: it knows body_wid"
    ):
        generate.run(root)
    assert not (root / "data" / "synthetic").exists()
