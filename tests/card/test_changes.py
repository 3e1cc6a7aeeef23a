from syda.card import changes


def fact(field, value, kind="measured", label="n", **more):
    sources = [] if kind == "absent" else ["f#/x"]
    return {
        "field": field, "label": label, "value": value, "kind": kind, "sources": sources, **more,
    }  # fmt: skip


def card(*facts, signoffs=()):
    status = {"state": "complete", "present": 1, "missing": [], "owners": []}
    return {
        "status": {"1": status | {"signoffs": list(signoffs)}},
        "sections": {"1": {"facts": {one["field"]: one for one in facts}, "tables": {}}},
    }


def page(before, after, digits=4):
    return changes.page(before, after, ("a|b", "now"), digits)


def test_nothing_differs():
    one = card(fact("1.n", 0.5))
    assert page(one, one) == "## Model card: a\\|b to now\n\nNothing differs."


def test_each_kind_of_change_has_its_table():
    before = card(
        fact("A.rules.x.verdict", "passed", label="verdict"), fact("1.n", 0.5, unit="mm"),
        fact("1.t", "<old>", "declared"), fact("1.o", None, "absent", owner="counsel"),
        fact("B.files.x", "ab"), fact("1.gone", 1),
    )  # fmt: skip
    after = card(
        fact("A.rules.x.verdict", "failed", label="verdict"), fact("1.n", 0.75, unit="mm"),
        fact("1.t", "new | text", "declared"), fact("1.o", "said", "declared"),
        fact("B.files.x", "cd"), fact("1.came", True),
    )  # fmt: skip
    told = page(before, after)
    assert "### Verdicts and goals crossed" in told
    assert "| A.rules.x.verdict | passed | failed |" in told
    assert "| 1.n | 0.5 mm | 0.75 mm |" in told
    assert "| 1.gone | 1 | not there |" in told
    assert "| 1.came | not there | yes |" in told
    assert r"| 1.t | &lt;old&gt; | new \| text |" in told
    assert "| 1.o | absent, awaiting: counsel | said |" in told
    assert "1 digests of files and code changed (appendix B)." in told
    assert "B.files" not in told


def test_a_figure_of_another_key_is_not_compared():
    here = fact("5.f.kid.synthetic", 0.5)
    there = here | {"value": 0.7, "sources": ["f#/kid_poly3"]}
    assert "Figures of another protocol, not to be compared\n\n| field" in page(
        card(here), card(there)
    )
    same_key = here | {"value": 0.7, "sources": ["model_card/releases/0.1/f#/x"]}
    assert "### Measured and derived values" in page(card(here), card(same_key))


def test_what_a_card_repeats_of_others_and_of_changes_is_no_change():
    names = ("5.checklist.v0_holdout_release_0.1.n", "5.checklist.3.ms_ssim", "E.changed")
    before, after = (card(*(fact(name, value) for name in names)) for value in (1, 2))
    assert page(before, after).endswith("Nothing differs.")


def test_more_values_of_a_section_are_no_other_status():
    one, other = card(fact("1.n", 1)), card(fact("1.n", 1))
    other["status"]["1"]["present"] = 2
    assert page(one, other).endswith("Nothing differs.")
    other["status"]["1"]["missing"] = ["n"]
    assert "### Status of sections" in page(one, other)


def test_figures_have_as_many_digits_as_show_the_change():
    told = page(card(fact("1.n", 0.123456)), card(fact("1.n", 0.123457)))
    assert "| 1.n | 0.123456 | 0.123457 |" in told
    told = page(card(fact("1.n", 0.123456)), card(fact("1.n", 0.223456)))
    assert "| 1.n | 0.1235 | 0.2235 |" in told


def test_a_long_table_is_shown_whole():
    before = card(*(fact(f"1.n{n:03}", 1) for n in range(100)))
    after = card(*(fact(f"1.n{n:03}", 2) for n in range(100)))
    told = page(before, after)
    assert told.count("| 1 | 2 |") == 100


def test_a_sign_off_is_lost_when_it_is_gone_or_stale_and_not_when_it_was_stale_before():
    held = {"name": "N", "role": "owner", "date": "2026-01-31", "meaning": "read", "stale": False}
    stale = held | {"stale": True}
    one = card(signoffs=[held])
    assert list(changes.lost_signoffs(one, one)) == []
    assert list(changes.lost_signoffs(one, card())) == [("1", "N, owner, 2026-01-31", "is gone")]
    assert len(list(changes.lost_signoffs(one, card(signoffs=[stale])))) == 1
    assert list(changes.lost_signoffs(card(signoffs=[stale]), card())) == []
