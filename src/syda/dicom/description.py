"""The attributes of a CT series that is written, by modules of DICOM PS3.3."""

from dataclasses import dataclass
from typing import Literal

PatientPosition = Literal["HFS", "HFP", "FFS", "FFP"]

UNPAIRED_BODY_PARTS = frozenset(
    {"ABDOMEN", "ABDOMENPELVIS", "AORTA", "BACK", "BLADDER", "BRAIN", "CEREBELLUM", "CERVIX"}
    | {"CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "CIRCLEOFWILLIS", "COCCYX", "COLON"}
    | {"CORONARYARTERY", "CSPINE", "CTSPINE", "DUODENUM", "ESOPHAGUS", "FACE", "GALLBLADDER"}
    | {"HEAD", "HEADNECK", "HEART", "ILEUM", "ILIUM", "JAW", "JEJUNUM", "LARYNX", "LIVER", "LSPINE"}
    | {"LSSPINE", "MAXILLA", "MEDIASTINUM", "MOUTH", "NECK", "NECKCHEST", "NECKCHESTABDOMEN"}
    | {"NECKCHESTABDPELV", "NOSE", "PANCREAS", "PELVIS", "PENIS", "PHARYNX", "PROSTATE", "RECTUM"}
    | {"SCALP", "SKULL", "SPINE", "SPLEEN", "SSPINE", "STERNUM", "STOMACH", "THYMUS", "THYROID"}
    | {"TLSPINE", "TONGUE", "TRACHEA", "TSPINE", "URETER", "URETHRA", "UTERUS", "VAGINA", "VULVA"}
    | {"WHOLEBODY"}
)
"""Terms of parts without a left and a right one, as dciodvfy lists them."""

BODY_PARTS = UNPAIRED_BODY_PARTS | frozenset(
    {"3RDVENTRICLE", "4THVENTRICLE", "ABDOMINALAORTA", "ACA", "ACJOINT", "ADRENAL"}
    | {"AMNIOTICFLUID", "ANKLE", "ANTCARDIACV", "ANTCOMMA", "ANTECUBITALV", "ANTSPINALA"}
    | {"ANTTIBIALA", "ANUSRECTUMSIGMD", "AORTICARCH", "APPENDIX", "ARTERY", "ASCAORTA"}
    | {"ASCENDINGCOLON", "AXILLA", "AXILLARYA", "AXILLARYV", "AZYGOSVEIN", "BASILARA", "BILEDUCT"}
    | {"BILIARYTRACT", "BLADDERURETHRA", "BRACHIALA", "BRACHIALV", "BREAST", "BRONCHUS", "BULB"}
    | {"BUTTOCK", "CALCANEUS", "CALF", "CAROTID", "CCA", "CELIACA", "CEPHALICV", "CEREBHEMISPHERE"}
    | {"CEREBRALA", "CFA", "CFV", "CHEEK", "CHOROIDPLEXUS", "CLAVICLE", "COMILIACA", "COMILIACV"}
    | {"COMMONBILEDUCT", "CORNEA", "CORONARYSINUS", "CULDESAC", "DESCAORTA", "DESCENDINGCOLON"}
    | {"EAC", "EAR", "ECA", "ELBOW", "ENDOARTERIAL", "ENDOCARDIAC", "ENDOESOPHAGEAL", "ENDOMETRIUM"}
    | {"ENDONASAL", "ENDONASOPHARYNYX", "ENDORECTAL", "ENDORENAL", "ENDOURETERIC", "ENDOURETHRAL"}
    | {"ENDOVAGINAL", "ENDOVASCULAR", "ENDOVENOUS", "ENDOVESICAL", "EPIDIDYMIS", "EPIGASTRIC"}
    | {"EXTILIACA", "EXTILIACV", "EXTJUGV", "EXTREMITY", "EYE", "EYELID", "FACIALA", "FEMORALA"}
    | {"FEMORALV", "FEMUR", "FETALARM", "FETALDIGIT", "FETALHEART", "FETALLEG", "FETALPOLE"}
    | {"FIBULA", "FINGER", "FLANK", "FONTANEL", "FOOT", "FOREARM", "GASTRICV", "GENICULARA"}
    | {"GESTSAC", "GLUTEAL", "GSV", "HAND", "HEPATICA", "HEPATICV", "HIP", "HUMERUS", "HYPOGASTRIC"}
    | {"HYPOPHARYNX", "IAC", "ICA", "ILIACA", "ILIACV", "INFMESA", "INFVENACAVA", "INGUINAL"}
    | {"INNOMINATEA", "INNOMINATEV", "INTILIACA", "INTJUGULARV", "INTMAMMARYA", "INTRACRANIAL"}
    | {"JOINT", "KIDNEY", "KNEE", "LACRIMALA", "LARGEINTESTINE", "LATRIUM", "LATVENTRICLE"}
    | {"LFEMORALA", "LHEPATICV", "LHYPOCHONDRIAC", "LINGUALA", "LINGUINAL", "LLQ", "LLUMBAR"}
    | {"LOWERLEG", "LOWERLIMB", "LPORTALV", "LPULMONARYA", "LSUPPULMONARYV", "LUMBAR", "LUMBARA"}
    | {"LUMEN", "LUNG", "LUQ", "LVENTRICLE", "MANDIBLE", "MASTOID", "MCA", "MESENTRICA"}
    | {"MESENTRICV", "MIDHEPATICV", "MORISONSPOUCH", "NASOPHARYNX", "OCCIPTALV", "OCCPITALA"}
    | {"OPHTHALMICA", "OPTICCANAL", "ORBIT", "OVARY", "PANCBILEDUCT", "PANCREATICDUCT"}
    | {"PARASTERNAL", "PARATHYROID", "PAROTID", "PATELLA", "PCA", "PELVISLOWEXTREMT", "PENILEA"}
    | {"PERINEUM", "PERONEALA", "PHANTOM", "PHARYNXLARYNX", "PLACENTA", "POPLITEALA"}
    | {"POPLITEALFOSSA", "POPLITEALV", "PORTALV", "POSCOMMA", "POSTIBIALA", "PROFFEMA", "PROFFEMV"}
    | {"PULMONARYA", "PULMONARYV", "RADIALA", "RADIUS", "RADIUSULNA", "RATRIUM", "RENALA", "RENALV"}
    | {"RETROPERITONEUM", "RFEMORALA", "RHEPATICV", "RHYPOCHONDRIAC", "RIB", "RINGUINAL", "RLQ"}
    | {"RLUMBAR", "RPORTALV", "RPULMONARYA", "RSUPPULMONARYV", "RUQ", "RVENTRICLE", "SAPHENOUSV"}
    | {"SCAPULA", "SCJOINT", "SCLERA", "SCROTUM", "SELLA", "SEMVESICLE", "SESAMOID", "SFA", "SFJ"}
    | {"SFV", "SHOULDER", "SIGMOID", "SIJOINT", "SMA", "SMALLINTESTINE", "SPINALCORD", "SPLENICA"}
    | {"SPLENICV", "SUBCLAVIANA", "SUBCLAVIANV", "SUBCOSTAL", "SUBMANDIBULAR", "SUPRACLAVICULAR"}
    | {"SUPRAPUBIC", "SUPTHYROIDA", "SVC", "TESTIS", "THALAMUS", "THIGH", "THORACICAORTA", "THORAX"}
    | {"THUMB", "TIBIA", "TIBIAFIBULA", "TMJ", "TOE", "TRACHEABRONCHUS", "TRANSVERSECOLON", "ULNA"}
    | {"ULNARA", "UMBILICAL", "UMBILICALA", "UMBILICALV", "UPPERARM", "UPPERLIMB"}
    | {"UPRURINARYTRACT", "VEIN", "VERTEBRALA", "WRIST", "ZYGOMA"}
    | {"ARM", "LEG"}  # of earlier editions; now UPPERARM, LOWERLEG
)
"""Defined terms of Body Part Examined (PS3.16 Annex L)."""


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
