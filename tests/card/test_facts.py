import pytest

from syda.card.facts import CardSection, Fact, absent, row_names


def test_a_value_without_a_source_cannot_exist():
    with pytest.raises(ValueError, match="without a source"):
        Fact("n", 3, "measured")


def test_only_absent_values_have_an_owner_and_no_value():
    with pytest.raises(ValueError, match="missing"):
        Fact("n", None, "measured", ("file#/n",))
    with pytest.raises(ValueError, match="missing"):
        Fact("n", None, "absent")
    with pytest.raises(ValueError, match="missing"):
        Fact("n", 3, "measured", ("file#/n",), owner="someone")


def test_json_keeps_the_raw_value_and_drops_what_is_empty():
    fact = Fact("n", 0.123456789, "measured", ("file#/n",))
    assert fact.as_json() == {
        "label": "n", "value": 0.123456789, "kind": "measured", "sources": ["file#/n"],
    }  # fmt: skip
    assert absent("n", "role", "why").as_json()["value"] is None


def test_a_section_yields_the_facts_of_its_tables():
    fact, cell = Fact("a", 1, "declared", ("f#/a",)), Fact("b", 2, "declared", ("f#/b",))
    section = CardSection("1", "General", {"a": fact}, {"t": [{"name": "text", "b": cell}]})
    assert list(section.all_facts()) == [fact, cell]


def test_a_row_is_named_by_what_it_begins_with():
    n = Fact("n", 1, "measured", ("f#/n",))
    title = Fact("metric", "MS-SSIM of pairs", "measured", ("f#/t",))
    said = Fact("risk", "Any text", "declared", ("f#/r",))
    assert row_names([{"parameter": "train.loss", "value": n, "stages": "train"}]) == ["train.loss"]
    assert row_names([{"metric": title, "choice": "hu", "value": n}]) == ["ms_ssim_of_pairs.hu"]
    assert row_names([{"risk": said, "what": said}, {"risk": said, "what": said}]) == ["1", "2"]
    assert row_names([{"limitation": n}]) == ["1"]
    assert row_names([{"stage": "a", "n": n}, {"stage": "b", "n": n}, {"stage": "a", "n": n}]) == [
        "a.1", "b", "a.3",
    ]  # fmt: skip


def test_a_fact_has_its_full_name_in_the_json():
    fact = Fact("n", 1, "measured", ("f#/n",))
    section = CardSection("4.4", "T", {"a": fact}, {"t": [{"key": "x.y", "95 % high, no.": fact}]})
    found = section.as_json()
    assert found["facts"]["a"]["field"] == "4.4.a"
    assert found["tables"]["t"][0]["95 % high, no."]["field"] == "4.4.t.x.y.95_high_no"
