import hashlib
import json
import shutil
from dataclasses import asdict, replace

import nibabel as nib
import numpy as np
import pydicom
import pytest

import changed_params
from open_gate import LOOKS_FOR_COPIES, OPEN_GATE
from small_generator import random_generator, release, sizes_of
from syda import paths
from syda.dicom import conversion, quantity
from syda.dicom.config import Acceptance
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.model.conditions import ConditionSchema
from syda.properties.measured import measure_properties
from syda.records import reader
from syda.records.index import INDEX
from syda.runtime import manifest
from syda.runtime.digest import sha256_of_file
from syda.sampling.gate import COPY_CHECK_OFF, NO_COPY_CHECK
from syda.sampling.generation import LoadedGenerator
from syda.stages import generate
from syda.volume import nifti
from syda.volume.transforms import encode

CONDITIONS = ConditionSchema.fit(
    [{"body_width_mm": 300.0 + 10 * i, "fat_share": 0.02 * i} for i in range(11)],
    ["body_width_mm", "fat_share"],
)
SIZES = sizes_of([1.5 * side / 8 for side in (16, 20)])


@pytest.fixture
def root(workspace, made_up_records):
    root = workspace(
        {
            "generate.seed": 7,
            "generate.count": 3,
            "generate.export": 2,
            "generate.precision": "bfloat16",
            "generate.gate": OPEN_GATE,
        }
    )
    made_up_records(root, 8)
    release_weights(root, {"version": "v0", "index_sha256": "a" * 64, "training_cases": 11})
    return root


def release_weights(root, data):
    folder = root / paths.WEIGHTS
    generator = random_generator(CONDITIONS)
    release(folder, generator, CONDITIONS, SIZES, body_part="ABDOMEN", data=data)


def test_a_volume_and_its_json_for_each_seed(root):
    generate.run(root)
    folder = root / "data" / "synthetic"
    names = {path.name for path in folder.iterdir() if path.is_file()}
    named = {f"00000{n}{end}" for n in (7, 8, 9) for end in (".nii.gz", ".json")}
    assert names == named | {"gate.json"}
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
        "code_sha256": manifest.code_digest_from("syda.sampling.generation"),
        "data": {"version": "v0", "index_sha256": "a" * 64, "training_cases": 11},
        "copy_check": COPY_CHECK_OFF,
        "changed_end_slices": facts["changed_end_slices"],
    }
    assert 16 <= facts["longest_side"] <= 20
    assert facts["properties"]["requested"].keys() == {"body_width_mm", "fat_share"}
    physical = nifti.read(folder / "physical" / "000008.nii.gz")
    assert facts["properties"]["measured"] == asdict(measure_properties(physical))
    assert volume.spacing == pytest.approx((facts["effective_spacing_mm"],) * 3)
    assert volume.hu.dtype == np.int16
    assert -1000 <= volume.hu.min() <= volume.hu.max() <= 1000


def test_exports_are_at_the_true_spacing(root):
    generate.run(root)
    folder = root / "data" / "synthetic" / "physical"
    assert {path.name for path in folder.iterdir()} == {"000007.nii.gz", "000008.nii.gz"}
    for path in folder.iterdir():
        assert nifti.read(path).spacing == pytest.approx((1.5, 1.5, 1.5))


def test_exports_are_series_that_convert_takes_back_exactly(
    root, tmp_path, convert_params, monkeypatch
):
    monkeypatch.setattr(quantity, "MIN_SOFT_SHARE", 0.0)  # untrained weights draw no body
    generate.run(root)
    folder = root / "data" / "synthetic"
    series = sorted((folder / "dicom").iterdir())
    assert [path.name for path in series] == ["000007", "000008"]
    strict = {"max_clamped_share": 0.0, "select.body_parts": ["ABDOMEN"]}
    params = convert_params(strict | {"select.contrast": "without"})
    accepted = Acceptance(synthetic=True)
    for path in series:
        files = sorted(path.iterdir())
        (outcome,) = conversion.convert(path.name, files, tmp_path, b"key", *params, accepted)
        assert list(outcome.irregularities) == []
        found = nifti.read(tmp_path / f"{outcome.label}.nii.gz")
        exported = nifti.read(folder / "physical" / f"{path.name}.nii.gz")
        np.testing.assert_array_equal(found.hu, exported.hu)
        np.testing.assert_array_equal(found.affine, exported.affine)


def test_a_series_names_seed_and_weights_and_has_uids_of_what_was_asked(root):
    def headers():
        generate.run(root)
        folder = root / "data" / "synthetic" / "dicom"
        return [pydicom.dcmread(folder / name / "0001.dcm") for name in ("000007", "000008")]

    seven, eight = headers()
    facts = json.loads((root / "data/synthetic/000007.json").read_text())
    assert seven.SyntheticData == "YES"
    assert seven.SeriesDescription == "SYNTHETIC CT ABDOMEN NOT FOR DIAGNOSIS"
    assert str(seven.PatientName).startswith("SYNTHETIC^SEED 7 ")
    assert "from seed 7 with truncation 1," in seven.DerivationDescription
    (maker,) = seven.ContributingEquipmentSequence
    assert facts["weights_sha256"] in maker.ContributionDescription
    assert float(seven.SliceThickness) == float(seven.PixelSpacing[0]) == 1.5
    set_params(root, truncation=0.5)
    uids = {one.SOPInstanceUID for one in (seven, eight, *headers())}
    assert len(uids) == 4  # another image is another instance


def test_measured_properties_are_those_of_the_volume_at_its_true_size(root):
    generate.run(root)
    folder = root / "data" / "synthetic"
    for seed in ("000007", "000008"):
        measured = json.loads((folder / f"{seed}.json").read_text())["properties"]["measured"]
        exported = nifti.read(folder / "physical" / f"{seed}.nii.gz")
        expected = asdict(measure_properties(exported))
        assert measured == {name: pytest.approx(value) for name, value in expected.items()}
        assert measured["scan_length_mm"] == pytest.approx(exported.hu.shape[2] * 1.5)
    other = json.loads((folder / "000009.json").read_text())["properties"]  # not exported
    assert other["measured"].keys() == expected.keys()


def test_every_volume_says_that_it_is_synthetic(root):
    generate.run(root)
    volumes = list((root / "data" / "synthetic").rglob("*.nii.gz"))
    assert len(volumes) == 5
    slices = list((root / "data" / "synthetic").rglob("*.dcm"))
    assert slices
    for path in slices:
        assert pydicom.dcmread(path, stop_before_pixels=True).SyntheticData == "YES"
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
    path = root / "data" / "weights" / paths.GENERATOR_WEIGHTS
    path.write_bytes(b"broken")
    with pytest.raises(CorruptData):
        generate.run(root)
    assert not (root / "data" / "synthetic").exists()


def set_params(root, **changes):
    named = {f"generate.{key}": value for key, value in changes.items()}
    changed_params.write(root, named, source=root)


def std_hu(root):
    """Standard deviation of each volume, by seed."""
    files = nifti.case_files(root / "data" / "synthetic")
    return {int(nifti.case_name(file)): float(nifti.read(file).hu.std()) for file in files}


def test_rejected_volumes_are_counted_and_drawn_again_from_the_next_seeds(root, capsys):
    set_params(root, count=9)
    generate.run(root)
    assert "the gate rejected" not in capsys.readouterr().err
    found = std_hu(root)  # of the seeds 7 to 15
    limit = sorted(list(found.values())[:3])[0]  # all but the flattest of the first three
    flat = min(range(7, 10), key=found.get)
    rules = OPEN_GATE | {"min_std_hu": limit + 0.001, "max_rejected_share": 0.75}
    set_params(root, count=3, gate=rules)
    generate.run(root)
    accepted = std_hu(root)
    stand_in = next(seed for seed in range(10, 16) if found[seed] > limit)
    assert accepted == {seed: found[seed] for seed in (*range(7, 10), stand_in) if seed != flat}
    counts = json.loads((root / "data/synthetic/gate.json").read_text())
    assert counts["drawn"] - counts["rejected"] == 3
    assert counts["reasons"]["constant"] == counts["rejected"] == stand_in - 9
    assert counts["rejected_seeds"][str(flat)] == ["constant"]
    assert f"generate: the gate rejected {stand_in - 9} of" in capsys.readouterr().err


def test_too_many_rejected_ones_fail_and_leave_what_there_was(root):
    generate.run(root)
    before = std_hu(root)
    set_params(root, gate=OPEN_GATE | {"min_std_hu": 1e6, "max_rejected_share": 0.5})
    with pytest.raises(CheckFailed, match=r"gate rejected 4 of 4 volumes \(constant 4\)"):
        generate.run(root)
    assert std_hu(root) == before
    assert not list((root / "data").glob(".*"))


def test_records_of_another_training_tell_nothing(root, capsys):
    set_params(root, gate=LOOKS_FOR_COPIES)
    generate.run(root)
    assert f"generate: copy check {NO_COPY_CHECK}" in capsys.readouterr().err
    counts = json.loads((root / "data/synthetic/gate.json").read_text())
    assert counts["copy_check"] == {"checked": False, "why": NO_COPY_CHECK}


def test_a_training_scan_is_refused_as_a_copy(root, monkeypatch, capsys):
    shutil.rmtree(root / paths.WEIGHTS)
    index = sha256_of_file(root / paths.RECORDS / INDEX)
    release_weights(root, {"version": "v0", "index_sha256": index})
    record = next(reader.read_split(root / paths.RECORDS, "train", 1.5))
    drawn = LoadedGenerator.sample_one

    def copying(generator, seed, *request):
        sample = drawn(generator, seed, *request)
        encoded = encode(record.volume, generator.space)
        scan = generator.space.decode(encoded, sample.longest_side)
        return replace(sample, volume=scan) if seed == 8 else sample

    monkeypatch.setattr(LoadedGenerator, "sample_one", copying)
    set_params(root, gate=LOOKS_FOR_COPIES | {"max_rejected_share": 0.3})
    generate.run(root)
    counts = json.loads((root / "data/synthetic/gate.json").read_text())
    assert counts["rejected_seeds"] == {"8": ["copy"]}
    assert counts["reasons"]["copy"] == 1
    held_out = counts["copy_check"]["holdout"]
    assert f"copy check: of {held_out} held-out scans" in (said := capsys.readouterr().err)
    assert "the gate rejected 1 of 4 volumes (copy 1)" in said
    assert json.loads((root / "data/synthetic/000010.json").read_text())["copy_check"] == "passed"


def test_requested_properties_stand_in_each_description(root):
    set_params(root, properties={"body_width_mm": [340, 350], "fat_share": 0.1})
    generate.run(root)
    for path in (root / "data" / "synthetic").glob("0*.json"):
        requested = json.loads(path.read_text())["properties"]["requested"]
        assert 340 <= requested["body_width_mm"] <= 350
        assert requested["fat_share"] == 0.1


def test_outside_the_training_range_is_a_warning(root, capsys):
    set_params(root, properties={"body_width_mm": 700})
    generate.run(root)
    err = capsys.readouterr().err
    assert "warning: generate.properties: body_width_mm=700.0: outside the range of the" in err


def test_an_unknown_property_is_wrong_use(root):
    set_params(root, properties={"kidneys": 2})
    with pytest.raises(
        UsageError, match="kidneys: not a property of this model: its properties are body_wid"
    ):
        generate.run(root)
    assert not (root / "data" / "synthetic").exists()
