"""Every section of the card, its facts collected from reports, manifests and declared texts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from syda.card import (
    configuration,
    datasets,
    departures,
    governance,
    metrics,
    release_changes,
    scorecard,
)
from syda.card.configuration import Network
from syda.card.declared import Declarations
from syda.card.facts import APPENDICES, OWNER, TITLES, CardSection, Row, slug
from syda.card.inputs import CardInputs, check_digests
from syda.card.signoffs import SignOff


def collect(
    inputs: CardInputs, network: Network, signed_off: Sequence[SignOff]
) -> list[CardSection]:
    """Return every section in the checklist's order, and the appendices but the last.

    Args:
        inputs: reports, manifests, declared texts, policy and releases.
        network: the generator as it is built from the parameters of the training's manifest.
        signed_off: the sign-offs there are.

    Raises:
        CheckFailed: the inputs are not of one run.
        CorruptData: an input lacks a value.
        UsageError: the policy requires a field that there is not.
    """
    check_digests((*inputs.reports.values(), *inputs.pictures), inputs.manifests)
    checklist = [
        _general(inputs),
        *datasets.sections(inputs),
        *configuration.sections(inputs, network),
        metrics.section(inputs),
        *governance.sections(inputs),
    ]
    by = {section.number: section for section in checklist}
    departed = departures.rows(inputs, network, by)
    checklist[0] = replace(checklist[0], tables={"departures": departed})
    sections = [
        *checklist,
        _checks(inputs),
        _provenance(inputs),
        _originals(inputs.declared),
        *scorecard.sections(inputs, checklist, signed_off),
        _pictures(inputs),
    ]
    inputs.policy.check_required({section.number: section for section in sections})
    return sections


def _general(inputs: CardInputs) -> CardSection:
    declared, train = inputs.declared, inputs.manifests["train"]
    facts = {
        "project_name": declared.fact("project_name", "Project name"),
        "report_version": declared.fact("report_version", "Report version"),
        "release_before": release_changes.release_before(inputs),
        "author": declared.fact_or_absent(
            "author", "Person developing the model", OWNER, "nobody is named yet"
        ),
        "date": declared.fact_or_absent(
            "date", "Date of handing in", OWNER, "the card is not handed in yet"
        ),
        "model_name": declared.fact("model_name", "Model name"),
        "model_description": declared.fact("model_description", "Model description"),
        "model_type": declared.fact("model_type", "Model type"),
        "model_version": declared.fact("model_version", "Model version"),
        "model_version_original": declared.fact(
            "historical/model_version", "Model version of the original (historical)"
        ),
        "data_version": inputs.reports["convert"].fact("Data version", "version"),
        "weights_digest": train.fact(
            "Digest of the weights, data/weights (sha256)", "writes", "data/weights", "sha256"
        ),
        "weights_bytes": train.fact(
            "Size of the weights", "writes", "data/weights", "bytes", unit="bytes"
        ),
        "contact": declared.fact_or_absent(
            "contact", "Contact", OWNER, "no address for questions is named"
        ),
        "maintenance": declared.fact_or_absent(
            "maintenance", "Maintenance", OWNER, "nobody has said who maintains the model"
        ),
        "repository": declared.fact_or_absent(
            "repository", "Repository link", OWNER, "the repository has no public address yet"
        ),
    }
    return CardSection("1", TITLES["1"], facts)


def _checks(inputs: CardInputs) -> CardSection:
    rows: list[Row] = []
    for name in ("resampled", "records", "synthetic"):
        document = inputs.reports[name]
        for number, part in enumerate(document.value("parts")):
            for index, rule in enumerate(part["rules"]):
                at = ("parts", number, "rules", index)
                rows.append({
                    "volumes": part["title"],
                    "rule": rule["sentence"],
                    "severity": document.value(*at, "severity"),
                    "observed": document.fact("observed", *at, "observed"),
                    "verdict": document.fact("verdict", *at, "verdict"),
                })  # fmt: skip
    return CardSection("A", APPENDICES["A"], tables={"rules": rows})


def _provenance(inputs: CardInputs) -> CardSection:
    rows: list[Row] = []
    for stage, manifest in inputs.manifests.items():
        facts = [("code", "its modules", manifest.fact("sha256", "code", "sha256"))]
        for what, key in (("read", "reads"), ("wrote", "writes")):
            for path in sorted(manifest.value(key)):
                facts.append((what, path, manifest.fact("sha256", key, path, "sha256")))
        for what, path, fact in facts:
            rows.append({"stage": stage, "what": what, "path": path, "sha256": fact})
    return CardSection("B", APPENDICES["B"], tables={"files": rows})


def _originals(declared: Declarations) -> CardSection:
    rows: list[Row] = [
        {
            "field": label,
            "original value": declared.fact(f"historical/{key}", "original value"),
            "in this card": where,
        }
        for key, label, where in (
            ("model_version", "model version", "section 1"),
            ("annotation", "annotation protocol", "section 2.2: choosing scans is a protocol too"),
            ("evaluation_data", "evaluation data", "section 3: held-out scans"),
            ("output", "output", "section 4.1: the voxel size after the fit is stated"),
            ("dataset_name", "dataset of the figures", "section 5"),
            ("ms_ssim", "MS-SSIM", "section 5, with its real baseline"),
            ("perceptual_loss", "perceptual loss", "section 5, with its real baseline"),
            (
                "limitations",
                "limitations",
                "section 6: training and generation of the default need no GPU",
            ),
        )
    ]
    return CardSection("C", APPENDICES["C"], tables={"originals": rows})


def _pictures(inputs: CardInputs) -> CardSection:
    evaluate, generate = inputs.manifests["evaluate"], inputs.manifests["generate"]
    details = inputs.reports["details"]
    facts = {
        "shown": details.fact("Synthetic volumes shown", "picture", "synthetic"),
        "scans": details.fact("Phantom scans shown", "picture", "scans"),
        "seed": generate.fact("Seed of the first", "params", "generate", "seed"),
    }
    for picture in inputs.pictures:
        name = Path(picture.path).name
        label = f"Digest of {name} (sha256)"
        facts[slug(name)] = evaluate.fact(label, "writes", picture.path, "sha256")
    return CardSection("F", APPENDICES["F"], facts)
