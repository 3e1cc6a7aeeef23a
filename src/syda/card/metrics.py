"""Section 5, metrics: the checklist's table, every metric beside its real baseline, and properties.

Nothing here knows a protocol: the keys of metrics.json are walked, the evaluation's details say
what each means. The checklist's two columns are the keys that begin with ``ms_ssim`` and with
``perceptual``.
"""

from collections.abc import Mapping

from syda.card.declared import Declarations
from syda.card.schema import TITLES, Fact, Row, Section
from syda.card.sources import Document, leaves
from syda.errors import CorruptData

SPLITS = {"holdout": "held out", "train": "trained on"}
"""Splits with what became of their patients, in the order of the tables."""

AIMS = {
    "match": "as near to the real figure as can be",
    "lower": "low; the real figure is the floor",
    "higher": "high; the real figure is the ceiling",
}
"""How to read a metric, by the ``aim`` of the evaluation's details."""

_FIGURES = {
    "synthetic": "synthetic",
    "real": "real baseline",
    "difference": "difference",
    "difference_low": "95 % interval, low",
    "difference_high": "95 % interval, high",
    "n_synthetic": "n synthetic",
    "n_real": "n real",
}

_PRIVACY_AIMS = {
    "match": "as near to what it is read against as can be",
    "lower": "no higher than what it is read against",
    "higher": "no lower than what it is read against",
}

_BESIDE = {
    "control": "halves of the training scans",
    "real": "held-out scans",
}
"""What a privacy test is read against."""

_BY_CHANCE = {
    "control_low": "low by chance",
    "control_high": "high by chance",
    "p": "p against held-out scans",
}

_CONTROL = {
    "rho": "rank correlation",
    "rho_low": "95 % interval, low",
    "rho_high": "95 % interval, high",
    "rho_real": "rank correlation, real baseline",
    "mae": "mean absolute error",
    "mae_real": "mean absolute error, real baseline",
    "n": "n",
}


def section(reports: Mapping[str, Document], declared: Declarations) -> Section:
    """Return section 5.

    Raises:
        CorruptData: metrics.json lacks a split, a figure, or one of the checklist's two metrics.
    """
    metrics, details, convert = reports["metrics"], reports["details"], reports["convert"]
    columns = {
        "MS-SSIM": _key(metrics, "ms_ssim"),
        "perceptual loss": _key(metrics, "perceptual"),
    }
    rows = [_row(metrics, convert, split, columns) for split in SPLITS]
    facts = {
        "n_synthetic": metrics.fact("Synthetic volumes measured", "n", "synthetic"),
        "drawn": metrics.fact("Volumes drawn for them", "gate", "drawn"),
        "rejected": metrics.fact("Of these rejected by the gate, and replaced", "gate", "rejected"),
        "exports": metrics.fact("Exports checked against their volume", "exports", "checked"),
        "faulty_exports": metrics.fact("Of these faulty", "exports", "faulty"),
        "seed": details.fact("Seed of pairs and intervals", "sampling", "seed"),
        "original_dataset": declared.fact("historical/dataset_name", "Dataset of the original"),
        "original_ms_ssim": declared.fact("historical/ms_ssim", "MS-SSIM of the original"),
        "original_perceptual": declared.fact(
            "historical/perceptual_loss", "Perceptual loss of the original"
        ),
    }
    tables: dict[str, list[Row]] = {
        "checklist": [*rows, _historical(declared)],
        "meaning": [_meaning(details, key) for key in _keys(metrics)],
        "protocol": _protocol(details, _keys(metrics)),
        "gate": _gate(metrics),
        "properties": _properties(metrics, details),
        "properties_protocol": _properties_protocol(metrics, details),
        "privacy": _privacy(metrics, details),
        "privacy_meaning": _privacy_meaning(details),
        "privacy_protocol": _privacy_protocol(details),
        "privacy_spaces": _privacy_spaces(details),
    }
    tables |= {f"figures_{split}": _figures(metrics, details, split) for split in SPLITS}
    return Section("5", TITLES["5"], facts, tables)


def _keys(metrics: Document) -> list[str]:
    keys = [sorted(metrics.value(split)) for split in SPLITS]
    if keys[0] != keys[1]:
        raise CorruptData(f"{metrics.path}: the splits have different metrics")
    return keys[0]


def _key(metrics: Document, name: str) -> str:
    found = [key for key in _keys(metrics) if key.startswith(name)]
    if len(found) != 1:
        raise CorruptData(f"{metrics.path}: {len(found)} metrics {name}*, the card shows one")
    return found[0]


def _row(metrics: Document, convert: Document, split: str, columns: Mapping[str, str]) -> Row:
    version = convert.value("version")
    people = "artificial" if convert.value("artificial") else "real"
    cases = metrics.value("n", split)
    of_version = convert.pointer("version")
    row: dict[str, Fact | str] = {
        "dataset name": Fact("dataset name", f"{version} {split}", "derived", (of_version,)),
        "dataset description": Fact(
            "dataset description",
            f"{cases} scans of {people} patients, {SPLITS[split]}",
            "derived",
            (metrics.pointer("n", split), convert.pointer("artificial")),
        ),
    }
    for column, key in columns.items():
        row[column] = metrics.fact(column, split, key, "synthetic")
    for column, key in columns.items():
        row[f"{column}, real baseline"] = metrics.fact(
            f"{column}, real baseline", split, key, "real"
        )
    return row | {"n": metrics.fact("n", "n", split)}


def _historical(declared: Declarations) -> Row:
    untold = "unknown, historical"
    return {
        "dataset name": declared.fact("historical/dataset_name", "dataset name"),
        "dataset description": "historical: declared for an earlier model, protocol unknown",
        "MS-SSIM": declared.fact("historical/ms_ssim", "MS-SSIM"),
        "perceptual loss": declared.fact("historical/perceptual_loss", "perceptual loss"),
        "MS-SSIM, real baseline": untold,
        "perceptual loss, real baseline": untold,
        "n": untold,
    }


def _title(details: Document, key: str) -> Fact:
    return details.fact("metric", "metrics", key, "title")


def _figures(metrics: Document, details: Document, split: str) -> list[Row]:
    return [
        {"metric": _title(details, key)}
        | {label: metrics.fact(label, split, key, name) for name, label in _FIGURES.items()}
        for key in _keys(metrics)
    ]


def _meaning(details: Document, key: str) -> Row:
    aim = details.value("metrics", key, "aim")
    if aim not in AIMS:
        raise CorruptData(f"{details.pointer('metrics', key, 'aim')}: {aim!r} is no known aim")
    pointer = details.pointer("metrics", key, "aim")
    return {
        "metric": _title(details, key),
        "a good figure is": Fact("a good figure is", AIMS[aim], "derived", (pointer,)),
        "unit": _unit(details, "metrics", key, "unit"),
        "definition": details.fact("definition", "metrics", key, "source"),
        "key in metrics.json": key,
    }


def _unit(details: Document, *keys: str) -> Fact:
    fact = details.fact("unit", *keys)
    if fact.value != "1":
        return fact
    return Fact("unit", "none, a bare number", "derived", fact.sources, note="the unit 1")


def _protocol(details: Document, keys: list[str]) -> list[Row]:
    return [
        {
            "metric": _title(details, key),
            "choice": ".".join(choice),
            "value": details.fact("value", "metrics", key, "protocol", *choice),
        }
        for key in keys
        for choice in leaves(details.value("metrics", key, "protocol"))
    ]


def _gate(metrics: Document) -> list[Row]:
    """Volumes that the gate rejected, a row a reason that occurred."""
    return [
        {"reason": reason, "volumes": metrics.fact("volumes", "gate", "reasons", reason)}
        for reason, number in sorted(metrics.value("gate", "reasons").items())
        if number
    ]


def _properties(metrics: Document, details: Document) -> list[Row]:
    """Asked against measured, a row a property; none where the generator was asked for nothing."""
    return [
        {"property": name}
        | {
            label: metrics.fact(label, "properties", name, key) if key in figures else "not defined"
            for key, label in _CONTROL.items()
        }
        | {"unit of the error": _unit(details, "properties", "figures", name, "unit")}
        for name, figures in sorted(metrics.content.get("properties", {}).items())
    ]


def _properties_protocol(metrics: Document, details: Document) -> list[Row]:
    if "properties" not in metrics.content:
        return []
    return [
        {"choice": choice, "value": details.fact("value", "properties", "protocol", choice)}
        for choice in sorted(details.value("properties", "protocol"))
    ]


def _privacy(metrics: Document, details: Document) -> list[Row]:
    """Each privacy test in each space of distances; none where there were too few patients."""
    rows: list[Row] = []
    for space, tests in sorted(metrics.content.get("privacy", {}).items()):
        for name in sorted(tests):
            beside = details.value("privacy", "tests", name, "beside")
            at = ("privacy", space, name)
            row: dict[str, Fact | str] = {
                "test": _test(details, name),
                "distances": space,
                "figure": metrics.fact("figure", *at, "value"),
                "95 % interval, low": metrics.fact("95 % interval, low", *at, "low"),
                "95 % interval, high": metrics.fact("95 % interval, high", *at, "high"),
                "n": metrics.fact("n", *at, "n"),
                "read against": _BESIDE[beside],
                "their figure": metrics.fact("their figure", *at, beside),
            }
            for key, label in _BY_CHANCE.items():
                row[label] = metrics.fact(label, *at, key) if key in tests[name] else "not defined"
            rows.append(row)
    return rows


def _tests(details: Document) -> list[str]:
    return sorted(details.value("privacy", "tests")) if "privacy" in details.content else []


def _test(details: Document, name: str) -> Fact:
    return details.fact("test", "privacy", "tests", name, "title")


def _privacy_meaning(details: Document) -> list[Row]:
    rows: list[Row] = []
    for name in _tests(details):
        at = ("privacy", "tests", name, "aim")
        aim = _PRIVACY_AIMS[details.value(*at)]
        rows.append({
            "test": _test(details, name),
            "a good figure is": Fact("a good figure is", aim, "derived", (details.pointer(*at),)),
            "definition": details.fact("definition", "privacy", "tests", name, "source"),
        })  # fmt: skip
    return rows


def _privacy_protocol(details: Document) -> list[Row]:
    return [
        {
            "test": _test(details, name),
            "choice": choice,
            "value": details.fact("value", "privacy", "tests", name, "protocol", choice),
        }
        for name in _tests(details)
        for choice in sorted(details.value("privacy", "tests", name, "protocol"))
    ]


def _privacy_spaces(details: Document) -> list[Row]:
    def distance(label: str, space: str, *keys: str) -> Fact:
        return details.fact(label, "privacy", "spaces", space, *keys)

    return [
        {
            "distances": space,
            "how they compare": distance("how they compare", space, "title"),
            "unit": _unit(details, "privacy", "spaces", space, "unit"),
            "a copy is nearer than": distance("a copy is nearer than", space, "copy_threshold"),
        }
        | {
            f"{how} to a training scan, {whose}": distance(
                f"{how} to a training scan, {whose}", space, key, label
            )
            for key, how in (("median", "median"), ("closest", "smallest"))
            for label, whose in (("synthetic", "synthetic"), ("holdout", "held out"))
        }
        for space in sorted(details.content.get("privacy", {"spaces": {}})["spaces"])
    ]
