from syda.card.exports.values import CardValues, words
from syda.card.facts import CardSection, Fact, absent

SIZE = Fact("Size", 0.123456789, "measured", ("f.json#/n",), "mm")
OWED = absent("Terms", "legal counsel", "whether they may be passed on")
TEXT = Fact("risk", "It fails.", "declared", ("d.yaml#/risks/0",))
OTHER = Fact(
    "Consent", "a waiver", "declared", ("d.yaml#/consent",), owner="data owner", declared_for="v0"
)
SECTION = CardSection(
    "2.1",
    "Data",
    {"size": SIZE, "terms": OWED, "sexes": SIZE},
    {
        "sexes": [{"sex": "F"}],
        "risks": [{"risk": TEXT, "of": "all", "none": ""}],
        "texts": [{"risk": TEXT}],
        "empty": [],
    },
)
VALUES = CardValues.of([SECTION])


def test_a_fact_has_all_its_digits_and_its_unit():
    assert words(SIZE) == "0.123456789 mm"
    assert VALUES.text("2.1.size") == "0.123456789 mm"


def test_what_is_missing_says_so_and_who_supplies_it():
    assert words(OWED) == "absent, awaiting legal counsel: whether they may be passed on"
    assert words(OTHER) == "a waiver (declared for v0, not confirmed for this run)"


def test_lines_of_a_fact_and_of_a_table():
    assert VALUES.lines("2.1.size") == ["Size: 0.123456789 mm"]
    assert VALUES.lines("2.1.risks") == ["- risk: It fails.; of: all"]
    assert VALUES.lines("2.1.texts") == ["- It fails."]
    assert VALUES.lines("2.1.sexes") == ["Size: 0.123456789 mm", "- F"]
    assert VALUES.lines("2.1.empty") == ["empty: none"]
    assert VALUES.column("2.1.risks", "of") == ["all"]


def test_each_name_leads_to_its_section():
    names = {"size", "terms", "sexes", "risks", "texts", "empty"}
    assert VALUES.sections == dict.fromkeys((f"2.1.{name}" for name in names), "2.1")
