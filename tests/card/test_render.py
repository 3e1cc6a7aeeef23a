import pytest

from syda.card.facts import Fact, absent
from syda.card.render import Page, escape, plain


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
    fact = Fact("lr", 0.123456789, "measured", ("m.json#/params/lr",), exact=True)
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


def test_the_basis_links_each_file_once():
    fact = Fact("n", 1, "derived", ("reports/a.json#/x", "reports/a.json#/y", "b.yaml#/z"))
    assert Page(4, "../").basis(fact) == (
        "derived: [reports/a.json](../reports/a.json), [b.yaml](../b.yaml)"
    )


def test_a_table_has_the_columns_of_its_rows():
    rows = [{"name": "a|b", "n": Fact("n", 3, "declared", ("f#/n",), "mm")}]
    assert Page(4, "../").table(rows) == "| name | n |\n| --- | --- |\n| a\\|b | 3 mm |"
