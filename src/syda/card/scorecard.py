"""Appendix D, the seven Cs: FDA's scorecard for synthetic medical data, from values of this card.

Source: Zamzmi et al., arXiv:2406.11143; Communications Engineering 4:130, 2025. Each C has its
figures with their real baselines, and no score: the paper has none for compliance and
comprehension, and a mean over different kinds of figures has no meaning. A figure that a C needs
and that is not measured is absent.
"""

from collections.abc import Mapping, Sequence

from syda.card import status
from syda.card.documents import Document
from syda.card.facts import APPENDICES, DEVELOPERS, CardSection, Fact, Row, absent
from syda.card.inputs import CardInputs
from syda.card.metrics import AIMS
from syda.card.seven_cs import LAW_AND_PRIVACY, REQUIRED_ANSWERS, SEVEN, Criterion, criterion_of
from syda.card.signoffs import SignOff


def sections(
    inputs: CardInputs, card: Sequence[CardSection], signed_off: Sequence[SignOff]
) -> list[CardSection]:
    """Return appendix D and a section for each C.

    Args:
        inputs: reports, manifests and declared texts.
        card: the sections before the appendices.
        signed_off: the sign-offs there are.

    Raises:
        CorruptData: a metric belongs to no C.
    """
    details = inputs.reports["details"]
    for key in details.value("metrics"):
        criterion_of(key)
    by = {section.number: section for section in card}
    contents = {
        "Constraint": _constraint(inputs),
        "Completeness": _completeness(inputs),
        "Compliance": _compliance(inputs, by, signed_off),
        "Comprehension": _comprehension(card, by),
        "Consistency": _consistency(details),
    }
    found = [CardSection("D", APPENDICES["D"])]
    for one in SEVEN:
        facts, tables = contents.get(one.title, ({}, {}))
        tables = {"figures": _figures(details, one), **tables}
        found.append(CardSection(one.number, one.title, facts, tables))
    return found


Contents = tuple[dict[str, Fact], dict[str, list[Row]]]


def _figures(details: Document, one: Criterion) -> list[Row]:
    return [
        {
            "figure": details.fact("figure", "metrics", key, "title"),
            "synthetic": _figure(details, "synthetic", "holdout", key, "synthetic"),
            "real baseline": _figure(details, "real baseline", "holdout", key, "real"),
            "a good figure is": AIMS[details.value("metrics", key, "aim")],
        }
        for key in sorted(details.value("figures", "holdout"))
        if criterion_of(key) is one
    ]


def _figure(details: Document, label: str, split: str, key: str, whose: str) -> Fact:
    unit = details.value("metrics", key, "unit")
    at = ("figures", split, key, whose, "value")
    return details.fact(label, *at, unit="" if unit == "1" else unit)


def _constraint(inputs: CardInputs) -> Contents:
    metrics, details = inputs.reports["metrics"], inputs.reports["details"]
    synthetic = inputs.reports["synthetic"]
    facts = {
        "drawn": metrics.fact("Volumes drawn", "gate", "drawn"),
        "rejected": metrics.fact("Of these rejected by the gate, and replaced", "gate", "rejected"),
        "rejected_share": details.fact("Share that the gate rejected", "gate", "rejected_share"),
    }
    if not any(key.startswith("anatomy") for key in details.value("metrics")):
        facts["anatomy"] = absent(
            "Rules of anatomy", DEVELOPERS, "no metric looks at organs, spine or outline"
        )
    rows: list[Row] = []
    for number, part in enumerate(synthetic.value("parts")):
        verdicts = [rule["verdict"] for rule in part["rules"]]
        source = (synthetic.pointer("parts", number, "rules"),)
        rows.append({
            "volumes": part["title"],
            "rules": Fact("rules", len(verdicts), "derived", source, note="entries of the list"),
            "that hold": Fact(
                "that hold", verdicts.count("passed"), "derived", source, note="verdicts `passed`"
            ),
        })  # fmt: skip
    return facts, {"rules": rows}


def _completeness(inputs: CardInputs) -> Contents:
    metrics, generate = inputs.reports["metrics"], inputs.manifests["generate"]
    facts = {
        "requested": generate.fact("Volumes requested", "params", "generate", "count"),
        "measured": metrics.fact("Volumes there and measured", "n", "synthetic"),
        "exported": generate.fact(
            "Volumes requested at physical size", "params", "generate", "export"
        ),
        "checked": metrics.fact("Exports read back", "exports", "checked"),
        "faulty": metrics.fact("Of these with a fault", "exports", "faulty"),
    }
    rows: list[Row] = []
    for name in ("resampled", "records", "synthetic"):
        report = inputs.reports[name]
        for number, part in enumerate(report.value("parts")):
            for index, rule in enumerate(part["rules"]):
                if rule["rule"] in ("readable", "described", "attributes"):
                    at = ("parts", number, "rules", index)
                    rows.append({
                        "volumes": part["title"],
                        "rule": rule["sentence"],
                        "observed": report.fact("observed", *at, "observed"),
                        "verdict": report.fact("verdict", *at, "verdict"),
                    })  # fmt: skip
    faults = inputs.reports["details"]
    kinds: list[Row] = [
        {
            "fault of an export": kind.replace("_", " "),
            "exports": faults.fact("exports", "exports", "by_kind", kind),
        }
        for kind in sorted(faults.value("exports", "by_kind"))
    ]
    return facts, {"fields": rows, "exports": kinds}


def _compliance(
    inputs: CardInputs, by: Mapping[str, CardSection], signed_off: Sequence[SignOff]
) -> Contents:
    details = inputs.reports["details"]
    source = ("model_card/signoffs.yaml#/signoffs",)
    facts = {
        "signed": Fact(
            "Sign-offs on file", len(signed_off), "derived", source, note="entries of the list"
        ),
        "unmarked": details.fact(
            "DICOM exports without the mark Synthetic Data (0008,001C)",
            *("exports", "by_kind", "unmarked"),
        ),
    }
    rows: list[Row] = []
    for space in sorted(details.content.get("privacy", {"spaces": {}})["spaces"]):
        for test in sorted(details.value("privacy", "spaces", space, "findings")):
            at = ("privacy", "spaces", space, "findings", test)
            reference = details.value("privacy", "tests", test, "compared_with")
            rows.append({
                "privacy test": details.fact("privacy test", "privacy", "tests", test, "title"),
                "distances": details.value("privacy", "spaces", space, "title"),
                "figure": details.fact("figure", *at, "value"),
                "outcome": details.fact("outcome", *at, "outcome"),
                "read against": details.fact("read against", *at, reference),
            })  # fmt: skip
    return facts, {
        "privacy": rows,
        "answers": [_answer(by, *question) for question in LAW_AND_PRIVACY],
    }


def _comprehension(card: Sequence[CardSection], by: Mapping[str, CardSection]) -> Contents:
    statuses = status.of_sections(card)
    there = sum(one.present for one in statuses)
    every = there + sum(len(one.missing) for one in statuses)
    source = ("model_card/card.json#/status",)
    facts = {
        "there": Fact(
            "Values of sections 1 to 10 that are there", there, "derived", source,
            note="the sum of present",
        ),
        "every": Fact(
            "Values of these sections in all", every, "derived", source,
            note="with the number of those missing",
        ),
        "share": Fact(
            "Share that is there", there / every, "derived", source, note="the one by the other"
        ),
    }  # fmt: skip
    return facts, {"answers": [_answer(by, *question) for question in REQUIRED_ANSWERS]}


def _answer(by: Mapping[str, CardSection], question: str, number: str, name: str) -> Row:
    """Where the card answers; a table does where it has rows."""
    fact = by[number].facts.get(name)
    there = fact.kind != "absent" if fact else bool(by[number].tables[name])
    missing = f"absent, awaiting: {fact.owner}" if fact else "no entry"
    return {
        "question": question,
        "section": number,
        "answer": "there" if there else missing,
    }


def _consistency(details: Document) -> Contents:
    rows: list[Row] = []
    for key in sorted(details.value("figures", "holdout")):
        row: dict[str, Fact | str] = {"figure": details.fact("figure", "metrics", key, "title")}
        for whose, name in (("synthetic", "synthetic"), ("real", "real baseline")):
            pair = [
                _figure(details, f"{name}, {group}", split, key, whose)
                for split, group in (("holdout", "held out"), ("train", "trained on"))
            ]
            row |= {fact.label: fact for fact in pair}
            values = [
                details.value("figures", s, key, whose, "value") for s in ("holdout", "train")
            ]
            row[f"{name}, difference"] = Fact(
                f"{name}, difference", abs(values[0] - values[1]), "derived",
                tuple(source for fact in pair for source in fact.sources), pair[0].unit,
                note="the larger less the smaller",
            )  # fmt: skip
        rows.append(row)
    return {}, {"splits": rows}
