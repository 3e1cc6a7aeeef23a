"""Section 4.3: each library of the checklist, in use or with what does its job now."""

from collections.abc import Mapping

from syda.card.schema import Fact, Row
from syda.card.sources import Document

CHECKLIST: dict[str, tuple[str, str]] = {
    "torch": ("torch", "not imported by any stage of this run"),
    "torchvision": ("torchvision", "not used: volumes need no 2D image transforms"),
    "torchaudio": ("torchaudio", "not used: there is no sound"),
    "torchmetrics": ("torchmetrics", "the project's own 3D metrics, with the protocol in the name"),
    "pytorch_lightning": ("pytorch-lightning", "not imported by any stage of this run"),
    "monai": ("monai", "the project's own resampling and metrics; MONAI is the tests' reference"),
    "addict": ("addict", "pydantic reads and checks params.yaml"),
    "kornia": ("kornia", "the project's own 3D augmentation, in torch"),
    "pycm": ("pycm", "not used: a generator has no confusion matrix"),
    "cloudml-hypertune": ("cloudml-hypertune", "DVC experiments and MLflow"),
    "google-cloud-storage": ("google-cloud-storage", "DVC remotes"),
    "gcsfs": ("gcsfs", "DVC remotes"),
    "tensorflow": ("tensorflow", "the project's own TFRecord files; google-crc32c checks them"),
    "fsspec": ("fsspec", "local files; DVC moves data to and from remotes"),
    "gsutil": ("gsutil", "dvc push and dvc pull"),
}
"""Library of the checklist to its package, and to what does its job where no stage imports it."""

_POLICY = "src/syda/card/libraries.py#/CHECKLIST"


def checklist_rows(manifests: Mapping[str, Document]) -> list[Row]:
    """Answer for each library of the checklist, in its order."""
    used = _used(manifests)
    rows: list[Row] = []
    for number, (library, (package, instead)) in enumerate(CHECKLIST.items(), start=1):
        if package in used:
            rows += [
                _row(number, library, version, stages, "the library itself")
                for version, stages in used[package]
            ]
        else:
            told = Fact("what does its job now", instead, "declared", (f"{_POLICY}/{library}",))
            rows.append(_row(number, library, "not imported", "no stage", told))
    return rows


def _row(number: int, library: str, version: Fact | str, stages: str, now: Fact | str) -> Row:
    return {
        "no.": str(number),
        "library": library,
        "version": version,
        "stages": stages,
        "what does its job now": now,
    }


def other_rows(manifests: Mapping[str, Document]) -> list[Row]:
    """List the other direct dependencies that stages imported, by name."""
    known = {package for package, _ in CHECKLIST.values()}
    return [
        {"library": package, "version": version, "stages": stages}
        for package, versions in sorted(_used(manifests).items())
        if package not in known
        for version, stages in versions
    ]


def _used(manifests: Mapping[str, Document]) -> dict[str, list[tuple[Fact, str]]]:
    """Package to its versions, each with the stages that imported it."""
    found: dict[str, dict[str, tuple[Fact, list[str]]]] = {}
    for stage, manifest in manifests.items():
        for package, version in manifest.value("packages").items():
            fact = manifest.fact("version", "packages", package)
            found.setdefault(package, {}).setdefault(version, (fact, []))[1].append(stage)
    return {
        package: [(fact, ", ".join(stages)) for fact, stages in versions.values()]
        for package, versions in found.items()
    }
