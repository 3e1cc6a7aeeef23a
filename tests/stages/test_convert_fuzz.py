"""Random damage of a sound series: it is rejected or reported, or the volume is correct.

No damage changes the uncompressed pixel values, which have no checksum, or inserts bytes into the
header of that element, which shifts them. Cuts are anywhere.
"""

import io
import json
import shutil
from collections import Counter

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from syda.dicom import conversion, intake, outcome
from syda.types import Volume
from syda.volume import nifti

VALUE_BYTES = 2 * 12 * 10
"""At the end of each file: the ramp's 12 x 10 pixels."""
PIXEL_HEADER_BYTES = 12
"""Before them: tag, VR, two reserved bytes and length (PS3.5 7.1.2)."""


@st.composite
def damages(draw):
    """Some damages of one file: (kind, position as a share of what may be damaged, amount)."""
    kind = st.sampled_from(["flip", "byte", "cut", "drop", "insert"])
    one = st.tuples(kind, st.floats(0, 1, exclude_max=True), st.integers(0, 255))
    return draw(st.integers(0, 7)), draw(st.lists(one, min_size=1, max_size=3))


def damage(content, damages):
    header = len(content) - VALUE_BYTES
    content = bytearray(content)
    for kind, share, amount in damages:
        offset = int(share * header)
        if kind == "flip":
            content[offset] ^= 1 << amount % 8
        elif kind == "byte":
            content[offset] = amount
        elif kind == "cut":
            return bytes(content[: int(share * len(content))])
        elif kind == "drop":
            del content[offset]
            header -= 1
        else:
            content.insert(min(offset, header - PIXEL_HEADER_BYTES), amount)
            header += 1
    return bytes(content)


@pytest.fixture
def ramp(ramp):
    """The ramp from air to fat and muscle."""
    return Volume(ramp.hu - np.int16(472), ramp.affine)


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


@pytest.fixture
def check(tmp_path, ramp, series, convert_params):
    folder, params = tmp_path / "fuzz", convert_params()

    def check(number, spoilt):
        """Convert what the stage would of these files, and return the kind of result."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "nifti").mkdir(parents=True)
        (folder / "raw").mkdir()
        for n, content in enumerate(series):
            (folder / "raw" / f"{n}").write_bytes(spoilt if n == number else content)
        groups, ignored = intake.group_by_series(intake.list_files(folder / "raw"))
        outcomes = [
            one
            for uid in sorted(groups)
            for one in conversion.convert(uid, groups[uid], folder / "nifti", b"key", *params)
        ]
        report = outcome.report(outcomes, ignored)
        assert "MILLER" not in str(report)
        reported = ignored or any(o.reason for o in outcomes)
        converted = [o for o in outcomes if o.reason is None]
        for case in converted:
            facts = json.loads((folder / "nifti" / f"{case.label}.json").read_text())
            assert "MILLER" not in str(facts)
            volume = nifti.read(folder / "nifti" / f"{case.label}{nifti.SUFFIX}")
            noted = facts["source"]["unusual"] + facts["source"]["irregularities"]
            if not reported and not noted:
                np.testing.assert_array_equal(volume.hu, ramp.hu)
                np.testing.assert_allclose(volume.affine, ramp.affine, atol=0.2)
                return "correct"
        return "reported, rest converted" if converted else "reported, nothing converted"

    return check


def fuzz(series, check, examples):
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
        seen[check(number, damage(series[number], list_))] += 1

    seen = Counter()
    run()
    assert seen.keys() == {"correct", "reported, rest converted", "reported, nothing converted"}


def test_damaged_headers_never_crash_nor_alter_a_case_in_silence(series, check):
    fuzz(series, check, 100)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_many_more_damages(series, check):
    fuzz(series, check, 400)


def test_an_unseen_change_would_be_found(series, check):
    """A change among the pixel values, which the damages leave out, makes the check fail."""
    spoilt = bytearray(series[3])
    spoilt[-7] ^= 4
    with pytest.raises(AssertionError, match="not equal"):
        check(3, bytes(spoilt))
