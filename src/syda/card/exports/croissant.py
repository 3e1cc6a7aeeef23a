"""The data version as Croissant 1.1 with fields of its vocabulary for responsible AI (JSON-LD).

The digest of a folder is that of the list of its files (``syda.runtime.digest``), so it is in the
description: Croissant has a digest for a single file alone. The name has the version, since a
version of Croissant is like 1.0.0.
"""

import os
from pathlib import Path
from typing import Any

from syda import paths
from syda.card.exports.values import CardValues, words
from syda.card.facts import NOT_FOR_DIAGNOSIS

CONFORMS_TO = [
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
]

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "conformsTo": "dct:conformsTo",
    **{
        term: f"cr:{term}"
        for term in (
            "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract",
            "field", "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray",
            "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source",
            "subField", "transform",
        )
    },
}  # fmt: skip
"""The context that the specification prescribes."""

STAGES = ("convert", "resample", "pack")
"""Stages that make the data version from its raw files."""

FORMATS = {
    paths.RAW: ["application/dicom"],
    paths.NIFTI: ["application/gzip", "application/json"],
    paths.RESAMPLED: ["application/gzip", "application/json"],
    paths.RECORDS: ["application/octet-stream"],
}
"""Media types in each folder of data: DICOM, NIfTI with JSON, TFRecord."""

_LIMITATIONS = (
    "2.1.artificial", "2.1.not_intended", "2.1.other_region", "2.1.contrast_agent",
    "2.2.contrast_and_stones",
)  # fmt: skip
_PERSONAL = ("2.1.artificial", "8.deidentification", "9.consent", "9.withdrawal")

_UP = Path(os.path.relpath(".", paths.CROISSANT.parent)).as_posix()
"""Path from the folder of the file to the repository root."""


def document(values: CardValues) -> dict[str, Any]:
    """Return the JSON-LD.

    Args:
        values: of the card.
    """
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"{values.text('1.project_name')}, data version {values.text('2.1.version')}",
        "description": _description(values),
        "distribution": _distribution(values),
        "rai:dataCollection": values.text("2.2.selection"),
        "rai:dataAnnotationProtocol": values.text("2.2.annotation"),
        "rai:dataUseCases": values.text("6.intended_use"),
        "rai:dataLimitations": [
            *_lines(values, *_LIMITATIONS),
            *(f"Out of scope: {one}" for one in values.column("6.out_of_scope", "out of scope")),
        ],
        "rai:personalSensitiveInformation": _lines(values, *_PERSONAL),
    }
    if not values.facts["10.data_license"].missing:
        found["license"] = values.text("10.data_license")
    if values.facts["1.repository"].value is not None:
        found["url"] = values.text("1.repository")
    if values.facts["1.author"].value is not None:
        found["creator"] = {"@type": "sc:Person", "name": values.text("1.author")}
    return found


def _description(values: CardValues) -> str:
    purpose = f"Data that a generator of synthetic CT is made from: {values.text('1.model_name')}"
    counts = (
        "2.1.artificial", "2.1.converted", "2.1.train_cases", "3.1.cases", "10.code_license",
    )  # fmt: skip
    return f"{NOT_FOR_DIAGNOSIS} {'. '.join([purpose, *_lines(values, *counts)])}."


def _lines(values: CardValues, *fields: str) -> list[str]:
    return [line for field in fields for line in values.lines(field)]


def _distribution(values: CardValues) -> list[dict[str, Any]]:
    """Each file and folder that the stages read or wrote, with its digest."""
    digests = {
        str(row["path"]): words(row["sha256"])
        for row in values.tables["B.files"]
        if row["stage"] in STAGES and row["what"] != "code"
    }
    return [_node(Path(path), sha256) for path, sha256 in sorted(digests.items())]


def _node(path: Path, sha256: str) -> dict[str, Any]:
    name = path.as_posix()
    types = next((types for folder, types in FORMATS.items() if path.is_relative_to(folder)), None)
    if types is None:
        return {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": f"{_UP}/{name}",
            "encodingFormat": "application/json",
            "sha256": sha256,
        }
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": f"sha256 of the list of files and their digests: {sha256}",
        "encodingFormat": types,
        "includes": f"{_UP}/{name}/**",
    }
