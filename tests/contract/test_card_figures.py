"""Every value of the card is that of its source, and every number on a page is one of its values.

Checked on the files as they are, by code that the card does not use: card.json against what it
points to, then the pages against card.json, with a rounding of its own.
"""

import csv
import functools
import html
import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import torch
from ruamel.yaml import YAML

from syda.card import json_schema
from syda.card.libraries import CHECKLIST, OUTSIDE_STAGES
from syda.card.seven_cs import SEVEN, criterion_of
from syda.metrics import registry
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator, layer_table
from syda.params import ModelParams

ROOT = Path(__file__).parents[2]
CARD = json.loads((ROOT / "model_card/card.json").read_text(encoding="utf-8"))
PAGES = {
    name: (ROOT / f"model_card/{name}.md").read_text(encoding="utf-8")
    for name in ("model_card", "evidence", "data_version")
}
SCHEMA = json.loads((ROOT / "model_card" / CARD["$schema"]).read_text(encoding="utf-8"))
DIGITS = json.loads((ROOT / "reports/manifest/card.json").read_text(encoding="utf-8"))["params"][
    "card"
]["significant_digits"]


def facts(card):
    """Every fact with its position: section, then name, or table and column."""
    for number, section in card["sections"].items():
        for name, fact in section["facts"].items():
            yield (number, name), fact
        for table, rows in section["tables"].items():
            for row in rows:
                for column, cell in row.items():
                    if isinstance(cell, dict):
                        yield (number, table, column), cell


# --- card.json against its sources


@functools.cache
def read(file):
    path = ROOT / file
    if file == "src/syda/card/libraries.py":
        return {
            "CHECKLIST": {library: instead for library, (_, instead) in CHECKLIST.items()},
            "OUTSIDE_STAGES": OUTSIDE_STAGES,
        }
    if file == "requirements.lock":
        pins = re.findall(r"^([^#\s]+)==(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        return {"packages": {re.sub(r"[-_.]+", "-", n).lower(): v for n, v in pins}}
    if path.suffix == ".yaml":
        return YAML(typ="safe").load(path)
    if path.suffix == ".csv":
        rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        return {column: [row[column] for row in rows] for column in rows.fieldnames}
    return json.loads(path.read_text(encoding="utf-8"))


def resolve(source):
    """What ``file#/json/pointer`` leads to (RFC 6901)."""
    file, pointer = source.split("#/")
    value = read(file)
    for escaped in pointer.split("/"):
        key = escaped.replace("~1", "/").replace("~0", "~")
        value = value[int(key) if isinstance(value, list) else key]
    return value


def networks(model, columns):
    options = ModelParams(**model).networks(columns)
    with torch.device("meta"):
        return Generator(**options["generator"]), Discriminator(**options["discriminator"])


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def losses(params):
    """The numbers of the losses in use."""
    rebuilt = params["reconstruction"]
    used = [params["r1_weight"], params["path_weight"]]
    used += [rebuilt["weight"], rebuilt["kl_weight"]] if rebuilt["weight"] else []
    return sorted(number for number in used if number)


def as_numbers(value):
    """A text by its numbers, any other value as it is."""
    text = re.sub(r"R1|KL", "", str(value))
    found = sorted(float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text))
    return found if isinstance(value, str) else value


def verdicts(verdict):
    """Number of figures whose row says so."""
    tables = CARD["sections"]["5"]["tables"]
    rows = [row for name in FIGURES for row in tables[name] if isinstance(row["verdict"], dict)]
    return sum(row["verdict"]["value"] == verdict for row in rows)


def privacy_verdicts(verdict):
    rows = CARD["sections"]["5"]["tables"]["privacy"]
    return sum(row["verdict"]["value"] == verdict for row in rows)


def unmeasured():
    """Names of the goals that no figure has."""
    names = CARD["sections"]["5"]["facts"]["goals_not_measured"]["value"]
    return [] if names == "none" else names.split(", ")


FIGURES = ("figures_holdout", "properties", "utility", "privacy")
"""Tables with goals and verdicts."""


def power(counts):
    if not isinstance(counts, dict) or not all(isinstance(n, int) for n in counts.values()):
        return "none: a group has too few patients to be counted"
    first, second = counts.values()
    return pytest.approx(2.801585 * (1 / first + 1 / second) ** 0.5, rel=1e-6)


DERIVED = {
    ("2.1", "source_verified"): lambda verified: verified.count("true"),
    ("2.2", "rejected"): len,
    ("3.1", "name"): lambda version: f"{version} holdout",
    ("3.2", "extent_smallest"): lambda side, mm: side * mm,
    ("3.2", "extent_largest"): lambda side, mm: side * mm,
    ("4.1", "blocks"): lambda channels: len(channels) - 1,
    ("4.1", "weights"): lambda *built: parameters(networks(*built)[0]),
    ("4.1", "discriminator_weights"): lambda *built: parameters(networks(*built)[1]),
    ("4.1", "losses"): losses,
    ("4.1", "images"): lambda stages: sum(stage["images"] for stage in stages),
    ("4.1", "images_alone"): lambda stages: sum(
        stage["images"] * (not stage["adversarial"]) for stage in stages
    ),
    **{
        ("4.1", f"effective_spacing_{which}"): lambda side, mm, n: mm * side / n
        for which in ("smallest", "median", "largest")
    },
    ("4.1", "layers", "output shape"): lambda *built: [
        list(shape) for _, _, shape, _ in layer_table(networks(*built)[0])
    ],
    ("4.1", "layers", "trained numbers"): lambda *built: [
        numbers for *_, numbers in layer_table(networks(*built)[0])
    ],
    ("4.3", "locked"): len,
    ("4.3", "listed"): len,
    ("4.3", "listed_in_use"): lambda listed, *imported: sum(
        any(re.sub("_", "-", name) in packages for packages in imported) for name in listed
    ),
    ("5", "goals"): lambda *_: sum(verdicts(one) for one in ("met", "not met", "not informative")),
    ("5", "goals_met"): lambda *_: verdicts("met"),
    ("5", "goals_not_met"): lambda *_: verdicts("not met"),
    ("5", "goals_not_informative"): lambda *_: verdicts("not informative"),
    ("5", "goals_shown"): lambda *_: len(CARD["sections"]["5"]["tables"]["goals"]),
    ("5", "goals_without_figure"): lambda *_: len(unmeasured()),
    ("5", "privacy_goals_met"): lambda *_: privacy_verdicts("met"),
    ("5", "privacy_goals_not_met"): lambda *_: privacy_verdicts("not met"),
    ("5", "privacy_goals_not_informative"): lambda *_: privacy_verdicts("not informative"),
    ("5", "goals", "95 % interval"): lambda *ends: [list(ends)],
    ("5", "power_sex"): power,
    ("5", "power_age"): power,
    ("5", "checklist", "dataset name"): lambda name, *release: [
        f"{name} holdout" + (f" (release {release[0]})" if release else "")
    ],
    ("5", "checklist", "dataset description"): lambda n, artificial: [
        f"{n} scans of {'artificial' if artificial else 'real'} patients, held out"
    ],
    ("8", "copies"): lambda share, n: round(share * n),
    ("D.3", "rules", "rules"): lambda rules: [len(rules)],
    ("D.3", "rules", "that hold"): lambda rules: [
        sum(rule["verdict"] == "passed" for rule in rules)
    ],
    ("D.5", "signed"): len,
    ("D.6", "there"): lambda status: sum(one["present"] for one in status.values()),
    ("D.6", "every"): lambda status: sum(
        one["present"] + len(one["missing"]) for one in status.values()
    ),
    ("D.6", "share"): lambda status: (
        DERIVED["D.6", "there"](status) / DERIVED["D.6", "every"](status)
    ),
    ("D.7", "splits", "synthetic, difference"): lambda one, other: [abs(one - other)],
    ("D.7", "splits", "real baseline, difference"): lambda one, other: [abs(one - other)],
}
"""How each derived value with a number in it follows from its sources, in their order. A list where
the position is a column: one of its entries."""

ELSEWHERE = {("1", "departures"), ("5", "questions"), ("E",)}
"""Derived values that repeat or count others of the card."""


def is_wrong(at, fact):
    """Whether a value is not what its sources say."""
    if fact["kind"] == "absent":
        return fact["value"] is not None or fact["sources"] != []
    values = [resolve(source) for source in fact["sources"] if not source.endswith("#/")]
    if fact["kind"] in ("measured", "setting", "declared") and at[-1] != "goal":
        return [fact["value"]] != values
    if at in DERIVED:
        found = DERIVED[at](*values)
        if len(at) == 3:
            return fact["value"] not in found
        return found not in (fact["value"], as_numbers(fact["value"]))
    if at[:2] in ELSEWHERE or at[:1] in ELSEWHERE:
        return False
    allowed = {float(v) for v in values if isinstance(v, int | float)}  # words that follow
    allowed |= {1.0} if at[-1] == "goal" else set()  # the highest value that there can be
    return not set(as_numbers(str(fact["value"]))) <= allowed


def test_every_library_that_a_stage_imported_is_in_the_lock():
    fact = CARD["sections"]["4.3"]["facts"]["unlocked"]
    lock, *imported = (resolve(source) for source in fact["sources"])
    assert not [pin for one in imported for pin in one.items() if pin not in lock.items()]
    assert fact["value"] == "none of them"


def test_every_value_of_the_card_is_that_of_its_source():
    wrong = [(at, fact["value"]) for at, fact in facts(CARD) if is_wrong(at, fact)]
    assert wrong == []
    assert len(list(facts(CARD))) > 1000


def test_questions_count_the_figures_that_they_group():
    section = CARD["sections"]["5"]["tables"]
    for verdict in ("met", "not met", "not informative"):
        cells = [row[verdict] for row in section["questions"]]
        counted = [cell["value"] for cell in cells if isinstance(cell, dict)]
        assert sum(counted) == verdicts(verdict)


def test_departures_repeat_values_of_section_4():
    values = [fact["value"] for at, fact in facts(CARD) if at[0].startswith("4")]
    for row in CARD["sections"]["1"]["tables"]["departures"]:
        cell = row["this run"]
        words = isinstance(cell["value"], str) and not re.search(r"\d{2}", cell["value"])
        assert cell["value"] in values or words or cell["value"] in values[0:0] + [
            resolve(source) for source in cell["sources"]
        ]  # fmt: skip


def test_all_sources_are_in_git_and_no_kind_is_missing():
    kinds = Counter(fact["kind"] for _, fact in facts(CARD))
    assert kinds.keys() == {"measured", "derived", "setting", "declared", "absent"}
    files = {source.split("#")[0] for _, fact in facts(CARD) for source in fact["sources"]}
    in_git = {file for file in files if (ROOT / file).is_file()}
    assert in_git == files
    assert {file for file in files if file.startswith("data/")} <= {"data/sources/versions.json"}


@pytest.mark.parametrize(
    "at",
    [("2.1", "train_cases"), ("4.1", "effective_spacing_median"), ("4.1", "losses"),
     ("5", "goals_met"), ("8", "copies"), ("10", "code_license")],
)  # fmt: skip
def test_an_altered_value_is_found(at):
    (fact,) = [fact for where, fact in facts(CARD) if where == at]
    value = fact["value"]
    if isinstance(value, str):
        other = f"{value} 9"
    else:  # nothing, if the run has no such value
        other = 0.001 if value is None else value * 1.001 + 0.001
    altered = fact | {"value": other}
    assert not is_wrong(at, fact)
    assert is_wrong(at, altered)


# --- the pages against card.json


def plain(cell):
    """A cell of a page without escapes, emphasis and link targets."""
    text = re.sub(r"\[((?:\\.|[^\]\\])*)\]\([^)]*\)", r"\1", cell)
    return html.unescape(re.sub(r"\\(.)", r"\1", text)).strip()


def text(value, exact):
    """A value as a page has to show it: figures rounded to the digits, settings in full."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text(item, exact) for item in value) or "an empty list"
    if value == {}:
        return "none"
    if isinstance(value, float) and not exact and value:
        number = Decimal(value)  # exactly the binary value
        unit = Decimal(1).scaleb(min(0, number.adjusted() - DIGITS + 1))
        shown = format(number.quantize(unit), "f")
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return " ".join(str(value).split())


def shown(cell):
    """What a page must print for a cell of card.json."""
    if isinstance(cell, str):
        return " ".join(cell.split())
    if cell["kind"] == "absent":
        note = cell["note"][:1].upper() + cell["note"][1:]
        return f"**absent**, awaiting: {cell['owner']}. {note}."
    exact = cell["kind"] == "declared" or any("#/params/" in s for s in cell["sources"])
    exact |= cell["kind"] == "setting" and any(s.startswith("params") for s in cell["sources"])
    exact &= cell["kind"] != "derived"
    return f"{text(cell['value'], exact)} {cell.get('unit', '')}".rstrip()


def tables(page):
    """Tables of some lines of Markdown, each as rows of column to text."""
    found, table = [], []
    for line in [*page.split("\n"), ""]:
        if line.startswith("|"):
            table.append([plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table:
            head, _, *rows = table
            found.append([dict(zip(head, row, strict=True)) for row in rows])
            table = []
    return found


def rows_of(card):
    """Every row of every table of card.json as it has to be shown, and every fact by its label."""
    rows = [
        {column: shown(cell) for column, cell in row.items()}
        for section in card["sections"].values()
        for table in section["tables"].values()
        for row in table
    ]
    return rows, {(fact["label"], shown(fact)) for _, fact in facts(card)}


def misprints(card, page):
    """Rows of a page's tables that are no rows of card.json."""
    rows, labelled = rows_of(card)
    columns = {frozenset(row) for row in rows}
    printed = {}
    found = []
    for table in tables(page):
        head = tuple(table[0])
        if head[:2] == ("field", "value"):
            found += [r for r in table if (r["field"], r["value"]) not in labelled]
        elif any(set(head) <= one for one in columns):
            if head not in printed:
                printed[head] = {tuple(row.get(c) for c in head) for row in rows}
            found += [r for r in table if tuple(r.values()) not in printed[head]]
    return found


def numbers(words):
    return set(re.findall(r"\d+(?:\.\d+)?", words))


def strangers(card, page):
    """Numbers of a page that are neither a template's nor those of a value of the card."""
    templates = (ROOT / "src/syda/card/templates").glob("*.md.j2")
    fixed = "".join(file.read_text(encoding="utf-8") for file in templates)
    allowed = numbers(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", fixed, flags=re.DOTALL))
    every = [shown(fact) for _, fact in facts(card)] + [
        f[key] for _, f in facts(card) for key in ("note", "declared_for") if key in f
    ]
    rows, labelled = rows_of(card)
    every += [cell for row in rows for pair in row.items() for cell in pair]
    every += [label for label, _ in labelled]
    every += [f"{one.number} {one.question} {one.limits}" for one in SEVEN]
    every += [f"{number} {section['title']}" for number, section in card["sections"].items()]
    for status in card["status"].values():
        missing, present = len(status["missing"]), status["present"]
        every += [f"{missing} {missing + present}", str(status["signoffs"])]
    owners = Counter(fact["owner"] for _, fact in facts(card) if fact.get("owner"))
    every += [f"{n}" for n in (*owners.values(), sum(owners.values()), *range(10))]
    every += [read(f"model_card/releases/{one}.json")["report_version"] for one in RELEASES]
    allowed = allowed.union(*map(numbers, every))
    body = re.sub(r"\]\([^)]*\)|sha256[^\n]*|`[0-9a-f]{64}`|<a id=.*", " ", page)
    return numbers(plain(body)) - allowed


RELEASES = sorted(
    path.stem for path in (ROOT / "model_card/releases").glob("*.json") if path.stem[0].isdigit()
)


@pytest.mark.parametrize("name", PAGES)
def test_every_row_of_a_table_is_the_cards(name):
    assert misprints(CARD, PAGES[name]) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_number_of_a_page_is_the_cards(name):
    assert strangers(CARD, PAGES[name]) == set()


def test_every_value_of_the_card_is_on_a_page():
    page = plain(" ".join(" ".join(PAGES.values()).split()))
    gone = [at for at, fact in facts(CARD) if shown(fact) not in page]
    assert gone == []


def test_the_section_of_metrics_shows_at_most_two_hundred_values():
    page = PAGES["model_card"]
    section = page[page.index('<a id="s5"></a>') : page.index('<a id="s6"></a>')]
    cells = [cell for table in tables(section) for row in table for cell in [*row.values()][2:]]
    assert 0 < len(cells) <= 200


def test_the_json_schema_is_the_structure_of_the_card():
    assert json_schema.card_schema() == SCHEMA
    assert json_schema.faults(CARD) == []
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(CARD)) == []


def test_every_metric_of_the_registry_belongs_to_one_c():
    for spec in registry.specs():
        assert criterion_of(spec.key) in SEVEN
    measured = CARD["sections"]["5"]["tables"]["figures_holdout"]
    rows = [row for one in SEVEN for row in CARD["sections"][one.number]["tables"]["figures"]]
    assert Counter(row["figure"]["value"] for row in rows) == Counter(
        row["metric"]["value"] for row in measured
    )


def test_page_two_lists_every_missing_value():
    page = PAGES["model_card"]
    _, status, owed, *_ = tables(page[: page.index('<a id="s1"></a>')])
    assert [row["section"].split()[0] for row in status] == sorted(CARD["status"], key=int)
    for row in status:
        one = CARD["status"][row["section"].split()[0]]
        missing, total = len(one["missing"]), len(one["missing"]) + one["present"]
        words = f"{missing} of {total} values missing" if missing else "complete"
        assert words in row["status"].split("; ")
    listed = Counter[tuple[str, str]]()
    for row in owed:
        role, (section, values) = row["role: name, contact"], row["section: value"].split(": ", 1)
        for value in values.split("; "):
            label, number = re.fullmatch(r"(.+?)(?: \((\d+)\))?", value).groups()
            listed[role.split(":")[0], f"{section}: {label}"] += int(number or 1)
    assert listed == Counter(
        (fact["owner"], f"{at[0]}: {fact['label']}")
        for at, fact in facts(CARD)
        if fact.get("owner")
    )


def test_a_misprinted_figure_is_found():
    row = CARD["sections"]["5"]["tables"]["checklist"][0]
    figure = shown(row["MS-SSIM"])
    page = PAGES["model_card"]
    assert misprints(CARD, page.replace(f"| {figure} |", f"| {figure}1 |"))
    assert strangers(CARD, page.replace(f" {figure} ", f" {figure}1 "))


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.123456, "0.1235"), (9.99996, "10"), (1234.5678, "1235"), (123456.7, "123457"), (2.0, "2"),
     (-0.0000123456, "-0.00001235"), (True, "yes"), ([1.5, 2], "1.5, 2"), ("a", "a"), (7, "7")],
)  # fmt: skip
def test_the_rounding_of_this_test(value, printed, monkeypatch):
    monkeypatch.setitem(globals(), "DIGITS", 4)
    assert text(value, exact=False) == printed
