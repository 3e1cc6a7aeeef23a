"""Bytes of a sound series flipped and cut at random: refused, flagged, or the truth.

Left out, because nobody can see them: flips inside the uncompressed pixel values, which carry no
checksum. Cuts go anywhere.
"""

import io
import json
import shutil

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from syda.errors import SydaError
from syda.stages import convert
from syda.volume import nifti

VALUE_BYTES = 2 * 12 * 10
"""At the end of each file: the ramp's 12 x 10 pixels."""


@st.composite
def damages(draw):
    """Some damages of one file: (kind, place as a share of what may be damaged, amount)."""
    kind = st.sampled_from(["flip", "byte", "cut", "drop", "insert"])
    one = st.tuples(kind, st.floats(0, 1, exclude_max=True), st.integers(0, 255))
    return draw(st.integers(0, 7)), draw(st.lists(one, min_size=1, max_size=3))


def damage(content, damages):
    header = len(content) - VALUE_BYTES
    content = bytearray(content)
    for kind, share, amount in damages:
        place = int(share * header)
        if kind == "flip":
            content[place] ^= 1 << amount % 8
        elif kind == "byte":
            content[place] = amount
        elif kind == "cut":
            return bytes(content[: int(share * len(content))])
        elif kind == "drop":
            del content[place]
            header -= 1
        else:
            content.insert(place, amount)
            header += 1
    return bytes(content)


@pytest.fixture
def series(ramp, as_slices):
    files = []
    for ds in as_slices(ramp):
        ds.Manufacturer, ds.KVP, ds.PatientName = "SIEMENS", 120, "MILLER^ANN"
        ds.PixelPaddingValue = -2000
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, ds, enforce_file_format=True)
        files.append(stream.getvalue())
    return files


def check(root, ramp, series, number, spoilt):
    raw = root / "data" / "raw" / "v0"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    shutil.rmtree(root / "data" / "nifti", ignore_errors=True)
    report_file = root / "reports" / "convert.json"
    report_file.unlink(missing_ok=True)
    for n, content in enumerate(series):
        (raw / f"{n}").write_bytes(spoilt if n == number else content)
    refused = ""
    try:
        convert.run(root)
    except SydaError as error:
        refused = str(error)
    if refused:
        assert "MILLER" not in refused
        assert not (root / "data" / "nifti").exists()
        assert report_file.exists()
        return "refused"
    text = report_file.read_text()
    assert "MILLER" not in text
    report = json.loads(text)
    noted = report["set_aside"] or report["files_ignored"] or report["excluded"]["total"]
    for file in nifti.case_files(root / "data" / "nifti"):
        facts = json.loads(file.with_name(f"{nifti.case_name(file)}.json").read_text())
        assert "MILLER" not in str(facts)
        volume = nifti.read(file)
        if not noted and not facts["source"]["varying"]:
            np.testing.assert_array_equal(volume.hu, ramp.hu)
            np.testing.assert_allclose(volume.affine, ramp.affine, atol=0.2)
            return "the truth"
    return "noted"


def fuzz(root, ramp, series, examples):
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damages())
    def run(case):
        number, list_ = case
        event(check(root, ramp, series, number, damage(series[number], list_)))

    run()


@pytest.fixture
def root(workspace):
    return workspace(
        {
            "data.version": "v0",
            "convert.select.min_slices": 4,
            "convert.max_quarantine_share": 1.0,
        }
    )


def test_damaged_headers_never_crash_nor_alter_a_case_in_silence(root, ramp, series):
    fuzz(root, ramp, series, 100)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_ten_thousand_damages(root, ramp, series):
    fuzz(root, ramp, series, 10_000)


def test_an_unseen_change_would_be_found(root, ramp, series):
    """The test's own eye: a flip among the pixel values is the one that it leaves out."""
    spoilt = bytearray(series[3])
    spoilt[-7] ^= 4
    with pytest.raises(AssertionError, match="not equal"):
        check(root, ramp, series, 3, bytes(spoilt))
