import pytest
import torch

from syda.training.distributed import DistributedInfo
from syda.training.sharded_rng import ShardedRNG


def sharded(rank: int, world_size: int) -> ShardedRNG:
    return ShardedRNG(
        torch.Generator().manual_seed(4), DistributedInfo(rank, world_size, world_size)
    )


@pytest.mark.parametrize(
    "draw",
    [
        lambda source, n: source.uniform(n, 3),
        lambda source, n: source.symmetric(n),
        lambda source, n: source.normal(n, 2, 2),
        lambda source, n: source.integers(-2, 9, n, 3),
    ],
)
def test_several_processes_draw_what_one_would(draw):
    parts = [draw(sharded(rank, 3), 2) for rank in range(3)]
    assert torch.equal(torch.cat(parts), draw(sharded(0, 1), 6))


def test_ranges():
    one = sharded(0, 1)
    uniform, symmetric = one.uniform(1000), one.symmetric(1000)
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert -1 <= symmetric.min() < -0.98
    assert 0.98 < symmetric.max() < 1
    assert set(one.integers(2, 5, 100).tolist()) == {2, 3, 4}
