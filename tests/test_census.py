from syda import census

WOMEN = [(f"w{n}", "F") for n in range(63)]
ONE_MAN = [("m", "M")] * 5
UNKNOWN = [(f"u{n}", "not stated") for n in range(9)]


def test_people_are_counted_not_series_and_small_counts_cannot_be_worked_out():
    assert census.people(ONE_MAN + WOMEN + UNKNOWN) == {
        "M": "not told",
        "F": 63,
        "not stated": "not told",
    }
    assert census.people(WOMEN + UNKNOWN) == {"F": 63, "not stated": 9}


def test_series_of_few_people_are_not_told_nor_is_a_total_that_tells_them():
    assert census.series([]) == {"total": 0}
    assert census.series(ONE_MAN) == {"M": "not told", "total": "not told"}
    assert census.series([*WOMEN, WOMEN[0]]) == {"F": 64, "total": 64}
    assert census.series(ONE_MAN + WOMEN + UNKNOWN) == {
        "M": "not told",
        "F": 63,
        "not stated": "not told",
        "total": 77,
    }


def test_figures_of_four_people_are_too_few_whatever_their_scans():
    assert census.too_few(["a", "b", "c", "d", "d", "d"])
    assert not census.too_few("abcde")


def test_silence_has_a_cell():
    assert (census.text(None), census.text(False), census.text("F")) == ("not stated", "False", "F")
