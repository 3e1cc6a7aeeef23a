"""Every value of the card is that of its source, and every number on the page is one of its values.

Checked on the files as they are: card.json against what it points to, then the page against
card.json, with a rounding of its own.
"""

import copy
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
from syda.card.policy import RULES
from syda.card.seven_cs import SEVEN, criterion_of
from syda.card.snapshots import Snapshot, part_of_a_release
from syda.metrics import registry
from syda.model.generator import Generator, layer_table
from syda.params import ModelParams

ROOT = Path(__file__).parents[2]
CARD = json.loads((ROOT / "model_card/card.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "model_card/model_card.md").read_text(encoding="utf-8")
DATA_PAGE = (ROOT / "model_card/data_version.md").read_text(encoding="utf-8")
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


def network(model, places):
    with torch.device("meta"):
        return Generator(**ModelParams(**model).networks(places)["generator"])


def people(artificial):
    return "artificial" if artificial else "real"


def goal(rule, *bound):
    return RULES[rule].format(*bound)


def verdict(rule, *values):
    """What follows from a rule and its figures, worked out anew; a rule alone measures nothing."""
    if len(values) < (1 if rule == "chance" else 2):
        return "not measured"
    if rule == "chance":
        *value, low, high = values if len(values) > 1 else (0, *values, 0)
        if len(values) == 1:  # a probability
            return "met" if low >= 0.025 else "not met"
        return "met" if (value[0] <= high if value else low <= 0) else "not met"
    bound, value, *real = values
    return "met" if {
        "difference at most": lambda: abs(value - real[0]) <= bound,
        "times real at most": lambda: value <= bound * real[0],
        "times real at least": lambda: value >= bound * real[0],
        "at most": lambda: value <= bound,
        "at least": lambda: value >= bound,
    }[rule]() else "not met"  # fmt: skip


def failing():
    """For each goal the figures that do not meet it, as their own rows say."""
    tables, found = CARD["sections"]["5"]["tables"], {}
    spaces = {
        row["distances"]: row["how they compare"]["value"] for row in tables["privacy_spaces"]
    }
    for table in ("figures_holdout", "properties", "privacy"):
        for row in tables[table]:
            if isinstance(row["verdict"], dict):
                title = spaces.get(row.get("distances"), row.get("property"))
                title = row["metric"]["value"] if "metric" in row else title
                name = row["verdict"]["sources"][0].split("/")[-2].replace("_", " ")
                found.setdefault(name, []).append((title, row["verdict"]["value"]))
    return {
        name: (len(verdicts), ", ".join(t for t, verdict in verdicts if verdict == "not met"))
        for name, verdicts in found.items()
    }


def goals(*verdicts):
    """Names of the goals with one of these verdicts, and what fails those for several figures."""
    rows, named = CARD["sections"]["5"]["tables"]["goals"], []
    for row in rows:
        if row["verdict"]["value"] in verdicts:
            several, titles = failing().get(row["figure"], (0, ""))
            shown = several > 1 and titles
            named.append(f"{row['figure']} ({titles})" if shown else row["figure"])
    return named


def differing(*released):
    """Number of values of a release that are other ones in the card, or are not there."""
    *by_kind, absent, units, sections = released
    old = {
        field: {"value": value, "kind": kind, "unit": units.get(field, "")}
        for kind, values in zip(("measured", "derived", "declared"), by_kind, strict=True)
        for field, value in values.items()
    } | {field: {"value": None, "kind": "absent", "unit": ""} for field in absent}
    new = {
        fact["field"]: {key: fact.get(key, "") for key in ("value", "kind", "unit")}
        for _, fact in facts({"sections": sections})
        if not fact["field"].startswith("E.")
    }
    held = {field for field in new if part_of_a_release(of_fields(field)).values}
    return sum(old.get(field) != new.get(field) for field in {*old, *held})


def of_fields(*names):
    return Snapshot({name: {} for name in names}, {}, {}, {})


def elsewhere(*values):
    """Values of the card that have these sources."""
    return [
        fact["value"] for at, fact in facts(CARD)
        if at[0] != "E" and [resolve(s) for s in fact["sources"]] == list(values)
    ]  # fmt: skip


GOALS = {
    ("5", "goals"): lambda *_: len(goals("met", "not met", "not measured")),
    ("5", "goals", "not met by"): lambda *_: [titles for _, titles in failing().values()],
    ("5", "goals_met"): lambda *_: len(goals("met")),
    ("5", "goals_not_met"): lambda *_: ", ".join(goals("not met")) or "none",
    ("5", "goals_not_measured"): lambda *_: ", ".join(goals("not measured")) or "none",
    **{
        ("5", table, "goal"): lambda *rule: [goal(*rule)]
        for table in ("goals", "figures_holdout", "properties", "privacy")
    },
    **{
        ("5", table, "verdict"): lambda *values: [verdict(*values)]
        for table in ("figures_holdout", "properties", "privacy")
    },
    **{
        ("5", "checklist", f"{metric}, goal"): lambda rule, bound, *rest: [
            f"{verdict(rule, bound, *rest)}: {goal(rule, bound)}"
        ]
        for metric in ("MS-SSIM", "perceptual loss")
    },
    **{
        ("5", "checklist", f"{metric}, 95 % interval of the difference"): lambda *ends: [list(ends)]
        for metric in ("MS-SSIM", "perceptual loss")
    },
}
CHANGES = {
    ("E", "changed"): differing,
    ("E", "digests"): lambda was, now: sum(
        was[path] != sha256 for path, sha256 in now.items() if path in was
    ),
    **{
        ("E", table, "now"): elsewhere
        for table in ("identity", "crossed", "figures", "settings", "texts", "missing")
    },
}
DERIVED = (
    GOALS
    | CHANGES
    | {
        ("2.1", "source_verified"): lambda verified: verified.count("true"),
        ("2.2", "set_aside"): len,
        ("3.1", "name"): lambda version: f"{version} holdout",
        ("3.2", "extent_smallest"): lambda side, mm: side * mm,
        ("3.2", "extent_largest"): lambda side, mm: side * mm,
        ("4.1", "blocks"): lambda channels: len(channels) - 1,
        ("4.1", "weights"): lambda *built: sum(p.numel() for p in network(*built).parameters()),
        ("4.1", "effective_spacing_smallest"): lambda side, mm, n: mm * side / n,
        ("4.1", "effective_spacing_median"): lambda side, mm, n: mm * side / n,
        ("4.1", "effective_spacing_largest"): lambda side, mm, n: mm * side / n,
        ("4.1", "layers", "output shape"): lambda *built: [
            list(shape) for _, _, shape, _ in layer_table(network(*built))
        ],
        ("4.1", "layers", "trained numbers"): lambda *built: [
            numbers for *_, numbers in layer_table(network(*built))
        ],
        ("4.3", "locked"): len,
        ("D.3", "rules", "rules"): lambda rules: [len(rules)],
        ("D.3", "rules", "that hold"): lambda rules: [
            sum(rule["verdict"] == "passed" for rule in rules)
        ],
        ("4.1", "images"): lambda stages: sum(stage["images"] for stage in stages),
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
        ("5", "checklist", "dataset name"): lambda name, *release: [
            f"{name} {split}" + (f" (release {release[0]})" if release else "")
            for split in ("holdout", "train")
        ],
        ("5", "checklist", "dataset description"): lambda n, artificial: [
            f"{n} scans of {people(artificial)} patients, {fate}"
            for fate in ("held out", "trained on")
        ],
    }
)
"""How each derived value with a number in it follows from its sources, in their order. A list where
the position is a column: one of its entries."""


def is_wrong(at, fact):
    """Whether a value is not what its sources say."""
    if fact["kind"] == "absent":
        return fact["value"] is not None or fact["sources"] != []
    values = [resolve(source) for source in fact["sources"]]
    if fact["kind"] in ("measured", "declared"):
        return [fact["value"]] != values
    if at not in DERIVED:  # words that follow from a value
        return bool(re.search(r"\d", str(fact["value"])))
    found = DERIVED[at](*values)
    return fact["value"] not in found if len(at) == 3 else fact["value"] != found


def test_every_library_that_a_stage_imported_is_in_the_lock():
    fact = CARD["sections"]["4.3"]["facts"]["unlocked"]
    lock, *imported = (resolve(source) for source in fact["sources"])
    assert not [pin for one in imported for pin in one.items() if pin not in lock.items()]
    assert fact["value"] == "none of them"


def test_every_value_of_the_card_is_that_of_its_source():
    wrong = [(at, fact["value"]) for at, fact in facts(CARD) if is_wrong(at, fact)]
    assert wrong == []


def test_all_sources_are_in_git_and_no_kind_is_missing():
    kinds = Counter(fact["kind"] for _, fact in facts(CARD))
    assert kinds.keys() == {"measured", "derived", "declared", "absent"}
    files = {source.split("#")[0] for _, fact in facts(CARD) for source in fact["sources"]}
    data = {file for file in files if file.startswith("data/")}
    assert not {file for file in data if not file.startswith("data/sources/")}
    assert not {file for file in files if not (ROOT / file).is_file()}
    assert {at for at, fact in facts(CARD) if at in DERIVED and fact["kind"] == "derived"}


@pytest.mark.parametrize(
    "at", [("2.1", "train_cases"), ("4.1", "effective_spacing_median"), ("10", "code_license")]
)
def test_an_altered_value_is_found(at):
    (fact,) = [fact for where, fact in facts(CARD) if where == at]
    value = fact["value"]
    altered = fact | {"value": f"{value}." if isinstance(value, str) else value * 1.0001}
    assert not is_wrong(at, fact)
    assert is_wrong(at, altered)


# --- the page against card.json


def plain(cell):
    """A cell of the page without escapes, emphasis and link targets."""
    text = re.sub(r"\[((?:\\.|[^\]\\])*)\]\([^)]*\)", r"\1", cell)
    return html.unescape(re.sub(r"\\(.)", r"\1", text)).strip()


def text(value, exact):
    """A value as the page has to show it: figures rounded to the digits, settings in full."""
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
    """What the page must print for a cell of card.json."""
    if isinstance(cell, str):
        return " ".join(cell.split())
    if cell["kind"] == "absent":
        note = cell["note"][:1].upper() + cell["note"][1:]
        return f"**absent**, awaiting: {cell['owner']}. {note}."
    exact = cell["kind"] == "declared" or any("#/params/" in s for s in cell["sources"])
    exact &= cell["kind"] != "derived"
    return f"{text(cell['value'], exact)} {cell.get('unit', '')}".rstrip()


def tables(lines):
    """Tables of some lines of Markdown, each as rows of column to text."""
    found, table = [], []
    for line in [*lines, ""]:
        if line.startswith("|"):
            table.append([plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table:
            head, _, *rows = table
            found.append([dict(zip(head, row, strict=True)) for row in rows])
            table = []
    return found


def parts(page):
    """Sections of the page by their number, the part above the first as ``""``."""
    pieces = re.split(r'<a id="s([^"]*)"></a>', page)
    numbers = [number.upper().replace("-", ".") for number in pieces[1::2]]
    return {"": pieces[0], **dict(zip(numbers, pieces[2::2], strict=True))}


def misprints(card, page, data_page=""):
    """Values of card.json that the page does not show, and tables of the page that it lacks.

    The page of the data version shows tables that the first lacks, and repeats facts.
    """
    found, printed, more = [], parts(page), numbered(data_page)
    for number, section in card["sections"].items():
        every = [
            Counter(
                frozenset((column, shown(cell)) for column, cell in row.items()) for row in rows
            )
            for rows in section["tables"].values()
            if rows
        ]
        labels = Counter((fact["label"], shown(fact)) for fact in section["facts"].values())
        wanted, fields = list(every), Counter(labels)
        for at, text_ in (("", printed[number]), ("data", more.get(number, ""))):
            for rows in tables(text_.split("\n")):
                if "how it is known" in rows[0]:
                    there = Counter((row["field"], row["value"]) for row in rows)
                    found += [(number, at, *row) for row in there - labels]
                    fields.subtract(Counter() if at else there)
                    continue
                table = Counter(frozenset(row.items()) for row in rows)
                if table not in every:
                    found.append((number, at, rows[0]))
                elif table in wanted:
                    wanted.remove(table)
        sentences = plain(" ".join(printed[number].split()))
        for (label, value), count in fields.items():
            if count < 0 or (count > 0 and value not in sentences):
                found.append((number, label, value))
        found += [(number, min(map(sorted, table))) for table in wanted]
    return found


def numbered(page):
    """Sections of the data version's page by the number in their heading."""
    pieces = re.split(r"^## (\d+(?:\.\d+)?) .*$", page, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def numbers(words):
    return set(re.findall(r"\d+(?:\.\d+)?", words))


def prose(page):
    """The page without tables, link targets and pictures."""
    lines = [line for line in page.split("\n") if not line.startswith(("|", "![", "<a "))]
    return plain("\n".join(lines))


def strangers(card, page, name="template.md.j2"):
    """Numbers in the page's sentences that are neither the template's nor a value of the card."""
    template = (ROOT / "src/syda/card" / name).read_text(encoding="utf-8")
    fixed = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", template, flags=re.DOTALL)
    states = Counter(status["state"] for status in card["status"].values())
    missing = sum(fact["kind"] == "absent" for _, fact in facts(card))
    allowed = numbers(fixed) | {str(n) for n in (*states.values(), len(card["status"]), missing, 0)}
    allowed = allowed.union(*(numbers(shown(fact)) for _, fact in facts(card)))
    allowed = allowed.union(
        *(numbers(f"{one.number} {one.question} {one.limits}") for one in SEVEN)
    )
    return numbers(prose(page)) - allowed


def test_every_table_and_value_of_the_page_is_the_cards():
    assert misprints(CARD, PAGE, DATA_PAGE) == []


def test_every_number_in_a_sentence_is_the_cards():
    assert strangers(CARD, PAGE) == set()
    assert strangers(CARD, DATA_PAGE, "data_version.md.j2") == set()


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


def test_the_contents_count_what_is_there():
    contents, owed, *signed = tables(parts(PAGE)[""].split("\n"))
    signatures = []
    for row in contents:
        number = row["section"].split()[0]
        status = CARD["status"].get(number, {"state": "appendix"})
        signs = status.get("signoffs", [])
        missing, present = len(status.get("missing", [])), status.get("present", 0)
        who = ", ".join(status.get("owners", []))
        words = [f"stale sign-off: {s['role']}, {s['date']}" for s in signs if s["stale"]]
        assert (status["state"] == "stale sign-off") == bool(words)
        if status["state"] == "appendix":
            words.append("appendix")
        elif status["state"] == "not applicable":
            words.append(row["status"])
            assert re.fullmatch(
                r"not applicable: .+ \(decided by: development team\)", row["status"]
            )
        elif not missing:
            words.append("complete")
        elif not present:
            words.append(f"awaiting: {who}")
        else:
            words.append(
                f"partial: {missing} of {missing + present} values absent, awaiting: {who}"
            )
        words += [f"signed off: {s['role']}, {s['date']}" for s in signs if not s["stale"]]
        assert row["status"] == "; ".join(words)
        signatures += [(number, s["name"], s["role"], s["date"], s["meaning"]) for s in signs]
    columns = ("who", "role", "date", "what it says")
    rows = [(r["section"].split()[0], *(r[c] for c in columns)) for table in signed for r in table]
    assert rows == signatures
    absent = [(at[0], fact) for at, fact in facts(CARD) if fact["kind"] == "absent"]
    assert Counter((r["who"], r["section"], r["value"], r["what is missing"]) for r in owed) == (
        Counter((fact["owner"], number, fact["label"], fact["note"]) for number, fact in absent)
    )
    owed = [
        number for number, _ in absent if not number.startswith("D")
    ]  # an appendix has no status
    assert sum(len(status["missing"]) for status in CARD["status"].values()) == len(owed)


def test_a_misprinted_figure_is_found():
    at, fact = next(
        (p, f)
        for p, f in facts(CARD)
        if p[:2] == ("5", "checklist") and isinstance(f["value"], float)
    )
    figure = shown(fact)
    assert misprints(CARD, PAGE.replace(f"| {figure} |", f"| {figure}1 |"), DATA_PAGE), at
    assert strangers(CARD, PAGE.replace(f" is {figure} (among", f" is {figure}1 (among"))
    altered = copy.deepcopy(CARD)
    altered["sections"]["2.1"]["facts"]["raw_bytes"]["value"] += 1
    assert misprints(altered, PAGE, DATA_PAGE)
    (row, *_) = CARD["sections"]["2.1"]["tables"]["sex"]
    cells = f"| {row['sex']} | {row['patients']['value']}"
    assert cells in DATA_PAGE
    assert misprints(CARD, PAGE, DATA_PAGE.replace(cells, f"{cells}1"))
    assert misprints(CARD, PAGE)  # without the data version's page its tables are nowhere


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.123456, "0.1235"), (9.99996, "10"), (1234.5678, "1235"), (123456.7, "123457"), (2.0, "2"),
     (-0.0000123456, "-0.00001235"), (True, "yes"), ([1.5, 2], "1.5, 2"), ("a", "a"), (7, "7")],
)  # fmt: skip
def test_the_rounding_of_this_test(value, printed, monkeypatch):
    monkeypatch.setitem(globals(), "DIGITS", 4)
    assert text(value, exact=False) == printed
