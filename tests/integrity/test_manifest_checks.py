"""Checks of manifests and records on hand-made ones."""

import hashlib
from dataclasses import dataclass, field

import pytest

from syda.integrity import manifest_checks
from syda.records import tfrecord


@dataclass
class Noted:
    """What these checks use of an inspection."""

    contents: dict
    params: dict
    found: list = field(default_factory=list)

    def manifests(self):
        return self.contents.items()

    def has_fault(self, path):
        return False

    def add_fault(self, where, what, remedy, *names):
        self.found.append(f"{where}: {what}")


def manifest(reads=(), writes=(), params=None):
    def some(paths):
        return {path: {"sha256": sha256, "files": 1, "bytes": 1} for path, sha256 in paths}

    return {"reads": some(reads), "writes": some(writes), "params": params or {}}


def test_what_was_read_is_what_was_written():
    noted = Noted({"a": manifest(writes=[("x", "1")]), "b": manifest(reads=[("x", "1")])}, {})
    manifest_checks.manifests_match_one_another(noted)
    assert noted.found == []
    noted.contents["b"] = manifest(reads=[("x", "2"), ("by hand", "3")])
    manifest_checks.manifests_match_one_another(noted)
    assert noted.found == ["b: read another x than a wrote"]


def test_given_values_are_those_of_the_parameters():
    given = {"ct": {"size": 32}, "train": {"augment": {"shift": 0.07}, "window": [40, 400]}}
    noted = Noted({"train": manifest(params=given)}, {**given, "card": {"digits": 4}})
    manifest_checks.manifests_match_the_params(noted)
    assert noted.found == []
    noted.params = {"ct": {"size": 64}, "train": {"augment": {}, "window": [40, 400]}}
    manifest_checks.manifests_match_the_params(noted)
    assert noted.found == [
        "train: was given ct.size = 32, params.yaml has 64",
        "train: was given train.augment.shift = 0.07, params.yaml has None",
    ]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([b"a", b"b"], ""),
        ([b"a", b"c"], "record 1 is not the one of index.json"),
        ([b"a"], "holds 1 records, index.json has 2"),
        ([b"a", b"b", b"b"], "holds 3 records, index.json has 2"),
    ],
)
def test_a_shard_is_held_to_its_index(tmp_path, records, expected):
    (tmp_path / "shard").write_bytes(b"".join(map(tfrecord.frame, records)))
    index = [hashlib.sha256(record).hexdigest() for record in (b"a", b"b")]
    assert manifest_checks.shard_fault(tmp_path, ("shard", index)) == expected


def test_every_byte_of_a_shard_counts(tmp_path):
    whole = tfrecord.frame(b"abc")
    index = [hashlib.sha256(b"abc").hexdigest()]
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        (tmp_path / "shard").write_bytes(damaged)
        fault = manifest_checks.shard_fault(tmp_path, ("shard", index))
        assert fault.startswith("shard, record 0: ")
    for cut in range(1, len(whole)):
        (tmp_path / "shard").write_bytes(whole[:cut])
        fault = manifest_checks.shard_fault(tmp_path, ("shard", index))
        assert fault.startswith("shard, record 0: ")
