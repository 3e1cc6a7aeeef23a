"""DICOM to 1.5 mm NIfTI, as this pipeline and as its peers do it. Run as a process of its own:

``python -m bench.contenders NAME DICOM_FOLDER OUTPUT.nii.gz``, with ``tests`` on the path. Every
contender writes int16 and gzip level 1.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SPACING_MM = 1.5


def syda(folder: Path, output: Path) -> None:
    """The stages' own code: DICOM, NIfTI, 1.5 mm NIfTI."""
    from syda.dicom import conversion
    from syda.dicom.config import Acceptance, ConvertParams
    from syda.params import load
    from syda.runtime.case_cache import CaseCache
    from syda.stages import resample
    from syda.volume import nifti

    params = load(Path.cwd())
    between, after = output.with_suffix(".between"), output.with_suffix(".after")
    between.mkdir()
    after.mkdir()
    section = params.section("convert", ConvertParams)
    files = sorted(folder.iterdir())
    accepted = Acceptance(synthetic=True)
    conversion.convert("bench", files, between, b"key", section, params.ct, accepted)
    (case,) = nifti.case_files(between)
    cache = CaseCache(output.with_suffix(".cache"), "bench")
    resample.resample_case(case, after, SPACING_MM, cache)
    (after / case.name).replace(output)


def _monai(nifti: Path, output: Path) -> None:
    from monai.data import NibabelWriter
    from monai.transforms import LoadImage, Spacing

    image = LoadImage(image_only=True, ensure_channel_first=True)(nifti)
    image = Spacing((SPACING_MM,) * 3, mode="bilinear", padding_mode="border")(image)
    writer = NibabelWriter(output_dtype="int16")
    writer.set_data_array(image.round(), channel_dim=0)
    writer.set_metadata({"affine": image.affine}, resample=False)
    writer.write(output)


def dcm2niix_monai(folder: Path, output: Path) -> None:
    """dcm2niix, then MONAI Spacing."""
    import dcm2niix

    between = output.with_suffix(".between")
    between.mkdir()
    command = [dcm2niix.bin, "-z", "n", "-b", "n", "-f", "scan", "-o", between, folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    _monai(between / "scan.nii", output)


def dicom2nifti_monai(folder: Path, output: Path) -> None:
    """dicom2nifti, then MONAI Spacing."""
    import dicom2nifti

    between = output.with_suffix(".between.nii")
    dicom2nifti.dicom_series_to_nifti(folder, between, reorient_nifti=True)
    _monai(between, output)


def _simpleitk(folder: Path, output: Path, smooth: bool) -> None:
    import SimpleITK as sitk  # noqa: N813  (its own documentation's name)

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)
    old = image.GetSpacing()
    if smooth:  # half a new voxel along each axis that gets coarser
        variance = [(0.5 * SPACING_MM) ** 2 if s < SPACING_MM else 1e-9 for s in old]
        image = sitk.DiscreteGaussian(image, variance)
    size = [round(n * s / SPACING_MM) for n, s in zip(image.GetSize(), old, strict=True)]
    shift = [(SPACING_MM - s) / 2 for s in old]
    direction = image.GetDirection()
    origin = [
        o + sum(direction[3 * i + j] * shift[j] for j in range(3))
        for i, o in enumerate(image.GetOrigin())
    ]
    image = sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkLinear, origin, (SPACING_MM,) * 3, direction, -1000
    )
    sitk.WriteImage(sitk.Cast(sitk.Round(image), sitk.sitkInt16), output, True, 1)


def simpleitk_linear(folder: Path, output: Path) -> None:
    """SimpleITK's reader and linear Resample."""
    _simpleitk(folder, output, smooth=False)


def simpleitk_gaussian(folder: Path, output: Path) -> None:
    """SimpleITK's reader, DiscreteGaussian and linear Resample."""
    _simpleitk(folder, output, smooth=True)


CONTENDERS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "syda": ("SYDA: convert, resample", syda),
    "dcm2niix_monai": ("dcm2niix, MONAI Spacing", dcm2niix_monai),
    "dicom2nifti_monai": ("dicom2nifti, MONAI Spacing", dicom2nifti_monai),
    "simpleitk_gaussian": ("SimpleITK: reader, Gaussian, linear", simpleitk_gaussian),
    "simpleitk_linear": ("SimpleITK: reader, linear", simpleitk_linear),
}

if __name__ == "__main__":
    _, contender = CONTENDERS[sys.argv[1]]
    contender(Path(sys.argv[2]), Path(sys.argv[3]))
