"""Sections 6 to 10: what people have to say, and who owes it where they have not."""

from syda.card.declared import Declarations
from syda.card.schema import (
    CLINICAL,
    DATA,
    DEVELOPERS,
    ETHICS,
    LEGAL,
    OWNER,
    PRIVACY,
    TITLES,
    Fact,
    Row,
    Section,
    absent,
)
from syda.card.sources import Document, Inputs


def sections(inputs: Inputs) -> list[Section]:
    """Return sections 6 to 10."""
    return [
        _intended_use(inputs.declared, inputs.reports["details"]),
        _clinical(inputs.declared),
        _ethics(inputs.declared, inputs.reports["details"]),
        _consent(inputs),
        _legal(inputs),
    ]


def _audited(details: Document, label: str, *keys: str, unit: str = "") -> Fact:
    """A value of the privacy tests; the developers owe it where there were too few patients."""
    if "privacy" not in details.content:
        return absent(label, DEVELOPERS, "a split has too few patients for the privacy tests")
    return details.fact(label, "privacy", *keys, unit=unit)


def _intended_use(declared: Declarations, details: Document) -> Section:
    facts = {
        "intended_use": declared.fact("intended_use", "Intended use"),
        "intended_user": declared.fact("intended_user", "Intended user"),
        "privacy": _audited(details, "Whether synthetic volumes repeat training scans", "verdict"),
        "limitations_original": declared.fact(
            "historical/limitations", "Limitations of the original (historical)"
        ),
        "confirmed_by": declared.fact_or_absent(
            "intended_use_confirmed_by",
            "Confirmation of this section",
            f"{OWNER} with the {CLINICAL}",
            "the texts above are the developers' and nobody has confirmed them",
        ),
    }
    tables: dict[str, list[Row]] = {
        key: [{column: fact} for fact in declared.each(key, column)]
        for key, column in (("limitations", "limitation"), ("out_of_scope", "out of scope"))
    }
    return Section("6", TITLES["6"], facts, tables)


def _clinical(declared: Declarations) -> Section:
    fact = declared.fact_or_absent(
        "clinical_evaluation",
        "Clinical evaluation",
        CLINICAL,
        "no reader study and no other clinical evaluation is on file",
    )
    return Section("7", TITLES["7"], {"evaluation": fact})


def _ethics(declared: Declarations, details: Document) -> Section:
    facts = {
        "memorisation": _audited(
            details,
            "Median distance of synthetic volumes to the nearest training scan",
            *("spaces", "rms_hu", "median", "synthetic"),
            unit="HU",
        ),
        "memorisation_holdout": _audited(
            details,
            "The same of held-out scans",
            *("spaces", "rms_hu", "median", "holdout"),
            unit="HU",
        ),
        "assessment": declared.fact_or_absent(
            "ethical_assessment", "Assessment of these risks", ETHICS, "nobody has assessed them"
        ),
    }
    rows: list[Row] = [
        {
            "risk": declared.fact_at(("risks", number, "risk"), "risk"),
            "what is done about it": declared.fact_at(
                ("risks", number, "mitigation"), "what is done about it"
            ),
        }
        for number in range(len(declared.content.risks))
    ]
    return Section("8", TITLES["8"], facts, {"risks": rows})


def _consent(inputs: Inputs) -> Section:
    if inputs.artificial:
        fact = inputs.no_person(
            "Consent", "not applicable: no person's data are in this data version", moot=DEVELOPERS
        )
    else:
        fact = inputs.declared.fact_or_absent(
            "consent", "Consent", DATA, "basis, reference number and scope for this data version"
        )
    return Section("9", TITLES["9"], {"consent": fact})


def _legal(inputs: Inputs) -> Section:
    declared, data, privacy = inputs.declared, "Terms of the data", "Privacy status of the weights"
    facts = {
        "code_license": declared.fact("code_license", "Licence of the code"),
        "data_license": declared.fact("data_license_if_artificial", data)
        if inputs.artificial
        else declared.fact_or_absent("data_license", data, DATA, "terms of this data version"),
        "weights_terms": declared.fact_or_absent(
            "weights_terms", "Terms of the weights", LEGAL, "whether they may be passed on, and how"
        ),
        "privacy_status": inputs.no_person(
            privacy, "they hold no personal data: no person's data went into the training"
        )
        if inputs.artificial
        else declared.fact_or_absent(
            "privacy_status", privacy, PRIVACY, "whether they count as personal data"
        ),
        "marking_duty": declared.fact_or_absent(
            "marking_duty",
            "Duty to mark synthetic images",
            LEGAL,
            "whether and how the law asks for it (in the EU: AI Act, Article 50(2))",
        ),
    }
    return Section("10", TITLES["10"], facts)
