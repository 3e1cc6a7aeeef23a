import numpy as np
import pytest
import torch

from syda.model.intensity_curve import AIR_SHARE, BINS, EVEN_SHARE, IntensityCurve


@pytest.fixture
def body() -> torch.Tensor:
    """Air, and a body of one part fat (-0.1) to three parts muscle (0.05)."""
    return torch.tensor([-1.0] * 60 + [-0.09] * 10 + [0.05] * 30).reshape(1, 1, 4, 5, 5)


@pytest.fixture
def curve(body) -> IntensityCurve:
    curve = IntensityCurve()
    curve.fit(body)
    return curve


def test_it_is_a_straight_line_until_fitted():
    x = torch.linspace(-1, 1, 41)
    torch.testing.assert_close(IntensityCurve()(x), x)
    torch.testing.assert_close(IntensityCurve().inverse(x), x)


def test_bins_get_their_share_of_the_equalised_range(curve):
    widths = curve.knots.diff() / 2
    even, body = EVEN_SHARE / BINS, 1 - AIR_SHARE - EVEN_SHARE
    expected = torch.full((BINS,), even)
    expected[0] += AIR_SHARE
    expected[45] += body / 4  # [-0.10, -0.08)
    expected[52] += body * 3 / 4  # [0.04, 0.06)
    torch.testing.assert_close(widths, expected)


def test_it_rises_from_end_to_end(curve):
    assert curve.knots[0] == -1
    assert curve.knots[-1] == 1
    assert (curve.knots.diff() > 0).all()


def test_inverse_restores_the_image(curve):
    x = torch.linspace(-1, 1, 2001)
    torch.testing.assert_close(curve.inverse(curve(x)), x)
    torch.testing.assert_close(curve(curve.inverse(x)), x)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_are_numpys_interpolation(seed):
    """Every piece is found: narrow ones, knots themselves, and the floats next to them."""
    rng = torch.Generator().manual_seed(seed)
    curve = IntensityCurve().double()
    curve.fit(torch.randn(3000, generator=rng).mul(0.01).sub(0.05))  # almost all in one or two bins
    values, knots = torch.linspace(-1, 1, BINS + 1, dtype=torch.float64), curve.knots
    assert knots.diff().min() < 1.01 * 2 * EVEN_SHARE / BINS
    for x in (torch.rand(5000, dtype=torch.float64, generator=rng) * 2 - 1, knots, values):
        near = torch.cat([x, x.nextafter(x + 1), x.nextafter(x - 1)]).clamp(-1, 1)
        ahead, back = np.interp(near, values, knots), np.interp(near, knots, values)
        torch.testing.assert_close(curve(near), torch.from_numpy(ahead), atol=1e-12, rtol=0)
        torch.testing.assert_close(curve.inverse(near), torch.from_numpy(back), atol=1e-12, rtol=0)


def test_the_end_segments_extend_beyond_the_range(curve):
    ends = torch.tensor([-1.5, 1.5])
    width = 2 / BINS
    slopes = curve.knots.diff()[[0, -1]] / width
    torch.testing.assert_close(curve(ends), ends.sign() * (1 + 0.5 * slopes))
    torch.testing.assert_close(curve.inverse(ends), ends.sign() * (1 + 0.5 / slopes))


def test_infinite_values_and_nan_are_handled(curve):
    far = torch.tensor([-torch.inf, -3e9, 3e9, torch.inf])
    assert curve._segment(far).tolist() == [0, 0, BINS - 1, BINS - 1]
    image = curve.inverse(torch.tensor([-torch.inf, torch.inf, torch.nan]))
    assert image[:2].tolist() == [-torch.inf, torch.inf]
    assert image[2].isnan()


def test_gradients_are_the_slopes(curve):
    x = torch.tensor([-0.09, 0.05, 0.5], dtype=torch.float64)
    curve = curve.double()
    assert torch.autograd.gradcheck(curve, x.requires_grad_())
    assert torch.autograd.gradcheck(curve.inverse, curve(x).detach().requires_grad_())


def test_a_volume_of_air_is_refused():
    with pytest.raises(ValueError, match="every voxel is air"):
        IntensityCurve().fit(torch.full((1, 1, 4, 4, 4), -1.0))
