import itertools
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syda import disclosure_control as sdc

WOMEN = [(f"w{n}", "F") for n in range(63)]
ONE_MAN = [("m", "M")] * 5
UNKNOWN = [(f"u{n}", "not stated") for n in range(9)]


def test_people_are_counted_not_series_and_small_counts_cannot_be_worked_out():
    assert sdc.count_patients(ONE_MAN + WOMEN + UNKNOWN) == {
        "M": "not told",
        "F": 63,
        "not stated": "not told",
    }
    assert sdc.count_patients(WOMEN + UNKNOWN) == {"F": 63, "not stated": 9}


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"BREAST": 1, "EXTREMITY": 36, "not stated": 1}, {}),  # two share 2: each is 1
        ({"a": 1, "b": 3, "c": 9, "d": 30}, {"d": 30}),  # two share 4: neither is above 3
        (dict.fromkeys("abcde", 1) | {"f": 9, "g": 30}, {"g": 30}),  # five share 5
        ({"a": 2, "b": 3, "c": 9}, {"c": 9}),
    ],
)
def test_small_counts_that_follow_from_their_sum_are_hidden_by_a_larger_one(counts, shown):
    found = sdc.count_patients(patients(counts, "p"))
    assert {value: count for value, count in found.items() if count != "not told"} == shown


def test_counts_of_series_of_few_patients_and_a_revealing_total_are_suppressed():
    assert sdc.count_series([]) == {"total": 0}
    assert sdc.count_series(ONE_MAN) == {"M": "not told", "total": "not told"}
    assert sdc.count_series([*WOMEN, WOMEN[0]]) == {"F": 64, "total": 64}
    assert sdc.count_series(ONE_MAN + WOMEN + UNKNOWN) == {
        "M": "not told",
        "F": 63,
        "not stated": "not told",
        "total": 77,
    }


def test_figures_of_four_people_are_too_few_whatever_their_scans():
    assert sdc.too_few_patients(["a", "b", "c", "d", "d", "d"])
    assert not sdc.too_few_patients("abcde")


def test_silence_has_a_cell():
    assert (
        sdc.cell_name(None),
        sdc.cell_name(False),
        sdc.cell_name("F"),
    ) == ("not stated", "False", "F")


def patients(counts, name):
    return [(f"{name}-{value}-{n}", value) for value, count in counts.items() for n in range(count)]


def test_a_subset_is_counted_if_both_sides_are_large():
    held, rest = patients({"F": 5, "M": 8}, "held"), patients({"F": 30, "M": 5}, "rest")
    assert sdc.count_subset(held + rest, held) == {"F": 5, "M": 8}
    assert sdc.count_subset(held + rest, [*held, held[0]]) == {"F": 5, "M": 8}
    assert sdc.count_subset(held + rest[:-1], held) == "not told"  # 4 men in the rest
    assert sdc.count_subset(held + rest, held[1:]) == "not told"  # 4 women in the part
    unknown = patients({"not stated": 1}, "held")
    assert sdc.count_subset(held + rest + unknown, held + unknown) == "not told"
    assert sdc.count_subset(held + rest, []) == "not told"
    assert sdc.count_subset([], []) == {}


def test_ages_of_a_subset_have_two_groups_and_count_each_patient_once():
    held = patients({"40-44": 4, "55-59": 4, "60-64": 9}, "held")
    rest = patients({"40-44": 9, "60-64": 5, "90+": 2}, "rest")
    again = [(held[0][0], "60-64")]  # scanned once more, years later
    found = sdc.count_subset(held + rest + again, held + again, sdc.age_group)
    assert found == {"60 and over": 9, "under 60": 8}


@pytest.mark.parametrize(
    ("band", "group"),
    [("0-4", "under 60"), ("55-59", "under 60"), ("60-64", "60 and over"), ("90+", "60 and over"),
     ("not stated", "not stated")],
)  # fmt: skip
def test_a_band_lies_in_one_half_of_all_ages(band, group):
    assert sdc.age_group(band) == group


@pytest.mark.parametrize(
    ("values", "most", "smallest"),
    [
        (("F", "M"), 20, 4),
        (("F", "M", "not stated"), 13, 2),
        (("20-24", "55-59", "60-64"), 13, 2),
    ],
)
def test_a_subset_reveals_no_small_count(values, most, smallest, monkeypatch):
    """For all cohorts up to a size, if a reader knows the rules, all totals and all reports."""
    monkeypatch.setattr(sdc, "MIN_CELL_SIZE", smallest)
    public, published = defaultdict(list), defaultdict(list)
    for cuts in itertools.combinations(range(most + 2 * len(values)), 2 * len(values)):
        numbers = [after - before - 1 for before, after in itertools.pairwise((-1, *cuts))]
        held = dict(zip(values, numbers[::2], strict=True))
        rest = dict(zip(values, numbers[1::2], strict=True))
        part, other = patients(held, "held"), patients(rest, "rest")
        whole = part + other
        totals = (
            len(part),
            len(other),
            *sorted(sdc.count_patients(whole).items(), key=str),
        )
        group = sdc.age_group if values[0][0].isdigit() else str
        shown = sdc.count_subset(whole, part, group)
        counts = [*numbers, *(held[value] + rest[value] for value in values)]
        for side in (held, rest):
            groups = defaultdict(int)
            for value in values:
                groups[group(value)] += side[value]
            counts += [groups[name] for name in sorted(groups)]
        public[totals].append(counts)
        published[totals, str(shown)].append(counts)
    for (totals, _), cohorts in published.items():
        for index, count in enumerate(cohorts[0]):
            if 0 < count < smallest and all(cohort[index] == count for cohort in cohorts):
                assert all(cohort[index] == count for cohort in public[totals]), (totals, index)


COUNTS = st.dictionaries(
    st.sampled_from(["20-24", "45-49", "55-59", "60-64", "75-79", "90+", "not stated"]),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    min_size=1,
)


@given(COUNTS)
def test_every_count_of_a_subset_and_of_the_rest_is_large(counts):
    part = patients({value: held for value, (held, _) in counts.items()}, "held")
    rest = patients({value: other for value, (_, other) in counts.items()}, "rest")
    shown = sdc.count_subset(part + rest, part, sdc.age_group)
    if shown != "not told":
        assert sum(shown.values()) == len(part)
        for group, count in shown.items():
            whole = [v for v in counts if sdc.age_group(v) == group]
            others = sum(counts[value][1] for value in whole)
            assert min(count, others) >= sdc.MIN_CELL_SIZE
