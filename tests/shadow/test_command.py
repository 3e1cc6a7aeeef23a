import dataclasses
import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from typer.testing import CliRunner

import changed_params
from open_gate import OPEN_GATE
from small_generator import CUBE, release, sizes_of, small_generator
from syda import paths
from syda.cli import app
from syda.dicom import quantity
from syda.dicom.series import read_slices, series_uid
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.model.conditions import ConditionSchema
from syda.params import load
from syda.records import reader
from syda.records.index import INDEX, read_index
from syda.runtime.digest import sha256_of_file
from syda.sampling import weights
from syda.sampling.config import GenerateParams
from syda.sampling.generation import load_generator
from syda.shadow import command, scan, similarity
from syda.shadow.config import ShadowParams
from syda.shadow.create import conditions_of, create_shadow
from syda.shadow.export import PICTURE
from syda.training import encoder as training
from syda.types import Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace
from syda.volume.resample import to_spacing
from tiny_training import train_params

SCHEMA = ConditionSchema.fit(
    [
        {"body_width_mm": 40.0 + i, "effective_spacing_mm": 9.0 + i, "sex": "FM"[i % 2]}
        for i in range(9)
    ],
    ["body_width_mm", "effective_spacing_mm", "sex"],
)
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SYDA_TEST_DATA", ROOT.parent / "shared" / "data"))


def release_with_encoder(folder, data):
    generator = small_generator(SCHEMA)
    train = train_params({"property_dropout": 0.0, "encoder.images": 60}, batch=8)
    encoder, residual = training.fit(generator, SCHEMA, train)
    encoding = {"architecture": encoder.architecture, "images": 60, "residual_variance": residual}
    release(folder, generator, SCHEMA, sizes_of([9.0]), data=data, encoder=encoding)
    weights.save_encoder(folder, encoder)


@pytest.fixture
def root(workspace, made_up_records, monkeypatch):
    """A repository with records, and weights that were trained on them."""
    changes = {"shadow.steps": 20, "shadow.copy_share": 0.0, "generate.gate": OPEN_GATE}
    root = made_up_records(workspace(changes), 8)
    index = sha256_of_file(root / paths.RECORDS / INDEX)
    release_with_encoder(root / paths.WEIGHTS, {"version": "v0", "index_sha256": index})
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def body():
    """An ellipsoid of soft tissue with a spine, in air; voxels of 2 x 2 x 4 mm."""
    i, j, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in (40, 30, 20)), indexing="ij")
    hu = np.where((i / 0.8) ** 2 + (j / 0.7) ** 2 < 1, 40, -1000)
    hu = np.where(i**2 + (j + 0.4) ** 2 < 0.02, 400, hu).astype(np.int16)
    affine = np.array([[2.0, 0, 0, -31], [0, 2.0, 0, -7], [0, 0, 4.0, 120], [0, 0, 0, 1]])
    return Volume(hu, affine)


@pytest.fixture
def file(tmp_path_factory, body):
    path = tmp_path_factory.mktemp("scan") / "doe_john.nii.gz"
    nifti.write(path, body)
    return path


@pytest.fixture
def series(tmp_path_factory, body, as_slices, save_slices):
    return save_slices(tmp_path_factory.mktemp("series") / "doe^john", as_slices(body))


@pytest.fixture
def draws(monkeypatch):
    """Let the generator draw one value of [-1, 1] everywhere."""

    def replace(value):
        def create(*arguments):
            made = create_shadow(*arguments)
            return dataclasses.replace(made, image=torch.full_like(made.image, value))

        monkeypatch.setattr(command, "create_shadow", create)

    return replace


def describe_weights(root, **changes):
    path = root / paths.WEIGHTS / paths.GENERATOR_DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def call(*arguments):
    """Run ``syda shadow``; what it raises is raised here."""
    done = CliRunner().invoke(app, ["shadow", *map(str, arguments)])
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def description_of(out):
    return json.loads((out / "shadow.json").read_text())


def load_model(root):
    return load_generator(root / paths.WEIGHTS, "float32")


def shadow_params(root, **changes):
    changes = {f"shadow.{key}": value for key, value in changes.items()}
    return load(root).changed(changes).section("shadow", ShadowParams)


def test_a_shadow_lies_where_its_source_does(root, file, body, tmp_path):
    done = call(file, "--out", tmp_path / "out")
    resampled = to_spacing(body, 1.5)
    made = nifti.read(tmp_path / "out/shadow.nii.gz")
    assert made.hu.shape == resampled.hu.shape
    assert np.allclose(made.affine, resampled.affine)
    assert made.hu.min() >= -1000
    assert made.hu.max() <= 1000
    assert (tmp_path / "out/.gitignore").read_text() == "*\n"
    assert (tmp_path / "out" / PICTURE).stat().st_size > 10_000
    assert re.search(r"shadow of strength 0\.5 in \S+/out, \d+ s; ", done.stdout)
    assert "between different patients" in done.stdout
    assert "project" in done.stderr  # the progress bar
    facts = description_of(tmp_path / "out")
    assert facts["synthetic"] is True
    assert facts["copy"] is False
    assert 0 < facts["distances"]["nearest_patients"] < facts["distances"]["between_patients"]
    assert 1 < facts["projection"]["steps"] <= 20
    assert facts["properties"]["requested"]["sex"] is None  # of NIfTI nobody knows
    assert facts["weights_sha256"] == weights.digest(root / paths.WEIGHTS)


def test_dicom_in_and_out(root, series, tmp_path, body, monkeypatch):
    monkeypatch.setattr(quantity, "MIN_SOFT_SHARE", 0.0)  # untrained weights draw no body
    call(series, "--out", tmp_path / "out")
    assert description_of(tmp_path / "out")["properties"]["requested"]["sex"] == "F"
    slices = read_slices(sorted((tmp_path / "out/dicom").iterdir()))
    made = nifti.read(tmp_path / "out/shadow.nii.gz")
    assert len(slices) == made.hu.shape[2]
    top = slices[0].header
    assert top.SyntheticData == "YES"
    assert top.SeriesDescription.startswith("SYNTHETIC ")
    assert top.SeriesDescription.endswith(" NOT FOR DIAGNOSIS")
    pixels = top.pixel_array.astype(int) + int(top.RescaleIntercept)
    assert np.array_equal(pixels, made.hu[::-1, ::-1, -1].T)
    (tmp_path / "scratch").mkdir()
    again = scan.read(tmp_path / "out/dicom", None, tmp_path / "scratch", load(root)).volume
    assert np.array_equal(again.hu, made.hu)
    assert np.allclose(again.affine, made.affine, atol=1e-5)
    identity = {series_uid(f) for f in series.iterdir()} | {"patient-1", "john", "1.2.3", "043Y"}
    text = (tmp_path / "out/shadow.json").read_text() + str(top)
    assert not {word for word in identity if word in text.replace("2.25.", "")}


def test_an_archive_gives_the_same_as_its_folder(root, series, tmp_path):
    packed = tmp_path / "scan.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(series, "doe^john")
    call(series, "--out", tmp_path / "a")
    call(packed, "--out", tmp_path / "b")
    for name in ("shadow.nii.gz", "shadow.json", "dicom/0001.dcm"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_strength_0_is_the_free_sample_of_the_same_properties(root, body):
    source = to_spacing(body, 1.5)
    there = load_model(root)
    for seed in (3, 4):
        made = create_shadow(
            there, source, {"sex": "M"}, shadow_params(root, strength=0.0, seed=seed)
        )
        assert made.losses == []
        assert made.properties["sex"] == "M"
        free = there.sampler.sample(seed, properties=made.properties)
        assert free.properties == made.properties
        space = there.sampler.space
        mine = space.decode(made.image[0].numpy(), max(source.hu.shape)).hu
        assert np.array_equal(mine, free.volume.hu)


def test_more_strength_is_nearer(root, body):
    source = to_spacing(body, 1.5)
    apart = []
    for strength in (0.0, 0.5, 1.0):
        made = create_shadow(load_model(root), source, {}, shadow_params(root, strength=strength))
        apart.append((made.image - made.source).abs().mean().item())
    assert apart == sorted(apart, reverse=True)


def test_a_term_that_no_training_case_has_is_left_open(body):
    assert conditions_of(SCHEMA, body, {"sex": "O"}, 9.0)["sex"] is None
    assert conditions_of(SCHEMA, body, {"sex": "M"}, 9.0)["sex"] == "M"


def test_a_copy_is_refused(root, file, tmp_path):
    changed_params.write(root, {"shadow.copy_share": 99.0}, source=root)
    with pytest.raises(CheckFailed, match="nothing written: it is a copy of a patient") as error:
        call(file, "--out", tmp_path / "out")
    assert error.value.exit_code == 1
    assert not list(tmp_path.glob("*out*"))
    done = call(file, "--out", tmp_path / "out", "--allow-copy")
    assert "a copy of a patient, as --allow-copy permits" in done.stdout
    assert description_of(tmp_path / "out")["copy"] is True


def test_a_shadow_without_a_body_is_refused(root, file, tmp_path, draws):
    draws(-1.0)
    changed_params.write(root, {"generate.gate.min_body_share": 0.1}, source=root)
    with pytest.raises(CheckFailed, match=r"it has no body \(no_body; .*min_body_sh") as error:
        call(file, "--out", tmp_path / "out", "--allow-copy")
    assert error.value.exit_code == 1
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*out*"))


def test_another_rule_of_the_gate_only_warns(root, file, tmp_path, draws):
    draws(0.0)  # tissue alone
    changed_params.write(root, {"generate.gate.min_std_hu": 50.0}, source=root)
    done = call(file, "--out", tmp_path / "out")
    assert "warning: shadow: breaks rules of the quality gate (constant): look at" in done.stderr
    assert (tmp_path / "out" / PICTURE).is_file()


def test_a_size_outside_the_training_range_is_a_warning_each(root, file, tmp_path):
    """The scan is 79.5 mm long, which is its longest side too: 8 voxels of 9.9375 mm."""
    cases = [{"effective_spacing_mm": mm, "scan_length_mm": 20.0 + mm} for mm in (11.0, 21.0)]
    sizes = ConditionSchema.fit(cases, ["effective_spacing_mm", "scan_length_mm"])
    describe_weights(root, sizes=sizes.to_json())
    lines = call(file, "--out", tmp_path / "out").stderr.splitlines()
    warnings = [line for line in lines if "warning: shadow" in line]
    assert [line.split("warning: shadow: ")[1] for line in warnings] == [
        "effective_spacing_mm of the scan is 9.938, 1.562 below the range of the training cases, "
        "11.5 to 20.5: results are less reliable",
        "scan_length_mm of the scan is 79.5, 39 above the range of the training cases, "
        "31.5 to 40.5: results are less reliable",
        "body_width_mm of the scan is 64.5, 16.9 above the range of the training cases, "
        "40.4 to 47.6: results are less reliable",
    ]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("CHEST", "ABDOMEN"), "CHEST"),
        (("DOE^JOHN", "ABDOMEN"), "ABDOMEN"),
        ((None, "ABDOMEN"), "ABDOMEN"),
        (("DOE^JOHN", None), None),
    ],
)
def test_the_body_part_is_that_of_the_scan_or_of_the_cohort(
    root, body, tmp_path, as_slices, save_slices, parts, expected
):
    (source, cohort), slices = parts, as_slices(body)
    for one in slices:
        with pydicom.config.disable_value_validation():
            one.BodyPartExamined = source
    describe_weights(root, body_part=cohort)
    call(save_slices(tmp_path / "series", slices), "--out", tmp_path / "out")
    top = pydicom.dcmread(tmp_path / "out/dicom/0001.dcm")
    assert top.get("BodyPartExamined") == expected
    words = ["CT", *filter(None, [expected]), "NOT FOR DIAGNOSIS"]
    assert top.StudyDescription == " ".join(["SYNTHETIC", *words])
    assert top.SeriesDescription == " ".join(["SYNTHETIC SHADOW OF A", *words])
    assert "DOE" not in str(top)


def test_a_training_case_itself_is_a_copy_and_other_patients_are_none(root):
    space = ModelSpace(**CUBE)
    index = {"index_sha256": sha256_of_file(root / paths.RECORDS / INDEX)}
    reference = similarity.load_reference(root, index, space)
    counts = [sum(e.split == s for e in read_index(root / paths.RECORDS)) for s in ("train",)]
    assert reference.training == counts[0]
    near = similarity.measure_similarity(
        space, reference.images[-1:], reference.images[:1], reference
    )
    assert near.to_training == pytest.approx(0, abs=1e-6)
    assert near.is_copy(0.4) is True
    source = similarity.measure_similarity(
        space, reference.images[-1:], reference.images[-1:], reference
    )
    assert source.to_source == pytest.approx(0, abs=1e-6)
    assert source.is_copy(0.4) is True
    assert source.to_training >= near.nearest_patients - 1e-6
    assert source.pairs == 8 * 7 // 2


def test_where_the_records_are_others_nobody_knows(root, file, tmp_path):
    path = root / paths.WEIGHTS / paths.GENERATOR_DESCRIPTION
    path.write_text(path.read_text().replace('"index_sha256": "', '"index_sha256": "0'))
    with pytest.raises(CheckFailed, match="a copy of a patient cannot be recognised"):
        call(file, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = call(file, "--out", tmp_path / "out", "--allow-copy")
    assert "unknown" in done.stdout
    facts = description_of(tmp_path / "out")
    assert facts["copy"] is None
    assert facts["distances"]["to_training"] is None
    assert facts["distances"]["to_source"] > 0


def test_one_of_several_series(root, series, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(series, both / "a")
    (both / "b").mkdir()
    for path in series.iterdir():
        slice_ = pydicom.dcmread(path)
        slice_.SeriesInstanceUID, slice_.SeriesNumber = "1.2.4", 7
        slice_.save_as(both / "b" / path.name)
    with pytest.raises(UsageError, match=r"2 CT series .* 7 \(20 files\), none \(20 files\): choo"):
        call(both, "--out", tmp_path / "out")
    call(both, "--out", tmp_path / "out", "--series", 7)
    with pytest.raises(CheckFailed, match="no CT series of number 8"):
        call(both, "--out", tmp_path / "other", "--series", 8)


def nothing(path, body):
    path.mkdir()


def text(path, body):
    path.write_text("no scan")


def cut(path, body):
    nifti.write(path, body)
    path.write_bytes(path.read_bytes()[:200])


def mask(path, body):
    nifti.write(path, Volume((body.hu > 0).astype(np.int16), body.affine))


def not_finite(path, body):
    nib.save(nib.Nifti1Image(np.full((4, 4, 4), np.nan, np.float32), np.eye(4)), path)


def four_dimensions(path, body):
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.eye(4)), path)


def sheared(path, body):
    affine = body.affine.copy()
    affine[0, 1] = 0.5
    nib.save(nib.Nifti1Image(body.hu, affine), path)


def out_of_range(path, body):
    nib.save(nib.Nifti1Image((body.hu * 40).astype(np.int32), body.affine), path)


def too_large(path, body):
    nib.save(nib.Nifti1Image(body.hu, np.diag([900.0, 2, 2, 1])), path)


@pytest.mark.parametrize(
    ("make", "name", "error"),
    [
        (nothing, "scan", CheckFailed),
        (text, "doe.txt", CheckFailed),
        (cut, "doe.nii.gz", CorruptData),
        (mask, "doe.nii.gz", CorruptData),
        (not_finite, "doe.nii.gz", CorruptData),
        (four_dimensions, "doe.nii.gz", CorruptData),
        (sheared, "doe.nii.gz", CorruptData),
        (out_of_range, "doe.nii.gz", CorruptData),
        (too_large, "doe.nii.gz", CheckFailed),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(root, tmp_path_factory, body, make, name, error):
    folder = tmp_path_factory.mktemp("bad")
    make(folder / name, body)
    before = set(root.rglob("*"))
    with pytest.raises(error) as raised:
        call(folder / name, "--out", root / "out")
    assert "\n" not in str(raised.value)
    assert set(root.rglob("*")) == before


def test_wrong_use(root, file, series, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    with pytest.raises(UsageError, match="is no empty folder"):
        call(file, "--out", tmp_path / "full")
    for inside in (root, root / "data/mine", root / "reports/mine"):
        with pytest.raises(UsageError, match=r"belongs to the pipeline|no empty folder"):
            call(file, "--out", inside)
    with pytest.raises(UsageError, match="no such file or folder"):
        call(tmp_path / "nowhere", "--out", tmp_path / "out")
    with pytest.raises(UsageError, match=r"no generator\.safetensors there"):
        call(file, "--out", tmp_path / "out", "--weights", tmp_path / "full")
    with pytest.raises(UsageError, match="--series chooses among DICOM series"):
        call(file, "--out", tmp_path / "out", "--series", 3)
    assert not (tmp_path / "out").exists()


def test_weights_without_an_encoder_are_refused(root, file, tmp_path):
    (root / paths.WEIGHTS / paths.ENCODER_WEIGHTS).unlink()
    with pytest.raises(CorruptData, match="not the encoder of"):
        call(file, "--out", tmp_path / "out")
    describe_weights(root, encoder={})
    with pytest.raises(CorruptData, match="has no encoder"):
        call(file, "--out", tmp_path / "out")


@pytest.mark.slow
def test_on_the_holdout_the_source_is_nearest_to_its_shadow_and_no_copy():
    """For at least 80 % of the cases, at the strength and with the threshold of params.yaml.

    All shadows have a body.
    """
    if not (ROOT / paths.WEIGHTS / paths.ENCODER_WEIGHTS).is_file():
        pytest.skip("no trained weights here: `dvc repro` or `dvc pull` brings them")
    params = load(ROOT).section("shadow", ShadowParams)
    gate = load(ROOT).section("generate", GenerateParams).gate
    there = load_generator(ROOT / paths.WEIGHTS, params.precision)
    space = there.space
    reference = similarity.load_reference(ROOT, there.description.data, space)
    if reference is None:
        pytest.skip("the records here are not those of the weights")
    records = list(reader.read_split(ROOT / paths.RECORDS, "holdout", space.spacing_mm))
    made = [create_shadow(there, r.volume, r.case.attributes, params) for r in records]
    for record, one in zip(records, made, strict=True):
        command.check_body(space.decode_onto(one.image[0].numpy(), record.volume), gate)
    sources, shadows = (
        np.concatenate([getattr(one, name)[0].numpy() for one in made])
        for name in ("source", "image")
    )
    extractor = similarity.EfficientNetFeatures(
        similarity.VoxelGrid(space.size, space.window_min, space.window_max)
    )
    every = extractor.extract(sources, shadows, reference.images).distances
    n = len(records)
    to_sources, to_training = (
        every[n : 2 * n, :n],
        every[n : 2 * n, 2 * n :][:, : reference.training],
    )
    between = similarity.measure_similarity(
        space, sources[:1], shadows[:1], reference
    ).between_patients
    nearest = to_sources.argmin(axis=1) == np.arange(n)
    copies = np.minimum(to_sources.diagonal(), to_training.min(axis=1))
    copies = copies < params.copy_share * between
    assert (nearest & ~copies).mean() >= 0.8, (
        f"nearest {nearest.sum()}, copies {copies.sum()} of {n}"
    )


REAL = (
    "abdomen/abd-noncontrast-acrin001.tar.xz",
    "abdomen/abd-contrast-crlm1004.tar.xz",
    "nifti/example_ct.nii.gz",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_abdominal_scans_run(root, tmp_path, name):
    source = DATA / name
    if not source.is_file():
        pytest.skip(f"no real CT for tests: set SYDA_TEST_DATA ({name} is missing)")
    call(source, "--out", tmp_path / "out")
    made = nifti.read(tmp_path / "out/shadow.nii.gz")
    assert set(np.round(made.spacing, 3)) == {1.5}
    assert isinstance(description_of(tmp_path / "out")["distances"]["to_source"], float)
