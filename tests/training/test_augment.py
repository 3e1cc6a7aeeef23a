import pytest
import torch

from syda.training.augment import AIR, augment
from syda.training.config import AugmentParams
from syda.training.distributed import SINGLE_PROCESS
from syda.training.sharded_rng import ShardedRNG
from tiny_training import train_params

NAMES = ("rotation", "zoom", "shift", "contrast", "noise", "cutout")


def strengths(**values: float) -> AugmentParams:
    """Strength of each kind, 0 where not given."""
    return train_params().augment.model_copy(update=dict.fromkeys(NAMES, 0.0) | values)


ALL = strengths(rotation=8.0, zoom=0.1, shift=0.3, contrast=0.1, noise=0.02, cutout=0.2)


def drawing(seed: int) -> ShardedRNG:
    return ShardedRNG(torch.Generator().manual_seed(seed), SINGLE_PROCESS)


@pytest.fixture
def draws() -> ShardedRNG:
    return drawing(0)


def volumes(n: int) -> torch.Tensor:
    """A body in the middle third, a liver on its right (+W)."""
    x = torch.full((n, 1, 12, 12, 12), AIR)
    x[..., 4:8, 4:8, 4:8] = 0.0
    x[..., 4:8, 4:8, 6:8] = 0.5
    return x


def test_probability_zero_changes_nothing(draws):
    x = volumes(4)
    assert torch.equal(augment(x, ALL, 0.0, draws), x)


def test_shifts_move_whole_voxels_and_pad_with_air(draws):
    x = volumes(64)
    y = augment(x, strengths(shift=0.25), 1.0, draws)
    assert y.shape == x.shape
    torch.testing.assert_close(y.sum(dim=(1, 2, 3, 4)), x.sum(dim=(1, 2, 3, 4)))
    firsts = [(sample[0] > AIR).nonzero().amin(dim=0) for sample in y]
    moved = torch.stack(firsts) - 4
    assert moved.amin() == -3
    assert moved.amax() == 3
    assert (moved.unique(dim=0).shape[0]) > 30


def test_left_and_right_are_never_exchanged(draws):
    """A mirrored body would have its liver on the left."""
    y = augment(volumes(256), ALL, 1.0, draws)
    grid = torch.arange(12.0)
    body, liver = (y > -0.5).float(), (y > 0.2).float()

    def centre(mask):
        return (mask.sum(dim=(1, 2, 3)) * grid).sum(dim=1) / mask.sum(dim=(1, 2, 3, 4))

    right_of_the_body = centre(liver) - centre(body)
    seen = ~right_of_the_body.isnan()
    assert seen.sum() > 200
    assert (right_of_the_body[seen] > 0).all()


def test_contrast_scales_the_distance_from_air(draws):
    y = augment(volumes(64), strengths(contrast=0.2), 1.0, draws)
    assert torch.equal(y[..., 0, 0, 0], torch.full((64, 1), AIR))
    factor = (y[..., 5, 5, 4] - AIR) / (0.0 - AIR)
    assert 0.8 <= factor.min() < 0.85
    assert 1.15 < factor.max() <= 1.2


def test_cutout_replaces_one_cube_by_air(draws):
    x = torch.zeros(8, 1, 12, 12, 12)
    y = augment(x, strengths(cutout=0.5), 1.0, draws)
    for sample in y[:, 0]:
        cut = (sample == AIR).nonzero()
        assert len(cut) == 6**3
        assert (cut.amax(dim=0) - cut.amin(dim=0)).tolist() == [5, 5, 5]


def test_gradients_pass_through(draws):
    x = volumes(4).requires_grad_()
    augment(x, strengths(shift=0.2, contrast=0.2), 1.0, draws).sum().backward()
    assert (x.grad[..., 4:8, 4:8, 4:8] > 0).all()


def test_same_rng_same_change():
    first, second = (augment(volumes(4), ALL, 0.7, drawing(3)) for _ in range(2))
    assert torch.equal(first, second)


class Quarter(ShardedRNG):
    """The full turn about the first axis, none about the others."""

    def symmetric(self, n, *shape):
        return torch.eye(n, shape[0]) if shape else torch.zeros(n)


def test_a_quarter_turn_is_exact():
    """Of a cube about the axis W: D and H change places, the right stays on the right."""
    x = torch.rand(1, 1, 6, 6, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = augment(
        x, strengths(rotation=90.0), 1.0, Quarter(torch.Generator().manual_seed(0), SINGLE_PROCESS)
    )
    turned = torch.rot90(x, 1, (2, 3)), torch.rot90(x, -1, (2, 3))
    assert any(torch.allclose(y, way, atol=1e-5) for way in turned)


def test_zoom_changes_the_volume_of_the_body(draws):
    x = torch.full((64, 1, 24, 24, 24), AIR)
    x[..., 8:16, 8:16, 8:16] = 0.0
    y = augment(x, strengths(zoom=0.25), 1.0, draws)
    share = (y - AIR).sum(dim=(1, 2, 3, 4)) / (x - AIR).sum(dim=(1, 2, 3, 4))
    assert share.min() == pytest.approx(0.75**3, rel=0.1)
    assert share.max() == pytest.approx(1.25**3, rel=0.1)


def test_voxels_from_outside_are_air(draws):
    x = torch.zeros(16, 1, 8, 8, 8)
    y = augment(x, strengths(rotation=20.0, zoom=0.3), 1.0, draws)
    assert y.min() < -0.5
    assert y.min() >= AIR - 1e-5
    assert y.max() <= 1e-5


def test_noise_has_a_deviation_up_to_the_largest(draws):
    y = augment(torch.zeros(256, 1, 8, 8, 8), strengths(noise=0.1), 1.0, draws)
    deviations = y.std(dim=(1, 2, 3, 4))
    assert deviations.min() < 0.01
    assert 0.09 < deviations.max() < 0.11
