from types import SimpleNamespace

from syda.card.declared import RoleHolder
from syda.card.documents import Document
from syda.card.facts import CardSection, Fact, absent
from syda.card.missing import grouped, missing_items
from syda.card.releases import Release

HERE = Fact("n", 1, "measured", ("file#/n",))
AUTHOR = absent("author", "project owner", "nobody is named")
TERMS = absent("licence", "legal counsel", "no terms")
SECTIONS = [
    CardSection("1", "", {"here": HERE, "author": AUTHOR}),
    CardSection("2", "", {"terms": TERMS, "author": AUTHOR}),
]


def declared(**roles):
    return SimpleNamespace(content=SimpleNamespace(report_version="0.9"), roles=roles)


def release(version, *fields):
    return Release(version, Document(version, {"absent": dict.fromkeys(fields, "role")}, ""))


def test_missing_values_are_listed_by_role():
    found = [(item.owner, item.section) for item in missing_items(SECTIONS, declared(), [])]
    assert found == [("legal counsel", "2"), ("project owner", "1"), ("project owner", "2")]


def test_who_holds_the_role_is_named():
    holder = RoleHolder(name="A Name", contact="a@example.org")
    items = missing_items(SECTIONS, declared(**{"legal counsel": holder}), [])
    assert [item.holder for item in items] == ["A Name, a@example.org", "", ""]


def test_since_is_the_first_release_in_a_row_without_the_value():
    earlier = [release("0.1", "1.author", "2.terms"), release("0.2", "1.author")]
    items = missing_items(SECTIONS, declared(), earlier)
    assert [item.since for item in items] == ["0.9", "0.1", "0.9"]


def test_values_that_differ_in_their_name_alone_share_a_row():
    risks = {f"risk{n}": absent("risk", "development team", "to be confirmed") for n in range(2)}
    other = {"limit": absent("limitation", "development team", "to be confirmed")}
    sections = [CardSection("6", "", risks | other), *SECTIONS]
    groups = grouped(missing_items(sections, declared(), []))
    assert [(group.section, group.values) for group in groups] == [
        ("6", "risk (2); limitation"),
        ("2", "licence"),
        ("1", "author"),
        ("2", "author"),
    ]
