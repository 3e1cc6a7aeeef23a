import re

import pytest

from syda import paths
from syda.card import verify
from syda.card.exports import crosswalk
from syda.card.exports.crosswalk import Frame, FrameItem
from syda.card.exports.values import CardValues
from syda.card.facts import CardSection, Fact, absent
from syda.errors import UsageError
from syda.stages import card

NAME = Fact("Name", "A | B", "declared", ("d.yaml#/name",))
OTHER = Fact(
    "Consent", "a waiver", "declared", ("d.yaml#/consent",), owner="data owner", declared_for="v0"
)
VALUES = CardValues.of([
    CardSection("1", "General", {
        "report_version": NAME, "author": absent("Author", "project owner", "nobody is named"),
    }),
    CardSection("2.1", "Data", {"version": NAME, "consent": OTHER}, {"sex": []}),
    CardSection("D.1", "Congruence", tables={"figures": []}),
])  # fmt: skip


def frames(**item):
    entry = FrameItem(**({"id": "1", "item": "what | it is"} | item))
    return {"law": Frame(title="Law", source="a book", scope="It fits.", items=(entry,))}


def row(**item):
    return crosswalk.page(frames(**item), VALUES).splitlines()[-1]


def test_an_item_leads_to_sections_and_fields():
    fields = ("1.author", "2.1.sex", "2.1.consent", "D.1.figures")
    assert row(fields=fields) == (
        r"| 1 | what \| it is | [1](../model_card/model_card.md#s1), "
        "[2.1](../model_card/model_card.md#s2-1), [D.1](../model_card/evidence.md#sd-1) | "
        "`1.author` *absent*, `2.1.sex`, `2.1.consent` *unconfirmed*, `D.1.figures` |"
    )


@pytest.mark.parametrize(
    ("key", "words"),
    [("not_applicable", "Not applicable"), ("not_answered", "Not answered")],
)
def test_an_item_without_fields_says_why(key, words):
    assert row(**{key: "No."}) == rf"| 1 | what \| it is | none | {words}: No. |"


def test_items_are_counted():
    page = crosswalk.page(frames(not_applicable="No."), VALUES)
    assert "| [Law](#law) | 1 | 0 | 0 | 1 | 0 |" in page
    page = crosswalk.page(frames(fields=("1.author",)), VALUES)
    assert "| [Law](#law) | 1 | 1 | 0 | 0 | 0 |" in page
    page = crosswalk.page(frames(fields=("1.author",), partly="No group."), VALUES)
    assert "| [Law](#law) | 1 | 0 | 1 | 0 | 0 |" in page
    assert page.index("Synthetic data. Not for diagnosis") < page.index("## Law")


def test_an_item_that_is_answered_in_part_says_what_is_open():
    line = row(fields=("2.1.sex",), partly="No | group.")
    assert line.endswith(r"| `2.1.sex`. Partly: No \| group. |")
    with pytest.raises(ValueError, match="partly: what fields leave open"):
        FrameItem(id="1", item="x", partly="No group.", not_answered="No.")


@pytest.mark.parametrize("name", ["fda", "chai", "tripod"])
def test_no_item_about_groups_counts_as_answered(name):
    """No figure is computed for a group, so the power of a comparison answers no item."""
    frame = crosswalk.read()[name]
    found = [item for item in frame.items if {"5.power_sex", "5.power_age"} <= set(item.fields)]
    assert found
    assert all(item.partly for item in found if item.id != "10")  # the size of the sample


@pytest.mark.parametrize(
    "answers", [{}, {"fields": ("1.author",), "not_applicable": "No."}], ids=["none", "two"]
)
def test_an_item_has_one_answer(answers):
    with pytest.raises(ValueError, match="one of fields, not_applicable and not_answered"):
        FrameItem(id="1", item="x", **answers)


def test_a_field_that_the_card_lacks_is_named():
    with pytest.raises(UsageError, match=r"^crosswalk\.yaml: law: 1: the card has no field 1\.no:"):
        crosswalk.check(frames(fields=("1.no",)), VALUES)


def test_an_item_that_stands_there_twice_is_refused():
    (frame,) = frames(not_applicable="No.").values()
    twice = frame.model_copy(update={"items": frame.items * 2})
    with pytest.raises(UsageError, match="law: 1: stands there twice"):
        crosswalk.check({"law": twice}, VALUES)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("frames: {law: {title: t, source: s, scope: s, items: [], more: 1}}", "frames.law.more"),
        ("frames: {law: {title: t, source: s, scope: s, items: [{id: 1, item: x}]}}", "items.0.id"),
        ("frames: [", "crosswalk.yaml: "),
    ],
)
def test_the_file_is_read_strictly(tmp_path, monkeypatch, text, fault):
    monkeypatch.setattr(crosswalk, "__file__", str(tmp_path / "crosswalk.py"))
    (tmp_path / "crosswalk.yaml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(fault)):
        crosswalk.read()


def test_the_frames_are_whole():
    """TRIPOD+AI has 27 items, CLAIM 44, NIST 19 categories, annex IV 9 points."""
    found = {name: [item.id for item in one.items] for name, one in crosswalk.read().items()}
    assert list(found) == ["chai", "fda", "eu", "nist", "tripod", "claim"]
    numbers = [int(re.sub("[a-z]", "", one)) for one in found["tripod"]]
    assert list(dict.fromkeys(numbers)) == list(range(1, 28))
    assert found["claim"] == [str(number) for number in range(1, 45)]
    assert [one.split()[1] for one in found["nist"]] == [*"123456", *"12345", *"1234", *"1234"]
    points = [re.sub(r" \(\w\)", "", one) for one in found["eu"]]
    assert list(dict.fromkeys(points)) == [*(f"IV {number}" for number in range(1, 10)), "50"]
    seven = {"congruence", "coverage", "constraint", "completeness", "compliance",
             "comprehension", "consistency"}  # fmt: skip
    assert seven < set(found["fda"])


def test_every_link_of_the_page_resolves(exported):
    card.run(exported.root)
    assert verify.broken_links(exported.root, paths.CROSSWALK) == []
    page = (exported.root / paths.CROSSWALK).read_text()
    assert page.encode() == exported.files[paths.CROSSWALK]
    assert len(verify.links_of(paths.CROSSWALK, page)) > 200
