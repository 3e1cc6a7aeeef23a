"""Sections 6 to 10: declared texts, and the roles that have to supply the missing ones."""

from collections.abc import Sequence
from dataclasses import replace

from syda import paths
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
from syda.metrics.privacy_results import COPIES


def sections(inputs: CardInputs) -> list[CardSection]:
    """Return sections 6 to 10."""
    return [
        _intended_use(inputs.declared, inputs.manifests["train"]),
        _clinical(inputs.declared),
        _ethics(inputs),
        _consent(inputs),
        _legal(inputs),
    ]


def _intended_use(declared: Declarations, train: Document) -> CardSection:
    facts = {
        "intended_use": declared.fact("intended_use", "Intended use"),
        "intended_user": declared.fact("intended_user", "Intended user"),
        "limitations_original": declared.fact(
            "historical/limitations", "Limitations of the original (historical)"
        ),
        "pictures": _pictures(declared, train),
        "confirmed_by": declared.fact_or_absent(
            "intended_use_confirmed_by",
            "Confirmation of this section",
            f"{OWNER} with the {CLINICAL}",
            "the texts are the developers' and nobody has confirmed them",
        ),
    }
    tables: dict[str, Sequence[Row]] = {
        key: [{column: fact} for fact in declared.each(key, column)]
        for key, column in (("limitations", "limitation"), ("out_of_scope", "out of scope"))
    }
    tables |= {"risks": _risks(declared), "risk_owners": _risk_owners(declared)}
    return CardSection("6", TITLES["6"], facts, tables)


def _pictures(declared: Declarations, train: Document) -> Fact:
    """What people saw in the pictures; it holds for the weights that drew them alone."""
    label, reading = "What the pictures show", declared.content.reading_of_pictures
    if reading is None:
        return absent(label, DEVELOPERS, "nobody has looked at the pictures of these weights")
    fact = declared.fact_at(("reading_of_pictures", "text"), label)
    digest = train.value("writes", "data/weights", "sha256")
    if str(digest).startswith(reading.weights):
        return fact
    return replace(fact, owner=DEVELOPERS, declared_for=f"the weights {reading.weights}")


def _risk_owners(declared: Declarations) -> list[Row]:
    """A row for each role that owns a risk: who holds it."""
    roles = dict.fromkeys(risk.owner for risk in declared.content.risks)
    rows: list[Row] = []
    for role in roles:
        label = f"Holder of the role {role}, which owns risks"
        holder = declared.roles.get(role)
        fact = absent(label, OWNER, "name and contact of who holds it")
        if holder:
            source = (f"{declared.path}#/roles/{role}",)
            fact = Fact(
                label, f"{holder.name}, {holder.contact}", "declared", source, exact=True
            )  # fmt: skip
        rows.append({"role": role, "holder": fact})
    return rows


def _risks(declared: Declarations) -> list[Row]:
    columns = {
        "risk": "risk", "severity": "severity", "owner": "owner",
        "mitigation": "what is done about it", "remains": "what remains",
    }  # fmt: skip
    return [
        {label: declared.fact_at(("risks", number, key), label) for key, label in columns.items()}
        for number in range(len(declared.content.risks))
    ]


def _clinical(declared: Declarations) -> CardSection:
    fact = declared.fact_or_absent(
        "clinical_evaluation",
        "Clinical evaluation",
        CLINICAL,
        "no reader study and no other clinical evaluation is on file",
    )
    return CardSection("7", TITLES["7"], {"evaluation": fact})


def _ethics(inputs: CardInputs) -> CardSection:
    declared, details = inputs.declared, inputs.reports["details"]
    facts = {
        "privacy_method": declared.fact("privacy_method", "Method that protects privacy"),
        **_copies(details),
        **_allowed(inputs),
        "deidentification": declared.fact_or_absent(
            "deidentification", "De-identification of the scans", DATA,
            "by whom and how the scans were de-identified, and how that was checked",
        ),
        "unmarked": details.fact(
            "DICOM exports without the mark Synthetic Data (0008,001C)",
            *("exports", "by_kind", "unmarked"),
        ),
        "assessment": declared.fact_or_absent(
            "ethical_assessment", "Assessment of the risks of section 6", ETHICS,
            "nobody has assessed them",
        ),
    }  # fmt: skip
    return CardSection("8", TITLES["8"], facts)


def _copies(details: Document) -> dict[str, Fact]:
    """Draws that count as copies, in the distance that finds most of them."""
    label = "Draws that count as copies"
    if "privacy" not in details.content:
        return {"copies": absent(label, DEVELOPERS, "a split has too few patients for the test")}
    spaces = details.value("privacy", "spaces")
    counts = {
        space: round(one["findings"][COPIES]["value"] * one["findings"][COPIES]["n"])
        for space, one in spaces.items()
    }
    worst = max(counts, key=lambda space: counts[space])
    at = ("privacy", "spaces", worst, "findings", COPIES)
    sources = tuple(details.pointer(*at, key) for key in ("value", "n"))
    return {
        "copies": Fact(label, counts[worst], "derived", sources, note="share x draws"),
        "draws": details.fact("Draws tested, which no gate has seen", *at, "n"),
        "copies_real": details.fact("Share of held-out scans that count as copies", *at, "real"),
    }


def _allowed(inputs: CardInputs) -> dict[str, Fact]:
    """Why the weights are released although a privacy test found copies, where one did."""
    details = inputs.reports["details"]
    found = details.content.get("privacy", {}).get("copies_found", [])
    if not found:
        return {}
    sources = (details.pointer("privacy", "copies_found"),)
    facts = {"copies_found": Fact("Tests that found copies", "; ".join(found), "measured", sources)}
    if inputs.allow_copies:
        key = (f"{paths.PARAMS}#/export/allow_copies",)
        label = "Why the weights are released all the same"
        facts["allow_copies"] = Fact(label, inputs.allow_copies, "declared", key)
    return facts


def _consent(inputs: CardInputs) -> CardSection:
    declared = inputs.declared
    if inputs.is_artificial:
        facts = {
            "consent": inputs.no_person("Consent", "no person's data are in this data version"),
            "withdrawal": inputs.no_person("Withdrawal", "nobody's data can be withdrawn"),
        }
    else:
        facts = {
            "consent": declared.fact_or_absent(
                "consent", "Consent", DATA,
                "basis, reference number and scope for this data version",
            ),
            "withdrawal": declared.fact_or_absent(
                "withdrawal", "Withdrawal", DATA,
                "how a patient withdraws, and what then happens to data and weights",
            ),
        }  # fmt: skip
    by_source = {} if inputs.source is None else inputs.source.consent()
    return CardSection("9", TITLES["9"], facts | by_source)


def _legal(inputs: CardInputs) -> CardSection:
    declared, privacy = inputs.declared, "Privacy status of the weights"
    facts = {
        "code_license": declared.fact("code_license", "Licence of the code"),
        "data_license": declared.fact_or_absent(
            "data_license", "Terms of the data", LEGAL, "terms of this data version"
        ),
        "weights_terms": declared.fact_or_absent(
            "weights_terms", "Terms of the weights", LEGAL, "whether they may be passed on, and how"
        ),
        "third_party_weights": declared.fact("third_party_weights", "Weights of others"),
        "third_party_license": declared.fact_or_absent(
            "third_party_weights_license", "Licence of the weights of others", LEGAL,
            "under which terms the weights of EfficientNet-Lite0 may be used and passed on",
        ),
        "privacy_status": inputs.no_person(
            privacy, "they hold no personal data: no person's data went into the training"
        )
        if inputs.is_artificial
        else declared.fact_or_absent(
            "privacy_status", privacy, PRIVACY, "whether they count as personal data"
        ),
        "regulatory_status": declared.fact_or_absent(
            "regulatory_status", "Regulatory status", LEGAL,
            "whether the model is a medical device, in which region, decided by whom",
        ),
        "incidents": declared.fact_or_absent(
            "incidents", "Route for incidents", OWNER,
            "whom to tell that a volume shows a patient or did harm",
        ),
        "marking_duty": declared.fact_or_absent(
            "marking_duty", "Duty to mark synthetic images", LEGAL,
            "whether and how the law asks for it (in the EU: AI Act, Article 50(2))",
        ),
    }  # fmt: skip
    if inputs.source is not None:
        terms = inputs.source.terms()
        if not facts["data_license"].missing:
            del terms["data_license"]
        facts |= terms
    return CardSection("10", TITLES["10"], facts)
