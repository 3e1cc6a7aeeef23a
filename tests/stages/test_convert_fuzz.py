"""Bytes of a sound series flipped and cut at random: refused, flagged, or the truth.

Left out, because nobody can see them: changes inside the uncompressed pixel values, which carry no
checksum, and bytes inserted into the header of that element, which shift them. Cuts go anywhere.
"""

import dataclasses
import io
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from syda.dicom import conversion, intake, outcome
from syda.params import load
from syda.stages import convert
from syda.volume import nifti

REPOSITORY = Path(__file__).parents[2]
VALUE_BYTES = 2 * 12 * 10
"""At the end of each file: the ramp's 12 x 10 pixels."""
PIXEL_HEADER_BYTES = 12
"""Before them: tag, VR, two reserved bytes and length (PS3.5 7.1.2)."""


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
            content.insert(min(place, header - PIXEL_HEADER_BYTES), amount)
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


def check(folder, ramp, series, number, spoilt):
    """Convert what the stage would of these files, and say what became of them."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "nifti").mkdir(parents=True)
    (folder / "raw").mkdir()
    for n, content in enumerate(series):
        (folder / "raw" / f"{n}").write_bytes(spoilt if n == number else content)
    groups, ignored = convert.group(intake.files(folder / "raw"))
    config = load(REPOSITORY)
    settings = config.section("convert", convert.Params).settings(config.ct)
    settings = dataclasses.replace(settings, min_slices=4)
    outcomes = [
        one
        for uid in sorted(groups)
        for one in conversion.convert(uid, groups[uid], folder / "nifti", b"key", settings)
    ]
    report = outcome.report(outcomes, ignored)
    assert "MILLER" not in str(report)
    noted = ignored or any(o.reason for o in outcomes)
    converted = [o for o in outcomes if o.reason is None]
    for case in converted:
        facts = json.loads((folder / "nifti" / f"{case.label}.json").read_text())
        assert "MILLER" not in str(facts)
        volume = nifti.read(folder / "nifti" / f"{case.label}{nifti.SUFFIX}")
        if not noted and not facts["source"]["unusual"]:
            np.testing.assert_array_equal(volume.hu, ramp.hu)
            np.testing.assert_allclose(volume.affine, ramp.affine, atol=0.2)
            return "the truth"
    return "noted, rest converted" if converted else "noted, nothing converted"


def fuzz(folder, ramp, series, examples):
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damages())
    def run(case):
        number, list_ = case
        seen[check(folder, ramp, series, number, damage(series[number], list_))] += 1

    seen = Counter()
    run()
    assert seen.keys() == {"the truth", "noted, rest converted", "noted, nothing converted"}


def test_damaged_headers_never_crash_nor_alter_a_case_in_silence(tmp_path, ramp, series):
    fuzz(tmp_path, ramp, series, 100)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_many_more_damages(tmp_path, ramp, series):
    fuzz(tmp_path, ramp, series, 2_000)


def test_an_unseen_change_would_be_found(tmp_path, ramp, series):
    """The test's own eye: a flip among the pixel values is the one that it leaves out."""
    spoilt = bytearray(series[3])
    spoilt[-7] ^= 4
    with pytest.raises(AssertionError, match="not equal"):
        check(tmp_path, ramp, series, 3, bytes(spoilt))
