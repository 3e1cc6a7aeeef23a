"""Peak resident memory of the process that does one case's work: 512 x 512 x 800 voxels."""

import subprocess
import sys

import numpy as np
import pydicom
import pytest

from syda.types import Volume
from syda.volume import nifti

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

BOUND = 1.6e9
SHAPE = (512, 512, 800)
PIXEL_MM, SLICE_MM = 0.75, 1.0

MEASURE = """
import re, sys
from pathlib import Path
from syda.params import load
from syda.runtime.case_cache import CaseCache

params, source, out = Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
config, cache = load(params), CaseCache(out / "cache", "test")
out.mkdir()
if sys.argv[1] == "convert":
    from syda.dicom import cohort
    from syda.dicom.config import PATIENTS_SCANS, ConvertParams

    section, files = config.section("convert", ConvertParams), sorted(source.iterdir())
    task = cohort.SeriesTask("1.2.3", files, out, b"key", section, config.ct, cache, PATIENTS_SCANS)
    (outcome,) = cohort.outcomes_of(cohort.convert_series(task))
    assert outcome.reason is None, outcome
else:
    from syda.stages import resample

    resample.resample_case(source, out, config.ct.spacing_mm, cache)
status = Path("/proc/self/status").read_text()  # getrusage counts what the parent had at the fork
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status).group(1)) * 1024)
"""


@pytest.fixture
def peak(workspace, tmp_path):
    """Do one case's work in a process of its own; return its peak in bytes."""
    root = workspace()

    def peak(stage, source):
        command = [sys.executable, "-c", MEASURE, stage, root, source, tmp_path / "out"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        print(f"\n{stage}: {int(done.stdout) / 1e9:.2f} GB")  # noqa: T201
        return int(done.stdout)

    return peak


@pytest.fixture
def planes():
    """Noise, another piece of it a plane: it packs as badly as a scan does."""
    noise = np.random.default_rng(0).normal(0, 20, SHAPE[:2]).astype(np.int16)
    noise[0] = -1000  # air
    return (np.roll(noise, 7 * k, axis=0) for k in range(SHAPE[2]))


def test_convert(tmp_path, planes, make_slice, peak):
    """Gantries tilt by 30 degrees at most: over 800 slices the grid gets 616 rows more than 512."""
    folder = tmp_path / "raw"
    folder.mkdir()
    shear = np.tan(np.radians(30))
    for k, plane in enumerate(planes):
        position = (-190.0, -190 + k * SLICE_MM * shear, k * SLICE_MM)
        ds = make_slice(plane, position, spacing=(PIXEL_MM, PIXEL_MM), number=k + 1)
        pydicom.dcmwrite(folder / f"{k:04d}", ds, enforce_file_format=True)
    assert peak("convert", folder) < BOUND
    (case,) = nifti.case_files(tmp_path / "out")
    grown = int(np.ceil(799 * SLICE_MM * shear / PIXEL_MM))
    assert nifti.read_header(case)[0] == (512, 512 + grown, 800)


def test_resample(tmp_path, planes, peak):
    hu = np.empty(SHAPE, np.int16, order="F")
    for k, plane in enumerate(planes):
        hu[:, :, k] = plane
    source = tmp_path / "c1.nii.gz"
    nifti.write(source, Volume(hu, np.diag([PIXEL_MM, PIXEL_MM, SLICE_MM, 1.0])))
    source.with_name("c1.json").write_text("{}")
    assert peak("resample", source) < BOUND
    assert nifti.read_header(tmp_path / "out" / "c1.nii.gz")[0] == (256, 256, 533)
