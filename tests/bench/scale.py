"""``make bench``: cost of ``syda convert`` against the number of series, which are headers alone.

Writes reports/benchmarks/scale.md. A series is one DICOM file without pixels, so that intake, the
rules of the cohort and the look-up of earlier results are measured, and no conversion. One more
series has slices with pixels, since a run without a case fails.
"""

import argparse
import io
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from bench import phantom
from bench.preprocess import ROOT, measure
from syda.runtime.outputs import write_text

REPORT = ROOT / "reports" / "benchmarks" / "scale.md"
COUNTS = (1000, 10_000, 100_000)
FILES_IN_FOLDER = 1000
MARK = b"1.2.826.0.1.9.00000000"
"""SeriesInstanceUID of the header that is copied; its last digits become the number."""


def header() -> bytes:
    """Return a DICOM file of a CT slice without pixels."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = MARK.decode() + ".1"
    ds.SeriesInstanceUID = MARK.decode()
    ds.StudyInstanceUID = MARK.decode() + ".2"
    ds.PatientID = "patient-00000000"
    ds.Modality, ds.BodyPartExamined, ds.SeriesDescription = "CT", "ABDOMEN", "ABD 5.0"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows = ds.Columns = 512
    ds.PixelSpacing, ds.SliceThickness = [0.75, 0.75], 5
    ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def fill(root: Path, count: int) -> None:
    """Write the series, a patient each, and the params."""
    raw, content = root / "data/raw/v0", header()
    for number in range(count):
        folder = raw / f"{number // FILES_IN_FOLDER:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:08d}.dcm").write_bytes(content.replace(b"00000000", b"%08d" % number))
    volume = phantom.scan(phantom.WATER_BALL, (32, 32, 16), (1.5, 1.5, 3.0), 10.0)
    phantom.write(volume, raw / "sound", seed="sound")
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    params = re.sub(r"max_rejected_share: \S+", "max_rejected_share: 1.0", params)
    (root / "params.yaml").write_text(params, encoding="utf-8")


def costs(scratch: Path, counts: Sequence[int]) -> list[str]:
    """Return the table."""
    lines = [
        "| series | first run, s | a series, ms | second run, s | a series, ms | memory, MB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for count in counts:
        root = scratch / str(count)
        fill(root, count)
        runs = [measure([sys.executable, "-m", "syda", "convert"], root) for _ in range(2)]
        print(f"bench: {count} series: {runs}", flush=True)
        cells = " | ".join(f"{run.wall:.0f} | {1000 * run.wall / count:.1f}" for run in runs)
        lines.append(f"| {count} | {cells} | {max(run.memory for run in runs):.0f} |")
    return lines


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS)
    counts = parser.parse_args().counts
    with tempfile.TemporaryDirectory() as scratch:
        table = costs(Path(scratch), counts)
    page = [
        "# Number of series",
        "",
        "`syda convert` on series that are one DICOM header each: intake, rules of the cohort, and",
        "look-up of earlier results. The second run finds every result. Memory is the largest peak",
        "of a process.",
        "",
        *table,
        "",
    ]
    write_text(REPORT, "\n".join(page))
    print(f"bench: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
