from dataclasses import replace

import pytest
import torch

from syda.errors import CheckFailed
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.training.augment import Augment
from syda.training.module import Game
from syda.training.recipe import Recipe

RECIPE = Recipe(
    seed=0,
    images=16,
    coarse_images=0,
    fade_images=8,
    batch=4,
    generator_lr=0.01,
    discriminator_lr=0.01,
    r1_gamma=1.0,
    coarse_r1_gamma=1.0,
    r1_interval=1,
    path_weight=1.0,
    path_interval=1,
    ema_half_life=8,
    ema_ramp=1.0,
    augment=Augment(0.5, 0.1, 0.02, 0.3),
    bfloat16=False,
    log_images=4,
)


def game_of(recipe: Recipe) -> Game:
    """A game whose steps run without a trainer."""
    torch.manual_seed(0)
    generator = Generator(latent=4, mapping_layers=1, mapping_lr_multiplier=0.1, channels=[4, 4, 3])
    game = Game(generator, Discriminator([4, 4, 3]), recipe)
    optimizers = game.configure_optimizers()
    game.optimizers = lambda: optimizers
    game.manual_backward = lambda loss: loss.backward()
    return game


@pytest.fixture
def real() -> torch.Tensor:
    return torch.rand(4, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def snapshot(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def test_a_step_trains_both_sides_and_the_average_follows(real):
    game = game_of(RECIPE)
    before = snapshot(game.generator), snapshot(game.discriminator), snapshot(game.ema)
    for _ in range(2):
        game.training_step(real)
    after = snapshot(game.generator), snapshot(game.discriminator), snapshot(game.ema)
    for old, new in zip(before, after, strict=True):
        assert any(not torch.equal(old[name], new[name]) for name in old)
    assert game.images_seen == 8
    assert [line["images"] for line in game.curves.lines] == [4, 8]
    assert {"loss_g", "loss_d", "r1", "path", "d_real", "d_fake"} < game.curves.lines[0].keys()


def test_the_generators_step_leaves_the_discriminator_alone(real):
    game = game_of(replace(RECIPE, discriminator_lr=0.0))
    before = snapshot(game.discriminator)
    game.training_step(real)
    assert all(torch.equal(before[n], p) for n, p in game.discriminator.named_parameters())


def test_coarse_images_leave_the_last_resolution_untouched(real):
    game = game_of(replace(RECIPE, coarse_images=4))
    before = snapshot(game.generator), snapshot(game.discriminator)
    game.training_step(real)
    last = ("synthesis.blocks.1", "blocks.1", "from_windows.2")
    for old, module in zip(before, (game.generator, game.discriminator), strict=True):
        for name, parameter in module.named_parameters():
            if name.startswith(last):
                assert torch.equal(old[name], parameter), name
    game.training_step(real)  # joins with weight 0
    game.training_step(real)
    block = dict(game.discriminator.named_parameters())
    assert not torch.equal(before[1]["blocks.1.conv0.weight"], block["blocks.1.conv0.weight"])


def test_a_stronger_penalty_flattens_the_discriminator(real):
    slopes = {}
    for gamma in (0.0, 1e4):
        game = game_of(replace(RECIPE, r1_gamma=gamma, generator_lr=1e-9))
        for _ in range(12):
            game.training_step(real)
        slopes[gamma] = game.curves.lines[-1]["r1"]
    assert slopes[1e4] < slopes[0.0] / 2


def test_coarse_volumes_have_a_penalty_weight_of_their_own(real):
    game = game_of(replace(RECIPE, coarse_images=4, r1_gamma=2.0, coarse_r1_gamma=0.5))
    assert game.r1_gamma == 0.5
    while game.images_seen < 4:
        game.training_step(real)
    assert game.r1_gamma == 2.0


def test_what_is_not_finite_stops_the_training(real):
    game = game_of(RECIPE)
    with pytest.raises(CheckFailed, match=r"loss_d.* not finite after 4 images"):
        game.training_step(real * float("nan"))
