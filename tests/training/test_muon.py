import copy

import pytest
import torch
from torch import nn

from syda.training.muon import BETAS, COEFFICIENTS, ITERATIONS, MOMENTUM, STEP, Muon, orthogonal

LR = 0.01


def network() -> nn.Module:
    """Filters, a convolution that looks at one voxel, a bias of each, a linear layer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(2, 3, 3), nn.Conv3d(3, 2, 1), nn.Flatten(), nn.Linear(54, 1))


def learn(net: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        x = torch.randn(4, 2, 5, 5, 5, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        (net(x) - x.mean((1, 2, 3, 4))[:, None]).square().mean().backward()
        optimizer.step()


def test_orthogonal_moves_singular_values_by_the_polynomial_and_nothing_else():
    torch.manual_seed(0)
    left = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(20, 5, dtype=torch.float64))[0]
    values = torch.tensor([9.0, 3.0, 1.0, 0.3, 0.1], dtype=torch.float64)
    a, b, c = COEFFICIENTS
    expected = values / values.norm()
    for _ in range(ITERATIONS):
        expected = a * expected + b * expected**3 + c * expected**5
    found = orthogonal(left @ values.diag() @ right.T)
    torch.testing.assert_close(left.T @ found @ right, expected.diag(), atol=1e-6, rtol=0)


def test_singular_values_above_a_hundredth_come_close_to_one():
    values = torch.cat([torch.logspace(-2, 0, 200), torch.tensor([1e-7])])
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        values = a * values + b * values**3 + c * values**5
    assert 0.68 < values[:-1].min() < values[:-1].max() < 1.14
    assert orthogonal(torch.zeros(3, 4)).equal(torch.zeros(3, 4))


def test_filters_take_the_steps_of_torchs_muon():
    ours, theirs = network(), network()
    optimizer = Muon(ours.parameters(), LR)
    matrix = nn.Parameter(theirs[0].weight.detach().flatten(1).clone())
    peer = torch.optim.Muon(
        [matrix],
        lr=LR * STEP * matrix.shape[1] ** 0.5,
        momentum=MOMENTUM,
        nesterov=False,
        weight_decay=0.0,
        ns_coefficients=COEFFICIENTS,
        ns_steps=ITERATIONS,
    )
    for seed in range(5):
        gradient = torch.randn(3, 2, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
        before, other = ours[0].weight.detach().clone(), matrix.detach().clone()
        ours[0].weight.grad, matrix.grad = gradient.clone(), gradient.flatten(1).clone()
        optimizer.step()
        peer.step()
        step = (ours[0].weight.detach() - before).flatten(1)
        # torch iterates in bfloat16
        torch.testing.assert_close(step, matrix.detach() - other, rtol=0, atol=0.02 * step.norm())


def test_other_parameters_take_the_steps_of_adam():
    ours, theirs = network(), network()
    adam = torch.optim.Adam(list(theirs.parameters())[1:], LR, BETAS)
    optimizer = Muon(ours.parameters(), LR)
    for seed in range(3):
        learn(ours, optimizer, range(seed, seed + 1))
        learn(theirs, adam, range(seed, seed + 1))
        with torch.no_grad():
            theirs[0].weight.copy_(ours[0].weight)
    for first, second in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert first.equal(second)


def test_a_loaded_state_continues_with_the_same_steps():
    whole, first = network(), network()
    learn(whole, Muon(whole.parameters(), LR), range(6))
    optimizer = Muon(first.parameters(), LR)
    learn(first, optimizer, range(3))
    second = copy.deepcopy(first)
    resumed = Muon(second.parameters(), LR)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    learn(second, resumed, range(3, 6))
    for undisturbed, continued in zip(whole.parameters(), second.parameters(), strict=True):
        assert undisturbed.equal(continued)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_steps_of_filters_do_not_depend_on_the_size_of_the_gradient(scale):
    net, plain = network(), network()
    for one, factor in ((net, scale), (plain, 1.0)):
        gradient = torch.randn(3, 2, 3, 3, 3, generator=torch.Generator().manual_seed(0))
        one[0].weight.grad = gradient * factor
        Muon(one.parameters(), LR).step()
    torch.testing.assert_close(net[0].weight, plain[0].weight)
