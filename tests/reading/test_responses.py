import re

import numpy as np
import pytest

from syda.errors import CheckFailed, CorruptData, UsageError
from syda.reading import design, responses, results
from syda.reading import key as keys
from syda.reading.design import StudyDesign
from syda.runtime.outputs import write_json


@pytest.mark.parametrize(
    "wrong", [{"readers": 0}, {"volumes": 5}, {"volumes": 2}, {"repeats": 14}, {"seed": -1}]
)
def test_a_design_that_allows_no_study_is_refused(wrong):
    with pytest.raises(UsageError, match=re.escape(f"--{next(iter(wrong))}")):
        StudyDesign(**wrong).check()


def test_each_reader_has_an_order_and_repeats_come_late():
    study = StudyDesign()
    orders = [design.order(study, reader) for reader in (1, 2)]
    assert orders[0] != orders[1]
    assert orders[0] == design.order(study, 1)
    for one in orders:
        assert sorted(s.volume for s in one if not s.repeat) == list(range(40))
        again = {s.volume: n for n, s in enumerate(one) if s.repeat}
        first = {s.volume: n for n, s in enumerate(one) if not s.repeat}
        assert len(again) == 8
        assert all(at - first[volume] >= 40 // 6 for volume, at in again.items())


def test_too_few_volumes_are_refused():
    with pytest.raises(UsageError, match="--volumes 4 or fewer"):
        design.choose(["a", "b"], 3, 0, "real")


def test_the_key_is_read_back_and_a_changed_answer_is_refused(tmp_path, key):
    write_json(tmp_path / keys.FILE, key.model_dump())
    assert keys.read(tmp_path) == key
    swapped = [volume.model_dump() for volume in key.volumes]
    swapped[0]["kind"] = "synthetic"
    write_json(tmp_path / keys.FILE, key.model_dump() | {"volumes": swapped})
    with pytest.raises(CheckFailed, match="answers were changed"):
        keys.read(tmp_path)
    with pytest.raises(UsageError, match="no key"):
        keys.read(tmp_path / "elsewhere")


def test_codes_differ_between_readers_and_say_nothing(key):
    codes = [item.code for page in key.readers for item in page.items]
    assert len(set(codes)) == len(codes) == 3 * 24


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"key_sha256": "f" * 64}, CheckFailed, "of another study"),
        ({"page_sha256": "f" * 64}, CheckFailed, "page of reader 1 was changed"),
        ({"items": []}, CheckFailed, "items are not those"),
        ({"reader": 9}, CheckFailed, "reader 9: the study has readers 1 to 3"),
        ({"name": "a"}, CorruptData, "name: Extra inputs"),
        ({"role": "me"}, CorruptData, "role"),
        ({"years": "7"}, CorruptData, "years"),
    ],
)
def test_a_foreign_or_tampered_response_is_refused(hand_in, key, changed, error, message):
    with pytest.raises(error, match=message):
        responses.read([hand_in(1, lambda _: 1, changed)], key)


def test_two_files_of_one_reader_are_refused(hand_in, key):
    file = hand_in(1, lambda _: 1)
    with pytest.raises(CheckFailed, match="second file of reader 1"):
        responses.read([file, file], key)


def test_perfect_readers_in_the_results(hand_in, key, truth):
    def perfect(volume):
        return 5 if truth[volume] else -5

    readers = responses.read([hand_in(reader, perfect) for reader in (3, 1, 2)], key)
    found = results.evaluate(key, readers)
    assert found["auc"]["value"] == found["accuracy"]["value"] == 1
    assert found["agreement"]["decision"] == 1
    assert found["self_agreement"]["pairs"] == 12
    assert found["self_agreement"]["same_decision"] == 1
    assert found["organs"]["liver"]["real"] == {"plausible": 1, "odd": 0, "wrong": 0}
    assert found["organs"]["liver"]["synthetic"]["odd"] == 1
    assert found["readers"]["roles"] == {"radiologist": 3}
    assert "no interval" in results.summary(found)[1]


def test_a_reader_who_always_says_real_is_at_chance(hand_in, key):
    found = results.evaluate(key, responses.read([hand_in(1, lambda _: -3)], key))
    assert found["auc"]["value"] == found["accuracy"]["value"] == 0.5
    assert found["agreement"]["decision"] is None
    assert found["self_agreement"]["decision"] is None
    assert "volumes alone" in found["method"]


def test_readers_at_chance_in_the_results(hand_in, key):
    draws = np.random.default_rng(3).choice([-4, -2, 2, 4], (4, 20))
    files = [hand_in(reader, lambda v, r=reader: draws[r, v]) for reader in (1, 2, 3)]
    found = results.evaluate(key, responses.read(files, key))
    assert found["auc"]["low"] <= 0.5 <= found["auc"]["high"]
    assert abs(found["agreement"]["decision"]) < 0.4
    assert found["self_agreement"]["same_decision"] == 1
