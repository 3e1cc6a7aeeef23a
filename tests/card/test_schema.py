import pytest

from syda.card.schema import Fact, Section, absent


def test_a_value_without_a_source_cannot_exist():
    with pytest.raises(ValueError, match="without a source"):
        Fact("n", 3, "measured")


def test_only_absent_values_have_an_owner_and_no_value():
    with pytest.raises(ValueError, match="absent"):
        Fact("n", None, "measured", ("file#/n",))
    with pytest.raises(ValueError, match="absent"):
        Fact("n", None, "absent")
    with pytest.raises(ValueError, match="absent"):
        Fact("n", 3, "measured", ("file#/n",), owner="someone")


def test_json_keeps_the_raw_value_and_drops_what_is_empty():
    fact = Fact("n", 0.123456789, "measured", ("file#/n",))
    assert fact.as_json() == {
        "label": "n", "value": 0.123456789, "kind": "measured", "sources": ["file#/n"],
    }  # fmt: skip
    assert absent("n", "role", "why").as_json()["value"] is None


def test_a_section_yields_the_facts_of_its_tables():
    fact, cell = Fact("a", 1, "declared", ("f#/a",)), Fact("b", 2, "declared", ("f#/b",))
    section = Section("1", "General", {"a": fact}, {"t": [{"name": "text", "b": cell}]})
    assert list(section.all_facts()) == [fact, cell]
