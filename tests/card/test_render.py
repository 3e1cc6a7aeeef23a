import pytest

from syda.card.facts import CardSection, Fact, absent
from syda.card.render import Page, escape, fields_of, plain, unmarked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.4123456, "0.4123"), (0.00012345, "0.0001234"), (12345.6, "12346"), (2.0, "2"),
        (-0.05, "-0.05"), (0.0, "0.0"), (1e-7, "0.0000001"), (123456789, "123456789"),
        (True, "yes"), ([64, 32.5], "64, 32.5"), ("text", "text"), ([], "an empty list"),
    ],
)  # fmt: skip
def test_one_rule_of_rounding(value, shown):
    assert plain(value, 4) == shown


def test_a_setting_is_shown_in_full():
    fact = Fact("lr", 0.123456789, "setting", ("m.json#/params/lr",), exact=True)
    assert Page(4, "../").value(fact) == "0.123456789"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", r"a\|b"),
        ("<script>", "&lt;script&gt;"),
        ("a\nb\r\n# c", r"a b \# c"),
        ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
        ("[a](b)", r"\[a\](b)"),
        ("a & b \\", r"a &amp; b \\"),
    ],
)
def test_text_is_no_markup(text, safe):
    assert escape(text) == safe


def test_an_absent_value_says_who_owes_it_and_what():
    shown = Page(4, "../").value(absent("author", "project owner", "nobody is named yet"))
    assert shown == "**absent**, awaiting: project owner. Nobody is named yet."


def test_a_text_about_other_data_says_so():
    fact = Fact(
        "limit", "coarse", "declared", ("d#/l",), owner="development team", declared_for="v0"
    )
    assert Page(4, "../").value(fact) == "coarse *(declared for v0, not confirmed for this run)*"


@pytest.mark.parametrize("table", ["fields", "short"])
def test_settings_and_findings_never_stand_in_one_list(table):
    setting = Fact("lr", 0.1, "setting", ("m.json#/params/lr",))
    finding = Fact("n", 3, "measured", ("m.json#/n",))
    shown = getattr(Page(4, "../"), table)
    with pytest.raises(ValueError, match="settings beside findings: lr, n"):
        shown({"lr": setting, "n": finding})
    assert shown({"lr": setting}).count("|") == shown({"n": finding}).count("|")


def test_a_marked_page_leads_from_a_value_to_its_field():
    one, two = (Fact(name, 3, "measured", (f"m.json#/{name}",)) for name in ("a", "b"))
    sections = [CardSection("1", "General", {"a": one}, {"t": [{"row": "x", "b": two}]})]
    page = Page(4, "../", fields_of(sections))
    text = page.value(two)
    assert page.names(text) == ["1.t.x.b"]
    assert unmarked(text) == Page(4, "../").value(two) == "3"


def test_the_basis_links_each_file_once():
    fact = Fact("n", 1, "derived", ("reports/a.json#/x", "reports/a.json#/y", "b.yaml#/z"))
    assert Page(4, "../").basis(fact) == (
        "derived: [reports/a.json](../reports/a.json), [b.yaml](../b.yaml)"
    )


def test_a_table_has_the_columns_of_its_rows():
    rows = [{"name": "a|b", "n": Fact("n", 3, "declared", ("f#/n",), "mm")}]
    assert Page(4, "../").table(rows) == "| name | n |\n| --- | --- |\n| a\\|b | 3 mm |"
