"""Every path of the pipeline, relative to the repository root; dvc.yaml names the same ones."""

from pathlib import Path

PARAMS = Path("params.yaml")
LOCK = Path("requirements.lock")
PROJECT = Path("pyproject.toml")
LICENSE = Path("LICENSE")

RAW = Path("data/raw")
SOURCES = Path("data/sources")
NIFTI = Path("data/nifti")
RESAMPLED = Path("data/resampled")
RECORDS = Path("data/records")
WEIGHTS = Path("data/weights")
SYNTHETIC = Path("data/synthetic")
RELEASE = Path("data/release")
READING = Path("data/reading")

GENERATOR_WEIGHTS = "generator.safetensors"
GENERATOR_DESCRIPTION = "generator.json"
ENCODER_WEIGHTS = "encoder.safetensors"
"""Files in a folder of weights."""

ONNX = "generator.onnx"
BUNDLE = "bundle"
MODEL_PAGE = "README.md"
SHA256SUMS = "SHA256SUMS"
"""In the folder of a release."""

GATE_COUNTS = "gate.json"
NIFTI_EXPORTS = "physical"
DICOM_EXPORTS = "dicom"
"""In a folder of synthetic volumes: what the gate rejected, and the exports at true spacing."""

REPORTS = Path("reports")
CONVERT_REPORT = REPORTS / "convert.json"
PACK_REPORT = REPORTS / "pack.json"
VALIDATION = REPORTS / "validation"
CURVES = REPORTS / "train" / "curves.csv"
PROPERTIES = REPORTS / "train" / "properties.json"
ENVIRONMENT = REPORTS / "train" / "environment.json"
METRICS = REPORTS / "metrics.json"
EVALUATION = REPORTS / "evaluation"
GALLERY = REPORTS / "gallery.html"
EXPORT_REPORT = REPORTS / "export.json"
MANIFEST = REPORTS / "manifest"

MODEL_CARD = Path("model_card")
CARD = MODEL_CARD / "model_card.md"
CARD_JSON = MODEL_CARD / "card.json"
CARD_SCHEMA = MODEL_CARD / "card.schema.json"
DATA_PAGE = MODEL_CARD / "data_version.md"
CARD_HTML = MODEL_CARD / "model_card.html"
EVIDENCE = MODEL_CARD / "evidence.md"
EVIDENCE_HTML = MODEL_CARD / "evidence.html"
DATA_PAGE_HTML = MODEL_CARD / "data_version.html"
CROSSWALK = Path("docs/crosswalk.md")
CHAI = MODEL_CARD / "exports" / "chai.xml"
CROISSANT = MODEL_CARD / "exports" / "croissant.json"
MLBOM = MODEL_CARD / "exports" / "mlbom.cdx.json"
DECLARED = MODEL_CARD / "declared.yaml"
SIGNOFFS = MODEL_CARD / "signoffs.yaml"
POLICY = MODEL_CARD / "policy.yaml"
RELEASES = MODEL_CARD / "releases"
READER_STUDY = MODEL_CARD / "reader_study.json"

PRIVATE_KEY = Path(".syda/key")
WORK = Path(".work")
CASE_CACHE = WORK / "cases"
CHECKPOINTS = WORK / "train"
TUNE = WORK / "tune"
MLFLOW = Path(".mlflow")


def case_table(version: str) -> Path:
    """Local table of the cases of a data version, which leads to patients."""
    return PRIVATE_KEY.with_name(f"cases-{version}.json")


def validation_report(name: str) -> Path:
    """JSON report of one validated set: ``resampled``, ``records`` or ``synthetic``."""
    return VALIDATION / f"{name}.json"


def validation_suites(name: str) -> Path:
    """Great Expectations suites of one validated set."""
    return VALIDATION / "suites" / f"{name}.json"


def manifest(stage: str, item: str | None = None) -> Path:
    """Manifest of a stage run, e.g. ``reports/manifest/validate-records.json``."""
    return MANIFEST / (f"{stage}-{item}.json" if item else f"{stage}.json")
