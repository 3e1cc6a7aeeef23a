import pytest
import torch

from syda.training.augment import AIR, Augment

NOTHING = {"probability": 1.0, "shift": 0.0, "contrast": 0.0, "cutout": 0.0}


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def volumes(n: int) -> torch.Tensor:
    """A body in the middle third, a liver on its right (+W)."""
    x = torch.full((n, 1, 12, 12, 12), AIR)
    x[..., 4:8, 4:8, 4:8] = 0.0
    x[..., 4:8, 4:8, 6:8] = 0.5
    return x


def test_probability_zero_changes_nothing(rng):
    x = volumes(4)
    assert torch.equal(Augment(0.0, 0.2, 0.5, 0.5)(x, rng), x)


def test_shifts_move_whole_voxels_and_pad_with_air(rng):
    x = volumes(64)
    y = Augment(**NOTHING | {"shift": 0.25})(x, rng)
    assert y.shape == x.shape
    torch.testing.assert_close(y.sum(dim=(1, 2, 3, 4)), x.sum(dim=(1, 2, 3, 4)))
    firsts = [(sample[0] > AIR).nonzero().amin(dim=0) for sample in y]
    moved = torch.stack(firsts) - 4
    assert moved.amin() == -3
    assert moved.amax() == 3
    assert (moved.unique(dim=0).shape[0]) > 30


def test_left_and_right_are_never_exchanged(rng):
    """A mirrored body would have its liver on the left."""
    y = Augment(1.0, 0.3, 0.1, 0.2)(volumes(256), rng)
    grid = torch.arange(12.0)
    body, liver = (y > -0.5).float(), (y > 0.2).float()

    def centre(mask):
        return (mask.sum(dim=(1, 2, 3)) * grid).sum(dim=1) / mask.sum(dim=(1, 2, 3, 4))

    right_of_the_body = centre(liver) - centre(body)
    seen = ~right_of_the_body.isnan()
    assert seen.sum() > 200
    assert (right_of_the_body[seen] > 0).all()


def test_contrast_scales_the_distance_from_air(rng):
    y = Augment(**NOTHING | {"contrast": 0.2})(volumes(64), rng)
    assert torch.equal(y[..., 0, 0, 0], torch.full((64, 1), AIR))
    factor = (y[..., 5, 5, 4] - AIR) / (0.0 - AIR)
    assert 0.8 <= factor.min() < 0.85
    assert 1.15 < factor.max() <= 1.2


def test_cutout_replaces_one_cube_by_air(rng):
    x = torch.zeros(8, 1, 12, 12, 12)
    y = Augment(**NOTHING | {"cutout": 0.5})(x, rng)
    for sample in y[:, 0]:
        cut = (sample == AIR).nonzero()
        assert len(cut) == 6**3
        assert (cut.amax(dim=0) - cut.amin(dim=0)).tolist() == [5, 5, 5]


def test_gradients_pass_through(rng):
    x = volumes(4).requires_grad_()
    Augment(1.0, 0.2, 0.2, 0.0)(x, rng).sum().backward()
    assert (x.grad[..., 4:8, 4:8, 4:8] > 0).all()


def test_same_rng_same_change():
    augment = Augment(0.7, 0.2, 0.2, 0.4)
    first, second = (augment(volumes(4), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
