from syda.card import status
from syda.card.facts import CardSection, Fact, absent

HERE = Fact("n", 1, "measured", ("file#/n",))
OWED = absent("author", "project owner", "nobody is named")
OTHER = absent("licence", "legal counsel", "no terms")


def test_a_section_with_its_parts_is_as_complete_as_all_of_them():
    sections = [
        CardSection("1", "General", {"a": HERE}),
        CardSection("2", "Data"),
        CardSection("2.1", "Version", {"a": HERE}),
        CardSection("2.2", "Protocol", {"a": OWED}),
        CardSection("7", "Clinical", {"a": OWED, "b": OTHER}),
        CardSection("10", "Legal", {"a": HERE}),
        CardSection("A", "Checks", {"a": OWED}),
    ]
    found = {one.number: one for one in status.of_sections(sections)}
    assert list(found) == ["1", "2", "7", "10"]
    assert [found[number].state for number in found] == [
        "complete", "partial", "awaiting", "complete",
    ]  # fmt: skip
    assert found["2"].words == "1 of 2 values missing"
    assert found["7"].words == "2 of 2 values missing"
    assert found["7"].owners == ["project owner", "legal counsel"]


def test_a_text_that_nobody_confirmed_for_this_data_is_missing():
    text = Fact(
        "risk", "a text", "declared", ("d#/r",), owner="development team", declared_for="v0"
    )
    (found,) = status.of_sections([CardSection("8", "Ethics", {"a": HERE, "b": text})])
    assert (found.state, found.missing) == ("partial", (text,))
