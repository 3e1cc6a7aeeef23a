"""Write a volume as a valid CT series: CT Image Storage, one file a slice (PS3.3 A.3).

As scanners write them, rows and columns of the images are fixed to the gantry: seen from the foot
of the table, columns run to the right, rows run down, and the slice normal points into the gantry.
Patient Position (PS3.3 C.7.3.1.1.2) therefore decides Image Orientation (Patient) (C.7.6.2.1.1),
whose axes are those of the patient (LPS). UIDs are hashes of a seed (PS3.5 B.2), and no time is
read from the clock. The same call therefore writes the same bytes.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from syda.dicom.description import (
    UNPAIRED_BODY_PARTS,
    AcquisitionParameters,
    Equipment,
    PatientPosition,
    SeriesDescription,
    Storage,
    SynthesizingEquipment,
)
from syda.types import Affine, Volume

_COLUMNS_TO_RIGHT: dict[str, bool] = {"HFS": False, "HFP": True, "FFS": True, "FFP": False}
"""Whether the column index increases to the right of the patient."""
_ROWS_TO_FRONT: dict[str, bool] = {"HFS": False, "HFP": True, "FFS": False, "FFP": True}
"""Whether the row index increases to the front of the patient."""
_LPS = np.diag([-1.0, -1.0, 1.0])
"""RAS+ world coordinates to the patient coordinates of DICOM."""
_ORTHOGONAL = 1e-6
"""Largest cosine between two axes of a volume that counts as a right angle."""


def uid(seed: str) -> UID:
    """Return a UID under 2.25 from the first 128 bits of the sha256 of ``seed`` (PS3.5 B.2)."""
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16])}")


def write_series(folder: Path, volume: Volume, series: SeriesDescription) -> list[Path]:
    """Write one file a slice, numbered from the top of the patient down.

    Args:
        folder: folder of ``0001.dcm``, ``0002.dcm``, ... It is created if missing.
        volume: HU with i to the right, j to the front, k up (RAS+), at right angles.
        series: all other attributes.

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
    """Return frames ``[k, row, column]`` and the affine, (column, row, k) to LPS mm."""
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
    for axis, increases in ((0, _COLUMNS_TO_RIGHT[position]), (1, _ROWS_TO_FRONT[position])):
        if not increases:
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
    """Return a data set with the attributes that all slices share."""
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
    if series.synthesized_by is not None:
        _mark_synthetic(dataset, series.synthesized_by)
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
    _describe_body_part(dataset, series.acquisition.body_part)
    _describe_equipment(dataset, series.equipment)
    dataset.FrameOfReferenceUID = uid(f"{series.study.seed}/{series.seed}/frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.ImageType = list(series.image_type)


def _describe_body_part(dataset: Dataset, part: str | None) -> None:
    """General Series Module (PS3.3 C.7.3.1): the part has type 3, and Laterality type 2C.

    Laterality is required for a paired part. It is empty where the side, or the part, is unknown.
    """
    if part is not None:
        dataset.BodyPartExamined = part
    if part not in UNPAIRED_BODY_PARTS:
        dataset.Laterality = ""


def _describe_equipment(dataset: Dataset, equipment: Equipment) -> None:
    dataset.Manufacturer = equipment.manufacturer
    dataset.ManufacturerModelName = equipment.model
    dataset.SoftwareVersions = equipment.software


def _describe_acquisition(dataset: Dataset, acquisition: AcquisitionParameters) -> None:
    dataset.PatientPosition = acquisition.position
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
    """Image Plane Module (PS3.3 C.7.6.2). The first value of Pixel Spacing is the row distance."""
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


def _mark_synthetic(dataset: Dataset, maker: SynthesizingEquipment) -> None:
    """Synthetic Data and Contributing Equipment (SOP Common Module, PS3.3 C.12.1)."""
    dataset.SyntheticData = "YES"
    dataset.DerivationDescription = maker.derivation
    purpose = Dataset()
    purpose.CodeValue = "109100"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Synthesizing Equipment"
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [purpose]
    _describe_equipment(item, maker.equipment)
    if maker.contribution is not None:
        item.ContributionDescription = maker.contribution
    dataset.ContributingEquipmentSequence = [item]


def _decimals(values: NDArray[np.float64]) -> list[DSfloat]:
    """Decimal strings of at most 16 characters (PS3.5 6.2), without negative zeros."""
    return [DSfloat(float(value) + 0.0, auto_format=True) for value in values]
