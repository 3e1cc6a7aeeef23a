"""Sections 6 to 10: declared texts, and the roles that have to supply the missing ones."""

from syda.card import baselines
from syda.card.declared import Declarations
from syda.card.documents import Document
from syda.card.facts import (
    CLINICAL,
    DATA,
    DEVELOPERS,
    ETHICS,
    LEGAL,
    OWNER,
    PRIVACY,
    TITLES,
    CardSection,
    Fact,
    Row,
    absent,
)
from syda.card.inputs import CardInputs


def sections(inputs: CardInputs) -> list[CardSection]:
    """Return sections 6 to 10."""
    return [
        _intended_use(inputs.declared, inputs.reports["details"]),
        _clinical(inputs.declared),
        _ethics(inputs.declared, inputs.reports["details"]),
        _consent(inputs),
        _legal(inputs),
    ]


def _audited(details: Document, label: str, *keys: str, unit: str = "") -> Fact:
    """A value of the privacy tests; absent where a split had too few patients."""
    if "privacy" not in details.content:
        return absent(label, DEVELOPERS, "a split has too few patients for the privacy tests")
    return details.fact(label, "privacy", *keys, unit=unit)


def _intended_use(declared: Declarations, details: Document) -> CardSection:
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
    tables["utility"] = baselines.utility(details)
    return CardSection("6", TITLES["6"], facts, tables)


def _clinical(declared: Declarations) -> CardSection:
    fact = declared.fact_or_absent(
        "clinical_evaluation",
        "Clinical evaluation",
        CLINICAL,
        "no reader study and no other clinical evaluation is on file",
    )
    return CardSection("7", TITLES["7"], {"evaluation": fact})


def _ethics(declared: Declarations, details: Document) -> CardSection:
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
    return CardSection("8", TITLES["8"], facts, {"risks": rows})


def _consent(inputs: CardInputs) -> CardSection:
    if inputs.artificial:
        fact = inputs.no_person(
            "Consent",
            "not applicable: no person's data are in this data version",
            not_applicable_by=DEVELOPERS,
        )
    else:
        fact = inputs.declared.fact_or_absent(
            "consent", "Consent", DATA, "basis, reference number and scope for this data version"
        )
    by_source = {} if inputs.source is None else inputs.source.consent()
    return CardSection("9", TITLES["9"], {"consent": fact} | by_source)


def _legal(inputs: CardInputs) -> CardSection:
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
    if inputs.source is not None:
        terms = inputs.source.terms()
        if declared.content.data_license is not None:
            del terms["data_license"]
        facts |= terms
    return CardSection("10", TITLES["10"], facts)
