"""Section 5, metrics: the table of the checklist; every metric with its baseline and its goal.

The metrics are those of the evaluation's details, which describe each of them. The two columns of
the checklist are the metrics whose keys begin with ``ms_ssim`` and with ``perceptual``.
"""

from collections.abc import Sequence

from syda.card import baselines, checklist, groups, power
from syda.card.checklist import SPLITS
from syda.card.documents import Document
from syda.card.facts import TITLES, CardSection, Fact, Row
from syda.card.goals import GoalChecker, GoalResult
from syda.card.inputs import CardInputs
from syda.card.policy import QUESTIONS
from syda.errors import CorruptData
from syda.metrics import registry
from syda.metrics.privacy_results import COPIES, NEED_NEARNESS
from syda.metrics.verdict import FAR_RATIO
from syda.runtime.nested import leaves

AIMS = {
    "match": "as near to the real figure as can be",
    "lower": "low; the real figure is the floor",
    "higher": "high; the real figure is the ceiling",
}
"""How to read a metric, by the ``aim`` of the evaluation's details."""

_FIGURES = {
    "synthetic": ("synthetic", "value"),
    "real baseline": ("real", "value"),
    "difference": ("difference", "value"),
    "95 % interval, low": ("difference", "low"),
    "95 % interval, high": ("difference", "high"),
    "n synthetic": ("synthetic", "n"),
    "n real": ("real", "n"),
}
"""A metric's figures, and where the evaluation's details have them."""

_PRIVACY_AIMS = {
    "match": "as near to what it is read against as can be",
    "lower": "no higher than what it is read against",
    "higher": "no lower than what it is read against",
}

_PRIVACY_MEANING = {
    "ratio": "How far volumes lie from the nearest training scan, in distances of held-out scans.",
    "authentic": "Share of volumes whose nearest training scan has a nearer training scan.",
    "copies_q5": "Share of volumes nearer to a training scan than 95 % of held-out scans are.",
    "membership_auc": "How well the nearest volume tells training from held-out scans.",
    "nearer_to_train": "Share of volumes that are nearer to a training than to a held-out scan.",
}
"""What each privacy test measures, in a sentence."""

PREDICTED = {"body_width_mm": "body width in voxels"}
"""What the evaluation's regressors predict, where the property's name has another unit."""

_REFERENCES = {
    "control": "halves of the training scans",
    "real": "held-out scans",
}
"""What a privacy test is compared with."""

_LEAKS = {"match": "lower", "lower": "lower", "higher": "higher"}
"""Aim of a goal by the aim of its privacy test.

Of a test that should match its control the higher figure alone shows repeated scans.
"""

_BY_CHANCE = {
    "control_low": "low by chance",
    "control_high": "high by chance",
    "p": "p against held-out scans",
}

_CONTROL = {
    "rank correlation": ("synthetic", "rho", "value"),
    "95 % interval, low": ("synthetic", "rho", "low"),
    "95 % interval, high": ("synthetic", "rho", "high"),
    "rank correlation, real baseline": ("real", "rho", "value"),
    "mean absolute error": ("synthetic", "mae", "value"),
    "mean absolute error, real baseline": ("real", "mae", "value"),
    "n": ("synthetic", "mae", "n"),
}
"""A property's figures, and where the evaluation's details have them."""


def section(inputs: CardInputs) -> CardSection:
    """Return section 5.

    Raises:
        CorruptData: metrics.json or the details lack a split, a figure, or one of the checklist's
            two metrics.
    """
    metrics, details = inputs.reports["metrics"], inputs.reports["details"]
    policy = inputs.policy.with_defaults(details.path, details.value("metrics"))
    held_out = inputs.reports["pack"].fact("held-out scans", "cases", "holdout")
    goals = GoalChecker(policy, held_out)
    columns = {name: _key(details, beginning) for name, beginning in checklist.METRICS.items()}
    verdicts = [_goal(goals, details, key) for key in _keys(details)]
    properties = _properties(details, goals)
    utility = [_utility_goal(goals, details, row) for row in baselines.utility(details)]
    privacy = _privacy(details, goals, held_out)
    shown = _goal_rows(goals)
    facts = {
        "n_synthetic": metrics.fact("Synthetic volumes measured", "n", "synthetic"),
        "drawn": metrics.fact("Volumes drawn for them", "gate", "drawn"),
        "rejected": metrics.fact("Of these rejected by the gate, and replaced", "gate", "rejected"),
        **_copy_check(details),
        "exports": metrics.fact("Exports checked against their volume", "exports", "checked"),
        "faulty_exports": metrics.fact("Of these faulty", "exports", "faulty"),
        "seed": details.fact("Seed of pairs and intervals", "sampling", "seed"),
        **{
            f"original_{key}": inputs.declared.fact(f"historical/{name}", label)
            for key, name, label in (
                ("dataset", "dataset_name", "Dataset of the original"),
                ("ms_ssim", "ms_ssim", "MS-SSIM of the original"),
                ("perceptual", "perceptual_loss", "Perceptual loss of the original"),
            )
        },
        **goals.summary(),
        "goals_shown": Fact(
            "Figures in the table of goals",
            len(shown),
            "derived",
            (f"{policy.path}#/",),
            note="of several figures with one goal the least favourable",
        ),
        **inputs.policy.facts(),
        **groups.facts(inputs.reports["pack"]),
    }
    tables: dict[str, list[Row]] = {
        "checklist": checklist.rows(inputs, columns),
        "goals": shown,
        "questions": goals.by_question(),
        "not_informative": [
            {"figure": one.title, "goal": one.goal, "not informative because": one.why}
            for one in goals.results
            if one.why
        ],
        "reasons": goals.reasons(),
        "meaning": [_meaning(details, key) for key in _keys(details)],
        "kid_baselines": baselines.kid(details),
        "protocol": _protocol(details, _keys(details)),
        "gate": _gate(details),
        "properties": properties,
        "properties_protocol": _properties_protocol(details),
        "utility": utility,
        "privacy": privacy,
        "privacy_meaning": _privacy_meaning(details),
        "privacy_protocol": _privacy_protocol(details),
        "privacy_spaces": _privacy_spaces(details),
    }
    tables |= {f"figures_{split}": _figures(details, split) for split in SPLITS}
    held = zip(tables["figures_holdout"], verdicts, strict=True)
    tables["figures_holdout"] = [{**row, **verdict} for row, verdict in held]
    return CardSection("5", TITLES["5"], facts, tables)


def _goal_rows(goals: GoalChecker) -> list[Row]:
    """The table of goals: a row for each goal, of anatomy one a rule."""
    rows: list[Row] = []
    for one in sorted(_shown(goals.results), key=lambda one: list(QUESTIONS).index(one.question)):
        names = (
            ("control_low", "control_high") if "control_high" in one.figures else ("low", "high")
        )
        ends = [one.figures[name] for name in names if name in one.figures]
        rows.append({
            "question": one.question,
            "figure": one.title,
            "synthetic": one.figures.get("value", "not measured"),
            "real": one.figures.get("real", "none"),
            "95 % interval": Fact(
                "95 % interval", [fact.value for fact in ends], "derived",
                tuple(source for fact in ends for source in fact.sources), ends[0].unit,
                note="of the difference, of the figure itself, or by chance",
            ) if ends else "none",
            "goal": one.goal,
            "verdict": one.verdict,
        })  # fmt: skip
    return rows


def _shown(results: Sequence[GoalResult]) -> list[GoalResult]:
    """The results of the table: the least favourable of each goal, of anatomy one a rule."""
    found: dict[tuple[str, str], GoalResult] = {}
    for one in results:
        key = (one.part, one.title if one.question == "anatomy" else one.name)
        if key not in found or _favour(one) < _favour(found[key]):
            found[key] = one
    return list(found.values())


def _favour(one: GoalResult) -> tuple[int, float]:
    """Order of results, the least favourable first: by verdict, then by figure."""
    verdict = ("not met", "not informative", "met", "not measured").index(str(one.verdict.value))
    value, real = (
        float(str(fact.value)) if (fact := one.figures.get(name)) else 0.0
        for name in ("value", "real")
    )
    return verdict, {"higher": value, "lower": -value}.get(one.aim, -abs(value - real))


def _keys(details: Document) -> list[str]:
    keys = [sorted(details.value("figures", split)) for split in SPLITS]
    if keys[0] != keys[1]:
        raise CorruptData(f"{details.path}: the splits have different metrics")
    return keys[0]


def _key(details: Document, name: str) -> str:
    found = [key for key in _keys(details) if key.startswith(name)]
    if len(found) != 1:
        raise CorruptData(f"{details.path}: {len(found)} metrics {name}*, the card shows one")
    return found[0]


def _goal(goals: GoalChecker, details: Document, key: str) -> Row:
    """Goal and verdict of a metric on the holdout."""
    at = ("figures", "holdout", key)
    about = details.value("metrics", key)
    unit = "" if about["unit"] == "1" else about["unit"]
    figures = {
        "value": details.fact("synthetic", *at, "synthetic", "value", unit=unit),
        "real": details.fact("real", *at, "real", "value", unit=unit),
        "low": details.fact("95 % interval, low", *at, "difference", "low", unit=unit),
        "high": details.fact("95 % interval, high", *at, "difference", "high", unit=unit),
    }
    return goals.check("metrics", key, about["title"], about["aim"], figures)


def _utility_goal(goals: GoalChecker, details: Document, row: Row) -> Row:
    """A row of the utility table with goal and verdict."""
    name = str(row["property"])
    at = ("utility", "figures", name)
    figures = {
        "value": details.fact("synthetic", *at, "synthetic", "value"),
        "real": details.fact("real", *at, "real", "value"),
        "low": details.fact("95 % interval, low", *at, "difference", "low"),
        "high": details.fact("95 % interval, high", *at, "difference", "high"),
        "rival": details.fact("resized mean scan", *at, "resized_mean", "value"),
    }
    kind = {"r2": "R²", "auc": "AUC"}[details.value(*at, "figure")]
    predicted = PREDICTED.get(name, property_in_words(name))
    checked = goals.check("utility", name, f"{kind} for {predicted}", "higher", figures)
    return {**row, **checked, "predicted": predicted, "kind": kind}


def property_in_words(name: str) -> str:
    """Name of a property for people.

    >>> property_in_words("body_width_mm")
    'body width in mm'
    """
    words = name.replace("_", " ")
    return f"{words.removesuffix(' mm')} in mm" if words.endswith(" mm") else words


def _title(details: Document, key: str) -> Fact:
    return details.fact("metric", "metrics", key, "title")


def _figures(details: Document, split: str) -> list[Row]:
    return [
        {"metric": _title(details, key)}
        | {
            label: details.fact(label, "figures", split, key, *where)
            for label, where in _FIGURES.items()
        }
        | {"key": key}
        for key in _keys(details)
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
        "it measures": spec.description if (spec := registry.spec_of(key)) else "not described",
        "definition or source": details.fact("definition or source", "metrics", key, "source"),
        "key": key,
    }


def _unit(details: Document, *keys: str) -> Fact:
    fact = details.fact("unit", *keys)
    if fact.value != "1":
        return fact
    return Fact("unit", "none", "derived", fact.sources, note="the unit 1")


def _protocol(details: Document, keys: list[str]) -> list[Row]:
    return [
        {
            "metric": _title(details, key),
            "choice": ".".join(choice),
            "value": details.fact("value", "metrics", key, "protocol", *choice),
        }
        for key in keys
        for choice, _ in leaves(details.value("metrics", key, "protocol"))
    ]


def _copy_check(details: Document) -> dict[str, Fact]:
    """Whether the gate looked for copies of training scans; if not, why."""
    at = ("gate", "copy_check")
    checked = {"copy_check": details.fact("The gate looked for copies", *at, "checked")}
    if not details.value(*at, "checked"):
        checked["copy_check_off"] = details.fact("Why it did not", *at, "why")
    return checked


def _gate(details: Document) -> list[Row]:
    """Volumes that the quality gate rejected: one row for each reason that occurred."""
    return [
        {"reason": reason, "volumes": details.fact("volumes", "gate", "reasons", reason)}
        for reason, number in sorted(details.value("gate", "reasons").items())
        if number
    ]


def _properties(details: Document, goals: GoalChecker) -> list[Row]:
    """Requested and measured values, one row for each property."""

    def figure(name: str, label: str, whose: str, kind: str, *where: str) -> Fact | str:
        at = ("properties", "figures", name, whose)
        if details.value(*at) is None or details.value(*at, kind) is None:
            return "not defined"
        return details.fact(label, *at, kind, *where)

    rows: list[Row] = []
    for name in sorted(details.content.get("properties", {"figures": {}})["figures"]):
        row = {label: figure(name, label, *where) for label, where in _CONTROL.items()}
        row["unit of the error"] = _unit(details, "properties", "figures", name, "unit")
        rank = {
            "value": row["rank correlation"], "real": row["rank correlation, real baseline"],
            "low": row["95 % interval, low"], "high": row["95 % interval, high"],
        }  # fmt: skip
        figures = {key: fact for key, fact in rank.items() if isinstance(fact, Fact)}
        title = f"Rank correlation of requested and measured {property_in_words(name)}"
        rows.append(
            {
                "property": name, **row,
                **goals.check("properties", name, title, "higher", figures),
                "in words": property_in_words(name),
            }
        )  # fmt: skip
    return rows


def _properties_protocol(details: Document) -> list[Row]:
    if "properties" not in details.content:
        return []
    return [
        {"choice": choice, "value": details.fact("value", "properties", "protocol", choice)}
        for choice in sorted(details.value("properties", "protocol"))
    ]


def _privacy(details: Document, goals: GoalChecker, held_out: Fact) -> list[Row]:
    """Each privacy test in each space of distances; empty if there were too few patients."""
    rows: list[Row] = []
    for space in _spaces(details):
        far = _far_away(details, space)
        tests = details.value("privacy", "spaces", space, "findings")
        for name in sorted(tests):
            reference = details.value("privacy", "tests", name, "compared_with")
            at = ("privacy", "spaces", space, "findings", name)
            row: dict[str, Fact | str] = {
                "test": _test(details, name),
                "distances": space,
                "figure": details.fact("figure", *at, "value"),
                "95 % interval, low": details.fact("95 % interval, low", *at, "low"),
                "95 % interval, high": details.fact("95 % interval, high", *at, "high"),
                "n": details.fact("n", *at, "n"),
                "outcome": details.fact("outcome", *at, "outcome"),
                "read against": _REFERENCES[reference],
                "their figure": details.fact("their figure", *at, reference),
            }
            for key, label in _BY_CHANCE.items():
                row[label] = details.fact(label, *at, key) if key in tests[name] else "not defined"
            columns = {
                "value": "figure", "real": "their figure", "low": "95 % interval, low",
                "high": "95 % interval, high",
            } | _BY_CHANCE  # fmt: skip
            figures = {
                key: cell for key, of in columns.items() if isinstance(cell := row[of], Fact)
            }
            if far and name in NEED_NEARNESS:
                figures["untestable"] = far
            elif "p" in figures:
                figures["detectable"] = _detectable(details, space, name, held_out)
            title = f"{details.value('privacy', 'tests', name, 'title')}, {_short(details, space)}"
            aim = _LEAKS[details.value("privacy", "tests", name, "aim")]
            rows.append({**row, **goals.check("privacy", name, title, aim, figures)})
    return rows


def _short(details: Document, space: str) -> str:
    return str(details.value("privacy", "spaces", space, "title"))


def _far_away(details: Document, space: str) -> Fact | None:
    """Why tests of nearness cannot fail: volumes lie farther from training scans than scans do."""
    at = ("privacy", "spaces", space)
    synthetic, holdout = (details.value(*at, "median", who) for who in ("synthetic", "holdout"))
    tests = [details.value(*at, "findings", name, "outcome") for name in NEED_NEARNESS]
    if synthetic <= FAR_RATIO * holdout and "not testable" not in tests:
        return None
    text = f"volumes lie {synthetic / holdout:.2g} times as far from training scans as scans do"
    return Fact("why", text, "derived", (details.pointer(*at, "median"),))


def _detectable(details: Document, space: str, name: str, held_out: Fact) -> Fact:
    """The smallest effect that a test with a p would have found among so few volumes."""
    at = ("privacy", "spaces", space, "findings", name)
    scans, volumes = int(str(held_out.value)), details.value(*at, "n")
    count = round(details.value(*at, "real") * scans)
    smallest = (
        power.smallest_share_of_copies if name == COPIES else power.smallest_loss_of_authentic
    )
    found = smallest(volumes, scans, count)
    sources = (details.pointer(*at), *held_out.sources)
    return Fact("smallest effect that would be found", min(found, 1.0), "derived", sources)


def _spaces(details: Document) -> list[str]:
    return sorted(details.value("privacy", "spaces")) if "privacy" in details.content else []


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
            "it measures": _PRIVACY_MEANING.get(name, "not described"),
            "source": details.fact("source", "privacy", "tests", name, "source"),
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
    rows: list[Row] = []
    for space in _spaces(details):
        at = ("privacy", "spaces", space)
        row: dict[str, Fact | str] = {
            "distances": space,
            "how they compare": details.fact("how they compare", *at, "title"),
            "unit": _unit(details, *at, "unit"),
            "volumes tested": details.fact("volumes tested", *at, "volumes"),
            "a copy is nearer than": details.fact("a copy is nearer than", *at, "copy_threshold"),
        }
        for key, how in (("median", "median"), ("closest", "smallest")):
            for label, whose in (("synthetic", "synthetic"), ("holdout", "held out")):
                name = f"{how} to a training scan, {whose}"
                row[name] = details.fact(name, *at, key, label)
        rows.append(row)
    return rows
