from dataclasses import asdict

import numpy as np
import pytest
import torch

from syda.errors import CheckFailed
from syda.records.schema import Record
from syda.training.data import Batches, encode
from syda.training.distributed import SINGLE_PROCESS, DistributedInfo
from syda.types import Case, Properties, Volume
from syda.volume import transforms
from syda.volume.model_space import ModelSpace

SPACE = ModelSpace(8, 1.5, -1000, 1000)


def volume(hu: int) -> Volume:
    return Volume(np.full((16, 12, 10), hu, np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))


def record(hu: int, properties: Properties | None = None, **attributes: str) -> Record:
    return Record(Case("case", "patient", attributes), volume(hu), properties or Properties())


def test_encode_stacks_the_model_images():
    training_set = encode([record(0), record(500)], SPACE)
    assert training_set.images.shape == (2, 1, 8, 8, 8)
    assert training_set.images.dtype == torch.float32
    sizes = {"effective_spacing_mm": 3.0, "scan_length_mm": 15.0}
    assert [sizes.items() <= case.items() for case in training_set.properties] == [True, True]
    assert training_set.size_schema().names == list(sizes)
    np.testing.assert_array_equal(
        training_set.images[1].numpy(), transforms.encode(volume(500), SPACE)
    )


def test_properties_and_attributes_are_in_one_dictionary_a_case():
    properties = Properties(body_width_mm=350.0, noise_hu=9.5)
    training_set = encode([record(0, properties, sex="F"), record(500)], SPACE)
    unknown = dict.fromkeys(asdict(properties)) | {"scan_length_mm": 15.0}
    assert training_set.properties == [
        {
            **unknown,
            "effective_spacing_mm": 3.0,
            "body_width_mm": 350.0,
            "noise_hu": 9.5,
            "sex": "F",
        },
        {**unknown, "effective_spacing_mm": 3.0},
    ]
    schema = training_set.schema(["body_width_mm", "sex"])
    assert training_set.conditions(schema).tolist() == [[0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("parts", "shared"),
    [
        (["ABDOMEN", "ABDOMEN"], "ABDOMEN"),
        (["ABDOMEN", "PELVIS"], None),
        (["ABDOMEN", None], None),
        ([None, None], None),
    ],
)
def test_the_body_part_of_a_cohort_is_the_one_that_all_cases_have(parts, shared):
    cases = [record(0, **({"body_part": part} if part else {})) for part in parts]
    assert encode(cases, SPACE).body_part() == shared


def test_no_volume_is_a_failed_check():
    with pytest.raises(CheckFailed, match="no training volume"):
        encode([], SPACE)


def test_every_volume_comes_once_before_any_comes_again():
    images = torch.arange(5.0).reshape(5, 1, 1, 1, 1)
    numbers = 10 * torch.arange(5.0)[:, None]
    batches = list(Batches(images, numbers, SINGLE_PROCESS, sizes=[2] * 10, seed=0))
    shown = torch.cat([batch for batch, _ in batches]).flatten()
    assert torch.equal(torch.cat([conditions for _, conditions in batches]).flatten(), 10 * shown)
    for start in range(0, 20, 5):
        assert sorted(shown[start : start + 5].tolist()) == [0, 1, 2, 3, 4]


def test_order_follows_the_seed():
    images = torch.arange(20.0).reshape(20, 1, 1, 1, 1)
    none = torch.empty(20, 0)
    first, again, other = (
        torch.cat(
            [shown for shown, _ in Batches(images, none, SINGLE_PROCESS, sizes=[4] * 5, seed=seed)]
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_larger_than_the_set_is_filled():
    images = torch.arange(3.0).reshape(3, 1, 1, 1, 1)
    ((batch, conditions),) = Batches(
        images, torch.empty(3, 0), SINGLE_PROCESS, sizes=[8] * 1, seed=0
    )
    assert len(batch) == len(conditions) == 8


def test_processes_share_the_batches_of_one():
    images, none = torch.arange(6.0).reshape(6, 1, 1, 1, 1), torch.empty(6, 0)
    whole, first, second = (
        [shown for shown, _ in Batches(images, none, processes, sizes=[4] * 5, seed=0)]
        for processes in (SINGLE_PROCESS, DistributedInfo(0, 2, 2), DistributedInfo(1, 2, 2))
    )
    for batch, a, b in zip(whole, first, second, strict=True):
        assert torch.equal(batch, torch.cat([a, b]))
