"""The model, its data and its libraries as CycloneDX 1.6 bill of materials (ML-BOM, ECMA-424).

The digests of weights and data are those of lists of files (``syda.runtime.digest``). They are
properties, since a hash of CycloneDX is that of a single file.
"""

import uuid
from typing import Any

from syda.card.documents import canonical
from syda.card.exports.values import CardValues, words
from syda.card.facts import BANNER, NOT_FOR_DIAGNOSIS, Fact, Row
from syda.card.inputs import CardInputs
from syda.card.libraries import name_of

MODEL, DATA, WEIGHTS_OF_OTHERS = "model", "data", "weights-of-others"
"""References inside the bill."""

_GOVERNANCE = ("1", "6", "7", "8", "9", "10")
"""Sections whose facts are properties of the model, missing ones too."""


def document(values: CardValues, inputs: CardInputs, digest: str) -> dict[str, Any]:
    """Return the bill.

    Args:
        values: of the card.
        inputs: of the card; the lock names the libraries.
        digest: sha256 of card.json, from which the serial number is derived.
    """
    locked = inputs.lock.value("packages")
    direct = {canonical(name_of(one)) for one in inputs.project.value("project", "dependencies")}
    libraries = [
        {
            "type": "library",
            "bom-ref": _purl(name, version),
            "name": name,
            "version": version,
            "purl": _purl(name, version),
            **({"scope": "required"} if name in direct else {}),
        }
        for name, version in sorted(locked.items())
    ]
    needed = [one["bom-ref"] for one in libraries if "scope" in one]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {"component": _model(values)},
        "components": [_data(values), _weights_of_others(values), *libraries],
        "dependencies": [{"ref": MODEL, "dependsOn": [DATA, WEIGHTS_OF_OTHERS, *needed]}],
    }


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version.replace('+', '%2B')}"


def _model(values: CardValues) -> dict[str, Any]:
    facts = {
        field: fact for field, fact in values.facts.items()
        if values.sections[field] in _GOVERNANCE
    }  # fmt: skip
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": values.text("1.model_name"),
        "version": values.text("1.model_version"),
        "description": f"{BANNER} {values.text('1.model_description')}",
        **_licenses(values.facts["10.weights_terms"]),
        "modelCard": {
            "modelParameters": {
                "task": values.text("1.model_type"),
                "datasets": [{"ref": DATA}],
            },
            "quantitativeAnalysis": {"performanceMetrics": _metrics(values)},
            "considerations": {
                "users": [values.text("6.intended_user")],
                "useCases": [values.text("6.intended_use")],
                "technicalLimitations": [
                    *values.column("6.limitations", "limitation"),
                    *(f"Out of scope: {one}"
                      for one in values.column("6.out_of_scope", "out of scope")),
                ],
                "ethicalConsiderations": [
                    {
                        "name": words(row["risk"]),
                        "mitigationStrategy": f"{words(row['what is done about it'])} "
                        f"What remains: {words(row['what remains'])}",
                    }
                    for row in values.tables["6.risks"]
                ],
            },
        },
        "properties": [_property(field, fact) for field, fact in facts.items()],
    }  # fmt: skip


def _metrics(values: CardValues) -> list[dict[str, Any]]:
    """Figures on the held-out scans: synthetic, real, and the difference with its interval."""
    held_out = values.text("3.1.name")
    found = []
    for row in values.tables["5.figures_holdout"]:
        title = words(row["metric"])
        for column in ("synthetic", "real baseline", "difference"):
            if not isinstance(row[column], Fact):
                continue
            one: dict[str, Any] = {
                "type": f"{title}, {column}",
                "value": words(row[column]),
                "slice": held_out,
            }
            if column == "difference" and (interval := _interval(row)):
                one["confidenceInterval"] = interval
            found.append(one)
    return found


def _interval(row: Row) -> dict[str, str]:
    """The 95 % interval of the difference; empty where there is none."""
    ends = {"lowerBound": row["95 % interval, low"], "upperBound": row["95 % interval, high"]}
    return {name: words(end) for name, end in ends.items() if isinstance(end, Fact)}


def _data(values: CardValues) -> dict[str, Any]:
    """The data version: what it is, and the counts and digests that the card has of it."""
    names = [field for field, number in values.sections.items() if number in ("2.1", "3.1")]
    facts = {field: values.facts[field] for field in names if field in values.facts}
    sensitive = [line for field in ("9.consent", "8.deidentification")
                 for line in values.lines(field)]  # fmt: skip
    return {
        "type": "data",
        "bom-ref": DATA,
        "name": f"data version {values.text('2.1.version')}",
        "version": values.text("2.1.version"),
        "description": f"{NOT_FOR_DIAGNOSIS} {' '.join(values.lines('2.1.artificial'))}",
        **_licenses(values.facts["10.data_license"]),
        "data": [
            {
                "type": "dataset",
                "name": values.text("2.1.version"),
                "description": values.text("2.2.selection"),
                "sensitiveData": sensitive,
                "contents": {
                    "properties": [_property(field, fact) for field, fact in facts.items()]
                },
            }
        ],
    }


def _weights_of_others(values: CardValues) -> dict[str, Any]:
    fact = values.facts["10.third_party_weights"]
    return {
        "type": "machine-learning-model",
        "bom-ref": WEIGHTS_OF_OTHERS,
        "name": fact.label,
        "description": words(fact),
        **_licenses(values.facts["10.third_party_license"]),
    }


def _licenses(terms: Fact) -> dict[str, Any]:
    """The element ``licenses``; left out where nobody has stated or confirmed the terms."""
    return {} if terms.missing else {"licenses": [{"license": {"name": words(terms)}}]}


def _property(field: str, fact: Fact) -> dict[str, str]:
    return {"name": f"syda:card:{field}", "value": f"{fact.label}: {words(fact)}"}
