"""Write a volume as a valid CT series: CT Image Storage, one file a slice (PS3.3 A.3).

The rows and columns of the images stand still in the gantry while the patient is turned in it, as
scanners write them: seen from the foot of the table, columns run to the right, rows run down, and
the slice normal points into the gantry. Patient Position (PS3.3 C.7.3.1.1.2) therefore decides
Image Orientation (Patient) (C.7.6.2.1.1), whose axes are always the patient's (LPS). UIDs are
hashes of a seed (PS3.5 B.2) and nothing is read from the clock: the same call, the same bytes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from syda.types import Affine, Volume

PatientPosition = Literal["HFS", "HFP", "FFS", "FFP"]

_COLUMNS_TO_RIGHT: dict[str, bool] = {"HFS": False, "HFP": True, "FFS": True, "FFP": False}
"""Whether the column index grows towards the patient's right."""
_ROWS_TO_FRONT: dict[str, bool] = {"HFS": False, "HFP": True, "FFS": False, "FFP": True}
"""Whether the row index grows towards the patient's front."""
_LPS = np.diag([-1.0, -1.0, 1.0])
"""RAS+ world to the patient coordinates of DICOM."""
_ORTHOGONAL = 1e-6
"""Largest cosine between two axes of a volume that counts as a right angle."""


@dataclass(frozen=True)
class Patient:
    """Patient Module (PS3.3 C.7.1.1) and age.

    Attributes:
        name: value of PN, e.g. ``PHANTOM^BASE-0007``.
        identifier: Patient ID.
        sex: F, M, O, or empty where unknown.
        age: years, or None where unknown.
    """

    name: str
    identifier: str
    sex: Literal["F", "M", "O", ""] = ""
    age: int | None = None


@dataclass(frozen=True)
class Study:
    """General Study Module (PS3.3 C.7.2.1); its UID comes from ``seed``.

    Attributes:
        seed: text that names the study; equal seeds give equal UIDs.
        identifier: Study ID, at most 16 characters.
        description: Study Description.
        date: YYYYMMDD, never the clock's.
        time: HHMMSS.
    """

    seed: str
    identifier: str
    description: str
    date: str
    time: str = "120000"


@dataclass(frozen=True)
class Equipment:
    """General Equipment Module (PS3.3 C.7.5.1): the device, real or simulated."""

    manufacturer: str
    model: str
    software: str


@dataclass(frozen=True)
class Acquisition:
    """CT Image Module (PS3.3 C.8.2.1); None leaves the attribute empty or out.

    Attributes:
        position: Patient Position.
        thickness: nominal slice thickness in mm; the spacing comes from the affine.
        tube_voltage: KVP in kV.
        tube_current: mA.
        exposure_time: ms.
        kernel: Convolution Kernel.
        body_part: Body Part Examined.
    """

    position: PatientPosition
    thickness: float
    tube_voltage: float | None = None
    tube_current: int | None = None
    exposure_time: int | None = None
    kernel: str | None = None
    body_part: str = "ABDOMEN"


@dataclass(frozen=True)
class Storage:
    """How HU are stored: ``stored = HU - intercept`` with slope 1 (PS3.3 C.11.1).

    Attributes:
        intercept: Rescale Intercept, HU.
        signed: Pixel Representation.
        bits: Bits Stored, 12 to 16.
    """

    intercept: int
    signed: bool
    bits: int


@dataclass(frozen=True)
class Origin:
    """What made the content, for images that no scanner took.

    Attributes:
        manufacturer: of the program.
        model: its name.
        software: its version.
        derivation: Derivation Description: in a sentence, how the image came about.
        contribution: Contribution Description, what of the program's state made it; or None.
    """

    manufacturer: str
    model: str
    software: str
    derivation: str
    contribution: str | None = None


@dataclass(frozen=True)
class SeriesDescription:
    """Everything about a series but its voxels.

    Attributes:
        seed: text that names the series; with the study's it decides every UID.
        number: Series Number.
        description: Series Description.
        image_type: Image Type.
        patient: who.
        study: the study that the series belongs to.
        equipment: the device.
        acquisition: how it was taken.
        storage: how HU are stored.
        origin: set for artificial content, which is then marked Synthetic Data (0008,001C) YES.
    """

    seed: str
    number: int
    description: str
    image_type: tuple[str, ...]
    patient: Patient
    study: Study
    equipment: Equipment
    acquisition: Acquisition
    storage: Storage
    origin: Origin | None = None


def uid(seed: str) -> UID:
    """A UID under 2.25 from the first 128 bits of the sha256 of ``seed`` (PS3.5 B.2)."""
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16])}")


def write_series(folder: Path, volume: Volume, series: SeriesDescription) -> list[Path]:
    """Write one file a slice, numbered from the top of the patient down.

    Args:
        folder: where ``0001.dcm``, ``0002.dcm``, ... go; made if missing.
        volume: HU with i to the right, j to the front, k up (RAS+), at right angles.
        series: everything else.

    Returns:
        The files, in order of Instance Number.

    Raises:
        ValueError: the volume is not RAS+ at right angles, or its HU do not fit the storage.
    """
    frames, affine = _as_seen(volume, series.acquisition.position)
    stored = _stored(frames, series.storage)
    template = _template(volume, series, affine)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, k in enumerate(reversed(range(len(stored))), start=1):
        instance = uid(f"{series.study.seed}/{series.seed}/{number}")
        template.file_meta.MediaStorageSOPInstanceUID = instance
        template.SOPInstanceUID = instance
        template.InstanceNumber = number
        template.ImagePositionPatient = _decimals(affine[:3, 3] + k * affine[:3, 2])
        template.PixelData = stored[k].tobytes()
        path = folder / f"{number:04d}.dcm"
        template.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def _as_seen(volume: Volume, position: PatientPosition) -> tuple[NDArray[np.int16], Affine]:
    """Frames ``[k, row, column]`` and the affine (column, row, k) to LPS mm."""
    affine = volume.affine.copy()
    directions = affine[:3, :3] / np.array(volume.spacing)
    skew = np.abs(directions.T @ directions - np.eye(3)).max()
    if skew > _ORTHOGONAL or np.any(np.abs(directions).argmax(axis=0) != range(3)):
        raise ValueError(
            f"axes must be right, front, up at right angles, not {directions.tolist()}"
        )
    if np.any(directions.diagonal() <= 0):
        raise ValueError(f"axes must point right, front, up, not {directions.tolist()}")
    hu = volume.hu
    for axis, keep in ((0, _COLUMNS_TO_RIGHT[position]), (1, _ROWS_TO_FRONT[position])):
        if not keep:
            hu = np.flip(hu, axis)
            affine[:3, 3] += (hu.shape[axis] - 1) * affine[:3, axis]
            affine[:3, axis] *= -1
    affine[:3] = _LPS @ affine[:3]
    return hu.transpose(2, 1, 0), affine


def _stored(hu: NDArray[np.int16], storage: Storage) -> NDArray[np.int16] | NDArray[np.uint16]:
    low = -(2 ** (storage.bits - 1)) if storage.signed else 0
    high = low + 2**storage.bits - 1
    values = hu.astype(np.int32) - storage.intercept
    if values.min() < low or values.max() > high:
        raise ValueError(
            f"HU {hu.min()} to {hu.max()} do not fit {storage.bits} bits with intercept "
            f"{storage.intercept}"
        )
    return np.ascontiguousarray(values, dtype="<i2" if storage.signed else "<u2")


def _template(volume: Volume, series: SeriesDescription, affine: Affine) -> FileDataset:
    """The attributes that all slices share."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid("syda.dicom.writer")
    meta.ImplementationVersionName = "SYDA"
    dataset = FileDataset("", Dataset(), preamble=b"\0" * 128, file_meta=meta)
    dataset.SOPClassUID = CTImageStorage
    _describe_patient_and_study(dataset, series)
    _describe_series(dataset, series)
    _describe_acquisition(dataset, series.acquisition)
    _describe_plane(dataset, volume, affine)
    _describe_pixels(dataset, volume, series.storage)
    if series.origin is not None:
        _mark_synthetic(dataset, series.origin)
    return dataset


def _describe_patient_and_study(dataset: Dataset, series: SeriesDescription) -> None:
    patient, study = series.patient, series.study
    dataset.PatientName = patient.name
    dataset.PatientID = patient.identifier
    dataset.PatientBirthDate = ""
    dataset.PatientSex = patient.sex
    if patient.age is not None:
        dataset.PatientAge = f"{patient.age:03d}Y"
    dataset.StudyInstanceUID = uid(study.seed)
    dataset.StudyDate = study.date
    dataset.StudyTime = study.time
    dataset.StudyID = study.identifier
    dataset.StudyDescription = study.description
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""


def _describe_series(dataset: Dataset, series: SeriesDescription) -> None:
    dataset.Modality = "CT"
    dataset.SeriesInstanceUID = uid(f"{series.study.seed}/{series.seed}")
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.description
    dataset.Manufacturer = series.equipment.manufacturer
    dataset.ManufacturerModelName = series.equipment.model
    dataset.SoftwareVersions = series.equipment.software
    dataset.FrameOfReferenceUID = uid(f"{series.study.seed}/{series.seed}/frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.ImageType = list(series.image_type)


def _describe_acquisition(dataset: Dataset, acquisition: Acquisition) -> None:
    dataset.PatientPosition = acquisition.position
    dataset.BodyPartExamined = acquisition.body_part
    dataset.AcquisitionNumber = 1
    dataset.KVP = acquisition.tube_voltage
    dataset.SliceThickness = DSfloat(acquisition.thickness, auto_format=True)
    if acquisition.tube_current is not None:
        dataset.XRayTubeCurrent = acquisition.tube_current
    if acquisition.exposure_time is not None:
        dataset.ExposureTime = acquisition.exposure_time
    if acquisition.kernel is not None:
        dataset.ConvolutionKernel = acquisition.kernel


def _describe_plane(dataset: Dataset, volume: Volume, affine: Affine) -> None:
    """Image Plane Module (PS3.3 C.7.6.2); Pixel Spacing is row distance first."""
    column, row, slices = volume.spacing
    dataset.ImageOrientationPatient = _decimals(
        np.concatenate([affine[:3, 0] / column, affine[:3, 1] / row])
    )
    dataset.PixelSpacing = _decimals(np.array([row, column]))
    dataset.SpacingBetweenSlices = DSfloat(slices, auto_format=True)


def _describe_pixels(dataset: Dataset, volume: Volume, storage: Storage) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Columns, dataset.Rows = volume.hu.shape[:2]
    dataset.BitsAllocated = 16
    dataset.BitsStored = storage.bits
    dataset.HighBit = storage.bits - 1
    dataset.PixelRepresentation = int(storage.signed)
    dataset.RescaleIntercept = storage.intercept
    dataset.RescaleSlope = 1
    dataset.RescaleType = "HU"
    dataset.WindowCenter = 40
    dataset.WindowWidth = 400
    dataset.BurnedInAnnotation = "NO"


def _mark_synthetic(dataset: Dataset, origin: Origin) -> None:
    """Synthetic Data and Contributing Equipment (SOP Common Module, PS3.3 C.12.1)."""
    dataset.SyntheticData = "YES"
    dataset.DerivationDescription = origin.derivation
    purpose = Dataset()
    purpose.CodeValue = "109100"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Synthesizing Equipment"
    maker = Dataset()
    maker.PurposeOfReferenceCodeSequence = [purpose]
    maker.Manufacturer = origin.manufacturer
    maker.ManufacturerModelName = origin.model
    maker.SoftwareVersions = origin.software
    if origin.contribution is not None:
        maker.ContributionDescription = origin.contribution
    dataset.ContributingEquipmentSequence = [maker]


def _decimals(values: NDArray[np.float64]) -> list[DSfloat]:
    """Decimal strings of at most 16 characters (PS3.5 6.2), without negative zeros."""
    return [DSfloat(float(value) + 0.0, auto_format=True) for value in values]
