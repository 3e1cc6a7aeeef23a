import subprocess
import sys
from contextlib import ExitStack

import pytest
import torch

from syda.model.discriminator import Discriminator, minibatch_deviation
from syda.model.layers import downsample

NO_CONDITIONS = torch.empty(0)


def test_minibatch_deviation_of_two_pairs():
    """Two pairs: values 0 and 2 have a standard deviation of 1, equal values one of 0."""
    x = torch.tensor([0.0, 2.0, 5.0, 5.0]).reshape(4, 1, 1, 1, 1).expand(4, 3, 2, 2, 2)
    pairs = [minibatch_deviation(x[i : i + 2]) for i in (0, 2)]
    assert pairs[0].shape == (2, 6, 2, 2, 2)
    assert torch.equal(pairs[0][:, :3], x[:2])
    torch.testing.assert_close(pairs[0][:, 3:], torch.ones(2, 3, 2, 2, 2))
    torch.testing.assert_close(pairs[1][:, 3:], torch.full((2, 3, 2, 2, 2), 1e-4))


GROUPS = {2: 2, 3: 3, 4: 4, 5: 5, 6: 3, 7: 7, 8: 4, 9: 3, 10: 2, 11: 11, 12: 4, 14: 2, 25: 5}
"""Samples of a group, for a batch: the largest divisor up to four, else the smallest."""


@pytest.mark.parametrize(("n", "group"), GROUPS.items())
def test_groups_have_at_least_two_samples(n, group):
    x = torch.randn(n, 2, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = x.reshape(n // group, group, 2, 2, 2, 2).std(dim=1, correction=0)
    deviation = minibatch_deviation(x)[:, 2:]
    torch.testing.assert_close(deviation, expected.repeat_interleave(group, dim=0))
    assert deviation.min() > 1e-3  # a group of one would say 1e-4 of anything


ONE_OF_TWO = """
import sys
import torch
from torch import distributed
from syda.model.discriminator import minibatch_deviation
rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group(
    "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
)
x, weights = (torch.load(f"{folder}/{name}.pt")[rank : rank + 1] for name in ("x", "weights"))
x.requires_grad_()
loss = (minibatch_deviation(x).sin() * weights).sum()
(first,) = torch.autograd.grad(loss, x, create_graph=True)
(second,) = torch.autograd.grad(first.square().sum(), x)
torch.save((first.detach(), second), f"{folder}/{rank}.pt")
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_minibatch_deviation_is_over_the_volumes_of_two_processes(tmp_path):
    """Derivatives cross the processes, those of R1 too."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, 2, 2, 2, generator=rng, dtype=torch.float64)
    weights = torch.randn(2, 4, 2, 2, 2, generator=rng, dtype=torch.float64)
    torch.save(x, tmp_path / "x.pt")
    torch.save(weights, tmp_path / "weights.pt")
    with ExitStack() as started:
        both = []
        for rank in range(2):
            command = [sys.executable, "-c", ONE_OF_TWO, str(rank), str(tmp_path)]
            both.append(subprocess.Popen(command))
            started.callback(both[-1].kill)
        assert [process.wait(timeout=120) for process in both] == [0, 0]
    x.requires_grad_()
    loss = (minibatch_deviation(x).sin() * weights).sum()
    (first,) = torch.autograd.grad(loss, x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    torch.testing.assert_close(torch.cat([one for one, _ in found]), first.detach())
    torch.testing.assert_close(torch.cat([two for _, two in found]), second)


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator([6, 5, 4])


def test_one_logit_a_volume(discriminator):
    x = torch.randn(3, 2, 16, 16, 16)
    assert discriminator(x, NO_CONDITIONS).shape == (3,)
    half = discriminator(x, NO_CONDITIONS, torch.bfloat16)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, discriminator(x, NO_CONDITIONS), rtol=0.1, atol=0.1)


def test_a_joining_block_fades_in_from_half_the_resolution(discriminator):
    x = torch.randn(2, 2, 16, 16, 16)
    coarse, fine = discriminator(downsample(x), NO_CONDITIONS), discriminator(x, NO_CONDITIONS)
    torch.testing.assert_close(discriminator(x, NO_CONDITIONS, fade=0.0), coarse)
    torch.testing.assert_close(discriminator(x, NO_CONDITIONS, fade=1 - 1e-7), fine)
    assert not torch.allclose(coarse, fine)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_coarser_volumes_enter_at_a_later_block(discriminator, side):
    assert discriminator(torch.randn(2, 2, side, side, side), NO_CONDITIONS).shape == (2,)


def test_logits_start_near_unit_scale(discriminator):
    logits = discriminator(torch.randn(32, 2, 16, 16, 16).clamp(-1, 1), NO_CONDITIONS)
    assert 0.01 < logits.abs().mean() < 3


def test_every_weight_gets_a_gradient(discriminator):
    discriminator(torch.randn(2, 2, 16, 16, 16), NO_CONDITIONS).sum().backward()
    for name, parameter in discriminator.named_parameters():
        entered = not name.startswith(
            ("from_windows.0", "from_windows.1")
        )  # the doors of coarser ones
        assert (parameter.grad is not None and bool(parameter.grad.any())) == entered, name


def test_windows_are_the_image_and_its_equalised_values(discriminator):
    levels = torch.tensor([-1.0, -0.09, 0.05, 0.05]).reshape(4, 1, 1, 1, 1)
    discriminator.intensity_curve.fit(levels)
    image, tones = discriminator.windows(levels).reshape(4, 2).T
    assert torch.equal(image, levels.flatten())
    assert torch.equal(tones, discriminator.intensity_curve(levels).flatten())
    assert not torch.allclose(tones, image)


def test_properties_add_a_projection(discriminator):
    """The logit is linear in the conditions."""
    torch.manual_seed(0)
    conditional = Discriminator([6, 5, 4], conditions=3)
    plain = conditional.load_state_dict(discriminator.state_dict(), strict=False)
    assert plain.missing_keys == ["embed.weight", "embed.bias"]
    x = torch.randn(4, 2, 16, 16, 16)
    nothing = conditional(x, torch.zeros(4, 3))
    torch.testing.assert_close(nothing, discriminator(x, NO_CONDITIONS))
    step = conditional(x, torch.ones(4, 3)) - nothing
    assert step.abs().min() > 0
    torch.testing.assert_close(conditional(x, 2 * torch.ones(4, 3)) - nothing, 2 * step)
