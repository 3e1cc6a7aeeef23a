"""The attributes of a CT series that is written, by modules of DICOM PS3.3."""

from dataclasses import dataclass
from typing import Literal

PatientPosition = Literal["HFS", "HFP", "FFS", "FFP"]

UNPAIRED_BODY_PARTS = frozenset(
    {"ABDOMEN", "ABDOMENPELVIS", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "PELVIS"}
    | {"HEAD", "BRAIN", "NECK", "LIVER", "HEART", "WHOLEBODY"}
    | {"SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE"}
)
"""Terms of parts without a left and a right one."""

BODY_PARTS = UNPAIRED_BODY_PARTS | frozenset(
    {"BREAST", "KIDNEY", "LUNG", "HIP", "SHOULDER"}
    | {"LEG", "THIGH", "KNEE", "ANKLE", "FOOT", "ARM", "ELBOW", "HAND", "EXTREMITY"}
)
"""Terms of PS3.16 Annex L for Body Part Examined."""


@dataclass(frozen=True)
class Patient:
    """Patient Module (PS3.3 C.7.1.1) and age.

    Attributes:
        name: Patient's Name (VR PN), e.g. ``PHANTOM^BASE-0007``.
        identifier: Patient ID.
        sex: F, M, O, or empty if unknown.
        age: years, or None if unknown.
    """

    name: str
    identifier: str
    sex: Literal["F", "M", "O", ""] = ""
    age: int | None = None


@dataclass(frozen=True)
class Study:
    """General Study Module (PS3.3 C.7.2.1).

    Attributes:
        seed: text that names the study. Equal seeds give equal UIDs.
        identifier: Study ID, at most 16 characters.
        description: Study Description.
        date: YYYYMMDD.
        time: HHMMSS.
    """

    seed: str
    identifier: str
    description: str
    date: str
    time: str = "120000"


@dataclass(frozen=True)
class Equipment:
    """General Equipment Module (PS3.3 C.7.5.1): the real or simulated scanner."""

    manufacturer: str
    model: str
    software: str


@dataclass(frozen=True)
class AcquisitionParameters:
    """CT Image Module (PS3.3 C.8.2.1). An attribute that is None is empty or left out.

    Attributes:
        position: Patient Position.
        thickness: nominal slice thickness, mm. The slice spacing comes from the affine.
        tube_voltage: KVP in kV.
        tube_current: mA.
        exposure_time: ms.
        kernel: Convolution Kernel.
        body_part: Body Part Examined, one of :data:`BODY_PARTS`.
    """

    position: PatientPosition
    thickness: float
    tube_voltage: float | None = None
    tube_current: int | None = None
    exposure_time: int | None = None
    kernel: str | None = None
    body_part: str | None = None


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
class SynthesizingEquipment:
    """The program that made an image that no scanner took (PS3.3 C.12.1, Contributing Equipment).

    Attributes:
        equipment: the program.
        derivation: Derivation Description, a sentence about how the image was made.
        contribution: Contribution Description, e.g. the weights that were used, or None.
    """

    equipment: Equipment
    derivation: str
    contribution: str | None = None


@dataclass(frozen=True)
class SeriesDescription:
    """All attributes of a series except those of the voxels.

    Attributes:
        seed: text that names the series. With the seed of the study it decides every UID.
        number: Series Number.
        description: Series Description.
        image_type: Image Type.
        patient: the patient.
        study: the study of the series.
        equipment: the scanner.
        acquisition: how the images were acquired.
        storage: how HU are stored.
        synthesized_by: program that made artificial content. Synthetic Data (0008,001C) is then
            YES.
    """

    seed: str
    number: int
    description: str
    image_type: tuple[str, ...]
    patient: Patient
    study: Study
    equipment: Equipment
    acquisition: AcquisitionParameters
    storage: Storage
    synthesized_by: SynthesizingEquipment | None = None
