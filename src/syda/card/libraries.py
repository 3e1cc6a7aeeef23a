"""Section 4.3: the libraries of the checklist and their replacements, and the lock."""

import re
from collections.abc import Mapping

from syda.card.documents import Document, canonical
from syda.card.facts import DEVELOPERS, TITLES, CardSection, Fact, Row, absent
from syda.card.inputs import CardInputs

CHECKLIST: dict[str, tuple[str, str]] = {
    "torch": ("torch", "not imported by any stage of this run"),
    "torchvision": ("torchvision", "not used: volumes need no 2D image transforms"),
    "torchaudio": ("torchaudio", "not used: there is no sound"),
    "torchmetrics": ("torchmetrics", "the project's own 3D metrics, with the protocol in the name"),
    "pytorch_lightning": ("pytorch-lightning", "not imported by any stage of this run"),
    "monai": ("monai", "not imported by any stage of this run"),
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
"""Library of the checklist: its package, and what replaces it where no stage imports it."""

OUTSIDE_STAGES = {
    "dvc": "runs the stages, from outside",
    "markdown-it-py": "turns this card into HTML, in the stage card",
    "onnx": "holds the graph of the release, in the stage export",
    "onnxruntime": "runs that graph to check it, in the stage export",
    "onnxscript": "torch needs it to export that graph, in the stage export",
}
"""Declared libraries that no stage before the card imports, and their purpose."""

_POLICY = "src/syda/card/libraries.py#/"


def name_of(requirement: str) -> str:
    """The library that a requirement such as ``numpy>=2`` names."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def section(inputs: CardInputs) -> CardSection:
    """Return section 4.3."""
    manifests, lock = inputs.manifests, inputs.lock
    facts = {
        "python": manifests["train"].fact("Python of the training", "python"),
        "locked": Fact(
            "Libraries in the lock, those that others need among them",
            len(lock.value("packages")), "derived", (lock.pointer("packages"),),
            note="entries of the lock",
        ),
        "listed": Fact(
            "Libraries of the checklist", len(CHECKLIST), "derived", (f"{_POLICY}CHECKLIST",),
        ),
        "listed_in_use": Fact(
            "Libraries of the checklist that a stage imported",
            sum(package in used_by(manifests) for package, _ in CHECKLIST.values()), "derived",
            (f"{_POLICY}CHECKLIST", *(one.pointer("packages") for one in manifests.values())),
        ),
        "unlocked": Fact(
            "Imported by a stage, and not in the lock in that version", _unlocked(manifests, lock),
            "derived",
            (lock.pointer("packages"), *(one.pointer("packages") for one in manifests.values())),
            note="names of libraries, held against the lock",
        ),
    }  # fmt: skip
    tables = {
        "checklist": checklist_rows(manifests, lock),
        "others": other_rows(manifests, lock),
        "unused": _unused_rows(inputs),
    }
    return CardSection("4.3", TITLES["4.3"], facts, tables)


def checklist_rows(manifests: Mapping[str, Document], lock: Document) -> list[Row]:
    """Return a row for each library of the checklist, in its order."""
    used = used_by(manifests)
    rows: list[Row] = []
    for number, (library, (package, instead)) in enumerate(CHECKLIST.items(), start=1):
        first: Row = {"no.": str(number), "library": library}
        locked = {"in the lock": _locked(lock, package)}
        if package in used:
            rows += [
                {**first, "version": version, "stages": stages, **locked}
                | {"what does its job now": "the library itself"}
                for version, stages in used[package]
            ]
        else:
            source = f"{_POLICY}CHECKLIST/{library}"
            purpose = Fact("what does its job now", instead, "declared", (source,))
            rows.append(
                {**first, "version": "not imported", "stages": "no stage", **locked}
                | {"what does its job now": purpose}
            )
    return rows


def other_rows(manifests: Mapping[str, Document], lock: Document) -> list[Row]:
    """List the other direct dependencies that stages imported, by name."""
    on_the_list = {package for package, _ in CHECKLIST.values()}
    return [
        {
            "library": package,
            "version": version,
            "stages": stages,
            "in the lock": _locked(lock, package),
        }
        for package, versions in sorted(used_by(manifests).items())
        if package not in on_the_list
        for version, stages in versions
    ]


def _unused_rows(inputs: CardInputs) -> list[Row]:
    """List the libraries that the project declares and no stage imports."""
    used, label = used_by(inputs.manifests), "what it does here"
    rows: list[Row] = []
    for requirement in inputs.project.value("project", "dependencies"):
        name = canonical(name_of(requirement))
        if name not in used:
            purpose = (
                Fact(label, OUTSIDE_STAGES[name], "declared", (f"{_POLICY}OUTSIDE_STAGES/{name}",))
                if name in OUTSIDE_STAGES
                else absent(
                    label,
                    DEVELOPERS,
                    f"no stage before the card imports {name}, and nobody says why",
                )
            )
            rows.append(
                {"library": name, "in the lock": _locked(inputs.lock, name), label: purpose}
            )
    return rows


def _locked(lock: Document, package: str) -> Fact | str:
    packages = lock.value("packages")
    return lock.fact("in the lock", "packages", package) if package in packages else "no"


def _unlocked(manifests: Mapping[str, Document], lock: Document) -> str:
    """Libraries that a stage imported in a version that is not the one of the lock."""
    found = {
        package
        for manifest in manifests.values()
        for package, version in manifest.value("packages").items()
        if lock.value("packages").get(package) != version
    }
    return ", ".join(sorted(found)) or "none of them"


def used_by(manifests: Mapping[str, Document]) -> dict[str, list[tuple[Fact, str]]]:
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
