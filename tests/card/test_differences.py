import pytest

from syda.card import differences, snapshots
from syda.card.facts import CardSection, Fact
from syda.card.render import Card, Page


def entry(field, value):
    return {"field": field, "kind": "measured", "sources": ["f#/x"], "value": value}


def test_a_row_with_columns_named_field_and_kind_is_no_fact():
    row = {"field": "x", "kind": "conv", "n": entry("1.n", 3)}
    assert list(snapshots.facts({"tables": {"layers": [row]}})) == [row["n"]]


@pytest.mark.parametrize(
    ("was", "now", "places"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, ["/a"]),
        ({"a": {"b": [1, True]}}, {"a": {"b": [1, 1]}}, ["/a/b/1"]),
        ({"a": [1]}, {"a": [1, 2]}, ["/a"]),
        ({"a/b": 1}, {}, ["/a~1b"]),
        ({}, {"new": 1}, ["/new"]),
        ({"x": entry("1.n", 3)}, {"x": entry("1.n", 4)}, ["1.n"]),
        ({"x": entry("1.n", 3)}, {"x": "none"}, ["1.n"]),
    ],
)
def test_each_difference_has_its_pointer(was, now, places):
    assert list(differences.altered_values(was, now)) == places


SIZE = Fact("Size", 16, "measured", ("f#/s",), "mm")
SHARE = Fact("Share", 0.123456, "measured", ("f#/h",))
SECTION = CardSection("4.1", "Algorithm", {"size": SIZE}, {"t": [{"case": "a|b", "share": SHARE}]})
VALUES = Page(4, "../")
TEXT = f"## In short\n0.1235\n### 4.1 Algorithm\nof 16 mm and 16 mm\n{VALUES.field(SIZE)}\n"
CARD = Card(TEXT + VALUES.row(SECTION.tables["t"][0]), "", [SECTION], [], VALUES)
FORM = differences.markdown(CARD.page)


def altered(old, new):
    assert old in CARD.page
    return list(differences.altered_lines(CARD, FORM, CARD.page.replace(old, new, 1)))


def test_the_page_as_it_is_has_no_difference():
    assert list(differences.altered_lines(CARD, FORM, CARD.page)) == []


def test_a_cell_is_named_by_its_field():
    assert altered("| Size | 16", "| Size | 17") == ["4.1.size: '17' stands there, '16' is right"]
    (found,) = altered(r"a\|b | 0.1235", r"a\|b | 0.1236")
    assert found == "4.1.t.a_b.share: '0.1236' stands there, '0.1235' is right"
    (found,) = altered(r"| a\|b | 0.1235 |", "| 0.1235 |")
    assert found.startswith("4.1.t.a_b.case, 4.1.t.a_b.share: ")


def test_a_sentence_is_named_by_the_value_that_it_tells_less_often():
    assert altered("and 16 mm", "and 61 mm") == ["4.1.size: '61' stands there, '16' is right"]
    assert altered("0.1235\n###", "0.12351\n###") == [
        "4.1.t.a_b.share: '0.12351' stands there, '0.1235' is right"
    ]
    assert altered("## In short", "## In all") == ["line 1: 'all' stands there, 'short' is right"]


def test_a_missing_and_an_added_line_are_named():
    assert altered("of 16 mm and 16 mm\n", "") == ["4.1.size: 'of 16 mm and 16 mm' is missing"]
    assert altered("of 16", "More.\nof 16") == ["line 4, which is none of the card's: 'More.'"]
