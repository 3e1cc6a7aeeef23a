import pytest

from syda import params
from syda.errors import ParamsError
from syda.params import CtParams, load


def write(root, text):
    (root / "params.yaml").write_text(text)
    return load(root)


CT = (
    "ct: {spacing_mm: 1.5, hu_min: -1024, hu_max: 3071, "
    "window_min: -1000, window_max: 1000, size: 32}"
)


def test_the_repositorys_own_sections_load(repository):
    loaded = load(repository)
    assert loaded.ct.spacing_mm == 1.5
    assert loaded.data.version in loaded.data.artificial
    assert 4 * 2 ** (len(loaded.model.channels) - 1) == loaded.ct.size


def test_unknown_missing_and_mistyped_keys_are_named_together(tmp_path):
    text = CT.replace("size: 32", "sise: 32").replace("1.5", "'1.5'")
    with pytest.raises(ParamsError) as error:
        write(tmp_path, text).section("ct", CtParams)
    for key in ("ct.sise", "ct.size", "ct.spacing_mm"):
        assert key in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"), [("size: 32", "size: true"), ("-1024", "-1024.5"), ("-1024", "0")]
)
def test_wrong_types_and_ranges_are_refused(tmp_path, old, new):
    with pytest.raises(ParamsError):
        write(tmp_path, CT.replace(old, new)).section("ct", CtParams)


def test_numbers_without_a_point_are_numbers(tmp_path):
    assert write(tmp_path, CT.replace("1.5", "15e-1")).ct.spacing_mm == 1.5


def test_a_duplicate_key_is_refused_with_its_line(tmp_path):
    with pytest.raises(ParamsError, match=r"duplicate key.*line 2"):
        write(tmp_path, f"{CT}\n{CT}")


def test_a_missing_file_or_section_says_what_to_do(tmp_path):
    with pytest.raises(ParamsError, match="repository's root"):
        load(tmp_path)
    with pytest.raises(ParamsError, match="section 'ct' is missing"):
        _ = write(tmp_path, "data: {}").ct


def test_channels_must_lead_to_the_size(workspace):
    root = workspace({"ct.size": 64})
    with pytest.raises(ParamsError, match=r"leads to 32 voxels a side, ct\.size is 64"):
        _ = load(root).model


def test_sections_are_frozen(repository):
    with pytest.raises(ValueError, match="frozen"):
        params.load(repository).ct.size = 3
