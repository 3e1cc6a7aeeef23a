import pytest
import torch

from syda.training import distributed, losses
from syda.training.distributed import SINGLE_PROCESS, DistributedInfo
from syda.training.path_length import PathLengthPenalty
from tiny_training import SCHEMA, tiny_module


def conditions_of(n):
    return torch.stack([SCHEMA.encode({"width": 300.0 + i, "sex": "F"}) for i in range(n)])


def test_path_lengths_are_compared_with_their_running_mean(monkeypatch):
    """Of every other volume of the batch: equation 4 and its mean, which moves by a hundredth."""
    lengths, gan = torch.tensor([3.0, 5.0]), tiny_module()
    batches = []
    monkeypatch.setattr(
        losses, "path_lengths", lambda images, *_: batches.append(len(images)) or lengths
    )
    for mean in (0.04, 0.99 * 0.04 + 0.04):
        penalty = gan.path_penalty(conditions_of(4), 16, gan.rng)
        assert gan.path_penalty.mean == pytest.approx(mean)
        expected = ((3 - mean) ** 2 + (5 - mean) ** 2) / 2
        assert penalty.item() == pytest.approx(expected, rel=1e-6)
    assert batches == [2, 2]


@pytest.mark.parametrize(
    ("batch", "world_size", "shares"),
    [
        (4, 2, [1, 1]),
        (4, 4, [1, 0, 1, 0]),
        (6, 2, [2, 1]),
        (3, 3, [1, 0, 1]),
        (9, 3, [2, 1, 2]),
        (5, 1, [3]),
    ],
)
def test_several_processes_compute_the_path_penalty_of_one(batch, world_size, shares, monkeypatch):
    """Each volume with the same latent, noise, conditions and direction, on any process."""
    sizes = []

    def lengths_of(images, w, y):
        assert len(images) == len(w) == len(y)
        sizes.append(len(images))
        return w.sum(dim=1) + images.mean(dim=(1, 2, 3, 4)) + y[:, 0, 0, 0, 0]

    def penalty_of(processes):
        gan = tiny_module()
        penalty = PathLengthPenalty(gan.generator, processes)
        return penalty(processes.shard(conditions_of(batch)), 16, gan.rng)

    monkeypatch.setattr(losses, "path_lengths", lengths_of)
    # No other process is there.
    monkeypatch.setattr(distributed, "all_reduce_mean", lambda *_: 0.0)
    processes = [DistributedInfo(rank, world_size, world_size) for rank in range(world_size)]
    parts = torch.stack([penalty_of(one) for one in processes])
    assert sizes == [share for share in shares if share]
    assert (parts != 0).tolist() == [share > 0 for share in shares]
    torch.testing.assert_close(parts.mean(), penalty_of(SINGLE_PROCESS))
