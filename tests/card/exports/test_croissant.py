import json

import mlcroissant
import pytest

from syda import paths

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # of rdflib


@pytest.fixture
def content(exported):
    return json.loads(exported.files[paths.CROISSANT])


def test_mlcroissant_finds_no_error(exported, tmp_path):
    """What it recommends and the card does not have is left out: citation, date, version."""
    file = tmp_path / "croissant.json"
    file.write_bytes(exported.files[paths.CROISSANT])
    metadata = mlcroissant.Dataset(jsonld=file).metadata
    assert metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    assert metadata.ctx.issues.errors == set()
    missing = {one.split('"')[1].rpartition("/")[2] for one in metadata.ctx.issues.warnings}
    assert missing == {"citeAs", "datePublished", "version"}


def test_mlcroissant_finds_an_error_in_a_file_without_digest(content, tmp_path):
    (report,) = [one for one in content["distribution"] if one["name"] == "reports/pack.json"]
    del report["sha256"]
    file = tmp_path / "croissant.json"
    file.write_text(json.dumps(content))
    with pytest.raises(mlcroissant.ValidationError, match="sha256"):
        mlcroissant.Dataset(jsonld=file)


def test_digests_are_those_of_the_manifests(content, exported):
    distribution = {one["name"]: one for one in content["distribution"]}
    convert, pack = (exported.inputs.manifests[name] for name in ("convert", "pack"))
    report = distribution["reports/convert.json"]
    assert report["sha256"] == convert.value("writes", "reports/convert.json", "sha256")
    assert (exported.root / paths.CROISSANT.parent / report["contentUrl"]).resolve() == (
        exported.root / paths.CONVERT_REPORT
    )
    records = distribution["data/records"]
    assert records["includes"] == "../../data/records/**"
    digest = pack.value("writes", "data/records", "sha256")
    assert records["description"] == f"sha256 of the list of files and their digests: {digest}"
    assert distribution["data/raw/v0"]["encodingFormat"] == ["application/dicom"]


def test_values_are_those_of_the_card(content, exported):
    assert content["license"] == exported.sections["10"]["facts"]["data_license"]["value"]
    assert content["description"].startswith("Not for diagnosis: ")
    assert "a generator of synthetic CT" in content["description"]
    artificial = exported.sections["2.1"]["facts"]["artificial"]
    assert (
        f"{artificial['label']}: {artificial['value']}"
        in content["rai:personalSensitiveInformation"]
    )


def test_limits_and_uses_of_the_data_are_those_of_the_card(content, exported):
    sections = exported.sections
    assert content["rai:dataUseCases"] == sections["6"]["facts"]["intended_use"]["value"]
    limits = content["rai:dataLimitations"]
    for row in sections["6"]["tables"]["out_of_scope"]:
        assert f"Out of scope: {row['out of scope']['value']}" in limits
    assert limits[0].startswith("Patients are artificial: ")
    assert "Licence of the code: Apache-2.0" in content["description"]


def test_what_is_absent_is_left_out_where_only_a_value_fits(content, exported):
    facts = exported.sections["1"]["facts"]
    assert facts["repository"]["value"] is None
    assert facts["author"]["value"] is None
    assert not {"url", "creator", "datePublished", "version"} & content.keys()
