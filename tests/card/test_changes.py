import pytest

from syda.card import changes, diff
from syda.card.snapshots import of_card, part_of_a_release


def fact(field, value, kind="measured", label="n", **more):
    sources = [] if kind == "absent" else ["f#/x"]
    return {
        "field": field, "label": label, "value": value, "kind": kind, "sources": sources, **more,
    }  # fmt: skip


def card(*facts, signoffs=(), sigma=1.5, inputs=None, column="key", **status):
    """A card with some facts, and with the metric KID measured by a protocol."""
    state = {"state": "complete", "present": 1, "missing": [], "owners": []} | status
    meaning = [{"metric": fact("m", "KID"), column: "kid_poly3"}]
    protocol = [{"metric": fact("m", "KID"), "choice": "sigma", "value": fact("m", sigma)}]
    tables = {"meaning": meaning, "protocol": protocol}
    return of_card({
        "status": {"1": state | {"signoffs": list(signoffs)}},
        "sections": {
            "1": {"facts": {one["field"]: one for one in facts}, "tables": {}},
            "5": {"facts": {}, "tables": tables},
        },
        "inputs": inputs or {},
    })  # fmt: skip


def page(before, after, digits=4):
    return diff.page(before, after, ("a|b", "now"), digits)


def test_equal_cards_do_not_differ():
    one = card(fact("1.n", 0.5))
    assert page(one, one) == "## Model card: a\\|b to now\n\nNothing differs."


def test_each_kind_of_change_has_its_table():
    before = card(
        fact("A.rules.x.verdict", "passed"), fact("1.n", 0.5, unit="mm"),
        fact("1.t", "<old>", "declared"), fact("1.o", None, "absent", owner="counsel"),
        fact("B.files.x", "ab"), fact("1.gone", 1), inputs={"a": "1", "b": "1"},
    )  # fmt: skip
    after = card(
        fact("A.rules.x.verdict", "failed"), fact("1.n", 0.75, unit="mm"),
        fact("1.t", "new | text", "declared"), fact("1.o", "said", "declared"),
        fact("B.files.x", "cd"), fact("1.came", True), inputs={"a": "2", "c": "1"},
    )  # fmt: skip
    text = page(before, after)
    for line in (
        "### Verdicts and goals crossed",
        "| A.rules.x.verdict | passed | failed |",
        "| 1.n | 0.5 mm | 0.75 mm |",
        "| 1.gone | 1 | not there |",
        "| 1.came | not there | yes |",
        r"| 1.t | &lt;old&gt; | new \| text |",
        "| 1.o | absent, awaiting: counsel | said |",
        "### Fields that one of the two alone has, renamed ones among them",
        "1 input files differ by their sha256.",
    ):
        assert line in text
    assert "B.files" not in text


def test_a_renamed_field_is_no_verdict_that_changed():
    before = card(fact("5.goals.kid.metrics.verdict", "not met", "derived"))
    text = page(before, card(fact("5.goals.realism.kid.verdict", "not met", "derived")))
    assert "Verdicts and goals crossed" not in text
    assert "| 5.goals.kid.metrics.verdict | not met | not there |" in text
    found, _ = changes.between(before, card())
    assert [(one.kind, one.one_sided) for one in found] == [("one-sided", True)]


@pytest.mark.parametrize(
    ("field", "sigma", "heading"),
    [
        ("5.figures_holdout.kid.synthetic", 1.5, "Measured and derived values"),
        ("5.figures_holdout.kid.synthetic", 2.0, "Figures of another protocol"),
        ("5.figures_holdout.kid_other.synthetic", 2.0, "Measured and derived values"),
        ("5.properties.kid.synthetic", 2.0, "Measured and derived values"),
    ],
)
def test_a_figure_of_another_protocol_is_not_compared(field, sigma, heading):
    text = page(card(fact(field, 0.5)), card(fact(field, 0.7), sigma=sigma))
    assert f"### {heading}" in text


def test_an_earlier_card_names_the_column_of_the_keys_otherwise():
    before = card(fact("5.figures_holdout.kid.synthetic", 0.5), column="key in metrics.json")
    after = card(fact("5.figures_holdout.kid.synthetic", 0.7))
    assert "### Measured and derived values" in page(before, after)


def test_a_checklist_column_of_another_protocol_is_not_compared():
    def with_ms_ssim(value, key):
        one = card(fact("5.checklist.v0_holdout.ms_ssim_goal", value))
        one.protocols[key] = {"title": "ms_ssim_of_pairs", "sha256": "a"}
        return one

    text = page(with_ms_ssim(0.5, "ms_ssim_k7"), with_ms_ssim(0.7, "ms_ssim_k11"))
    assert "### Figures of another protocol" in text


def test_rows_of_other_cards_and_changes_are_not_compared():
    names = ("5.checklist.v0_holdout_release_0.1.n", "5.checklist.3.ms_ssim", "E.changed")
    before, after = (card(*(fact(name, value) for name in names)) for value in (1, 2))
    assert page(before, after).endswith("Nothing differs.")


def test_against_a_release_only_its_values_are_compared():
    before = part_of_a_release(card(fact("1.n", 1), fact("4.1.layers.x", 1)))
    before = type(before)(**vars(before) | {"released": True})
    text = page(before, card(fact("1.n", 2), fact("4.1.layers.x", 2)))
    assert "Compared are the values that a release holds." in text
    assert "| 1.n | 1 | 2 |" in text
    assert "layers" not in text


def test_a_section_with_more_values_has_the_same_status():
    one = card(fact("1.n", 1))
    assert page(one, card(fact("1.n", 1), present=2)).endswith("Nothing differs.")
    assert "### Status of sections" in page(one, card(fact("1.n", 1), missing=["n"]))


@pytest.mark.parametrize(
    ("after", "line"),
    [(0.123457, "| 1.n | 0.123456 | 0.123457 |"), (0.223456, "| 1.n | 0.1235 | 0.2235 |")],
)
def test_figures_have_enough_digits_to_show_the_change(after, line):
    assert line in page(card(fact("1.n", 0.123456)), card(fact("1.n", after)))


def test_a_sign_off_is_lost_when_it_is_gone_or_newly_stale():
    valid = {"name": "N", "role": "owner", "date": "2026-01-31", "meaning": "read", "stale": False}
    stale = valid | {"stale": True}
    one = card(signoffs=[valid])
    assert list(changes.lost_signoffs(one, one)) == []
    assert list(changes.lost_signoffs(one, card())) == [("1", "N, owner, 2026-01-31", "is gone")]
    assert len(list(changes.lost_signoffs(one, card(signoffs=[stale])))) == 1
    assert list(changes.lost_signoffs(card(signoffs=[stale]), card())) == []
