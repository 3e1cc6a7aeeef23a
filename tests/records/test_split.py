import pytest

from syda.records import split

GOLDEN_HELD_OUT = [0, 4, 8, 11, 16, 17, 19]
GOLDEN_SHARDS = [1, 2, 1, 3, 3, 2, 3, 3, 0, 2, 1, 3]


def test_the_split_of_a_patient_is_fixed_for_ever():
    # golden: a change here would move real patients between training and holdout
    held_out = [i for i in range(20) if split.split_of(f"p{i}", 1 / 3) == "holdout"]
    assert held_out == GOLDEN_HELD_OUT


def test_the_share_is_about_right_and_grows_by_inclusion():
    patients = [f"p{i}" for i in range(3000)]
    third = {p for p in patients if split.split_of(p, 1 / 3) == "holdout"}
    half = {p for p in patients if split.split_of(p, 1 / 2) == "holdout"}
    assert len(third) / 3000 == pytest.approx(1 / 3, abs=0.03)
    assert third < half


def test_the_shard_of_a_case_is_fixed_for_ever():
    # golden: another scan, split or version has no say
    assert [split.shard_of(f"c{i}", 4) for i in range(12)] == GOLDEN_SHARDS


def test_shards_are_all_used_and_named_as_tensorflow_names_them():
    assert {split.shard_of(f"c{i}", 4) for i in range(100)} == {0, 1, 2, 3}
    assert split.shard_name("train", 3, 4) == "train-00003-of-00004.tfrecord"
