from dataclasses import replace

import pytest
import torch

from syda.errors import CheckFailed
from syda.model.conditions import measure
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.training import losses
from syda.training.devices import Place
from syda.training.module import Game, spread
from syda.training.recipe import Recipe

CONDITIONS = measure(
    [{"width": 300.0 + 20 * i, "sex": "FM"[i % 2]} for i in range(6)], ["width", "sex"]
)


def game_of(recipe: Recipe) -> Game:
    """A game whose steps run without a trainer."""
    torch.manual_seed(0)
    size = CONDITIONS.size
    generator = Generator(
        latent=4,
        mapping_layers=1,
        mapping_lr_multiplier=0.1,
        channels=[4, 4, 3],
        conditions=size,
    )
    game = Game(generator, Discriminator([4, 4, 3], size), CONDITIONS, recipe, Place(0, 1, 1))
    optimizers = game.configure_optimizers()
    game.optimizers = lambda: optimizers
    game.manual_backward = lambda loss: loss.backward()
    return game


@pytest.fixture
def real() -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(4, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    told = [CONDITIONS.encode({"width": 300.0 + 20 * i, "sex": "FM"[i % 2]}) for i in range(4)]
    return images, torch.stack(told)


def snapshot(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def test_a_step_trains_both_sides_and_the_average_follows(real, recipe):
    game = game_of(recipe)
    before = snapshot(game.generator), snapshot(game.discriminator), snapshot(game.ema)
    for _ in range(2):
        game.training_step(real)
    after = snapshot(game.generator), snapshot(game.discriminator), snapshot(game.ema)
    for old, new in zip(before, after, strict=True):
        assert any(not torch.equal(old[name], new[name]) for name in old)
    assert game.images_seen == 8
    assert [line["images"] for line in game.curves.lines] == [4, 8]
    assert {"loss_g", "loss_d", "r1", "path", "d_real", "d_fake"} < game.curves.lines[0].keys()


def test_the_generators_step_leaves_the_discriminator_alone(real, recipe):
    game = game_of(replace(recipe, discriminator_lr=0.0))
    before = snapshot(game.discriminator)
    game.training_step(real)
    assert all(torch.equal(before[n], p) for n, p in game.discriminator.named_parameters())


def test_coarse_images_leave_the_last_resolution_untouched(real, recipe):
    game = game_of(replace(recipe, coarse_images=4))
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


def test_a_stronger_penalty_flattens_the_discriminator(real, recipe):
    slopes = {}
    for weight in (0.0, 10.0):
        game = game_of(replace(recipe, r1_weight=weight, generator_lr=1e-9))
        for _ in range(12):
            game.training_step(real)
        slopes[weight] = game.curves.lines[-1]["r1"]
    assert slopes[10.0] < slopes[0.0] / 2


def test_gamma_grows_with_the_voxels_and_falls_with_the_batch(recipe):
    game = game_of(replace(recipe, r1_weight=0.0002, batch=8))
    assert game.r1_gamma(torch.empty(8, 1, 128, 128, 128)) == pytest.approx(0.0002 * 128**3 / 8)
    assert game.r1_gamma(torch.empty(8, 1, 64, 64, 64)) == pytest.approx(0.0002 * 64**3 / 8)


@pytest.mark.parametrize("side", [16, 8])
def test_lazy_penalties_count_as_often_as_they_are_left_out(real, recipe, side, monkeypatch):
    """Each loss is the adversarial one; where due, gamma / 2 of R1 or the weight of the path."""
    coarse = 0 if side == 16 else 1000
    own = replace(recipe, coarse_images=coarse, r1_interval=3, path_interval=2, path_weight=2.0)
    game, losses_taken = game_of(own), []
    monkeypatch.setattr(game, "_step", lambda loss, _: losses_taken.append(loss.item()))
    gamma = own.r1_weight * side**3 / own.batch
    for step in range(6):
        game.training_step(real)
        line = game.curves.lines[-1]
        assert ("r1" in line, "path" in line) == (step % 3 == 0, step % 2 == 0)
        expected_d = line["loss_d"] + gamma / 2 * 3 * line.get("r1", 0.0)
        expected_g = line["loss_g"] + 2.0 * 2 * line.get("path", 0.0)
        assert losses_taken[-2:] == pytest.approx([expected_d, expected_g], rel=1e-5)


def test_path_lengths_are_held_to_their_running_mean(real, recipe, monkeypatch):
    """Of every other volume of the batch: equation 4 and its mean, which moves by a hundredth."""
    lengths, game = torch.tensor([3.0, 5.0]), game_of(recipe)
    seen = []
    monkeypatch.setattr(
        losses, "path_lengths", lambda images, *_: seen.append(len(images)) or lengths
    )
    for mean in (0.04, 0.99 * 0.04 + 0.04):
        penalty = game._path_penalty(real[1], 16)
        assert game.path_mean == pytest.approx(mean)
        expected = ((3 - mean) ** 2 + (5 - mean) ** 2) / 2
        assert penalty.item() == pytest.approx(expected, rel=1e-6)
    assert seen == [2, 2]


@pytest.mark.parametrize(
    ("batch", "world", "shares"),
    [
        (4, 2, [1, 1]),
        (4, 4, [1, 0, 1, 0]),
        (6, 2, [2, 1]),
        (3, 3, [1, 0, 1]),
        (9, 3, [2, 1, 2]),
        (5, 1, [3]),
    ],
)
def test_processes_take_the_path_lengths_that_one_would(recipe, batch, world, shares, monkeypatch):
    """Each volume with its own latent, noise, properties and direction, whoever draws it."""
    seen = []

    def lengths_of(images, w, y):
        assert len(images) == len(w) == len(y)
        seen.append(len(images))
        return w.sum(dim=1) + images.mean(dim=(1, 2, 3, 4)) + y[:, 0, 0, 0, 0]

    def penalty_of(place):
        game = game_of(replace(recipe, batch=batch))
        game.place = place
        monkeypatch.setattr(game, "_over_all", lambda _: 0.0)  # the others are not there to ask
        return game._path_penalty(place.own(told), 16)

    monkeypatch.setattr(losses, "path_lengths", lengths_of)
    told = torch.stack([CONDITIONS.encode({"width": 300.0 + i, "sex": "F"}) for i in range(batch)])
    parts = torch.stack([penalty_of(Place(rank, world, world)) for rank in range(world)])
    assert seen == [share for share in shares if share]
    assert (parts != 0).tolist() == [share > 0 for share in shares]
    torch.testing.assert_close(parts.mean(), penalty_of(Place(0, 1, 1)))


def test_broken_weights_of_one_process_stop_them_all(recipe, monkeypatch):
    game = game_of(recipe)
    game.check_weights()
    monkeypatch.setattr(game, "_over_all", lambda broken: (broken + 1) / 2)  # one of another's
    with pytest.raises(CheckFailed, match="weights of another process not finite after 0 images"):
        game.check_weights()


def test_penalties_are_float32_where_the_maps_are_bfloat16(real, recipe):
    """The same networks, the same draws: the same penalties to the bit, and other losses."""
    first = {}
    for bfloat16 in (False, True):
        game = game_of(replace(recipe, bfloat16=bfloat16))
        game.training_step(real)
        first[bfloat16] = game.curves.lines[0]
    for penalty in ("r1", "path"):
        assert first[True][penalty] == first[False][penalty]
    assert first[True]["loss_g"] != first[False]["loss_g"]


def test_a_side_that_has_won_for_long_stops_the_training(real, recipe, monkeypatch):
    monkeypatch.setattr(losses, "discriminator_loss", lambda _, *logits: 0 * sum(logits).sum())
    with pytest.raises(CheckFailed, match="after 8 images the discriminator has won for 8"):
        play(game_of(replace(recipe, patience_images=8)), real, 3)


def test_volumes_that_are_one_for_long_stop_the_training(real, recipe, monkeypatch):
    game = game_of(replace(recipe, patience_images=8))
    draw = game.generator.synthesis.forward
    monkeypatch.setattr(
        game.generator.synthesis,
        "forward",
        lambda *asked: draw(*asked)[:1].expand(len(asked[0]), -1, -1, -1, -1),
    )
    with pytest.raises(CheckFailed, match="after 8 images all synthetic volumes have been one"):
        play(game, real, 3)


def play(game, real, steps):
    for _ in range(steps):
        game.training_step(real)


def test_what_is_not_finite_stops_the_training(real, recipe):
    game = game_of(recipe)
    with pytest.raises(CheckFailed, match=r"loss_d.* not finite after 4 images"):
        game.training_step((real[0] * float("nan"), real[1]))


@pytest.mark.parametrize("loss", ["minmax", "rpgan"])
def test_other_forms_of_the_loss_train_both_sides(real, loss, recipe):
    game = game_of(replace(recipe, loss=loss))
    before = snapshot(game.generator), snapshot(game.discriminator)
    game.training_step(real)
    for old, module in zip(before, (game.generator, game.discriminator), strict=True):
        assert any(not torch.equal(old[n], p) for n, p in module.named_parameters())


def test_properties_are_left_out_whole_and_numbers_alone_are_blurred(recipe):
    game = game_of(replace(recipe, property_dropout=0.25, property_blur=0.5))
    one = CONDITIONS.encode({"width": 350.0, "sex": "F"})
    told = game.tell(one.expand(4000, -1))
    known = told[:, 1] == 1
    assert known.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert not told[~known, 0].any()
    blur = told[known, 0] - one[0]
    assert blur.mean().item() == pytest.approx(0, abs=0.04)
    assert blur.std().item() == pytest.approx(0.5, rel=0.05)
    sex = told[:, 2:]
    assert {tuple(row) for row in sex.tolist()} == {(0.0, 0.0), (1.0, 0.0)}
    assert sex[:, 0].mean().item() == pytest.approx(0.75, abs=0.03)


def test_without_dropout_and_blur_properties_are_told_as_they_are(real, recipe):
    game = game_of(replace(recipe, property_dropout=0.0, property_blur=0.0))
    assert torch.equal(game.tell(real[1]), real[1])


def test_mixed_styles_change_once_and_share_the_start(real, recipe):
    game = game_of(replace(recipe, style_mixing=0.5))
    styles = game._styles(torch.zeros(400, CONDITIONS.size))
    assert styles.shape == (400, 3, 4)
    changes = (styles[:, 1:] != styles[:, :-1]).any(dim=2).sum(dim=1)
    assert set(changes.tolist()) == {0, 1}
    assert changes.float().mean().item() == pytest.approx(0.5, abs=0.08)
    alone = game_of(replace(recipe, style_mixing=0.0))._styles(torch.zeros(9, CONDITIONS.size))
    assert torch.equal(alone[:, 0], alone[:, 2])


def test_augmentation_rises_while_real_volumes_are_known_and_stays_in_bounds(real, recipe):
    game = game_of(replace(recipe, augment_target=0.6, augment_images=16, augment_limit=0.7))
    game._adapt(0.9)
    assert game.augment_probability == pytest.approx(0.75 - 0.05)  # the limit
    for _ in range(2):
        game._adapt(0.1)
    assert game.augment_probability == pytest.approx(0.2)
    game._adapt(-1.0)
    assert game.augment_probability == 0.0
    fixed = game_of(recipe)
    fixed._adapt(1.0)
    assert fixed.augment_probability == 0.5


def test_spread_of_copies_is_none_and_of_the_real_ones_themselves_one(real):
    images, _ = real
    assert spread(images[:1].expand(4, -1, -1, -1, -1), images) == 0
    assert spread(images, images) == 1
    assert spread(images / 2, images) == pytest.approx(0.5)


def test_computing_feature_maps_twice_changes_no_weight(real, recipe):
    """Both penalties included, which need derivatives of derivatives."""
    ended = []
    for recompute in (False, True):
        game = game_of(replace(recipe, recompute=recompute))
        for _ in range(2):
            game.training_step(real)
        ended.append(snapshot(game))
    assert ended[0].keys() == ended[1].keys()
    for name, value in ended[0].items():
        assert torch.equal(value, ended[1][name]), name


def test_learning_rates_fall_to_zero_at_the_end(real, recipe):
    game = game_of(replace(recipe, images=32, decay_share=0.5))
    rates = []
    for _ in range(8):
        game.training_step(real)
        rates.append([group["lr"] for o in game.optimizers() for group in o.param_groups])
    assert rates == [[0.01 * share] * 2 for share in (1, 1, 1, 1, 1, 0.75, 0.5, 0.25)]


@pytest.mark.parametrize("microbatch", [1, 2, 3])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(real, recipe, microbatch):
    """Minibatch deviation and both penalties included; logits are float32 in any case."""
    found = []
    for size in (0, microbatch):
        game = game_of(replace(recipe, microbatch=size)).double()
        game.dtype_of_maps = torch.float64
        images, told = (part.double() for part in real)
        noise = [layer.double() for layer in game._noise(4, 16)]
        w = game.generator.style(game._latents(4).double(), told)
        fake = game.generator.synthesis(w, noise, torch.float64)
        seen = game._see(images).requires_grad_()
        logits = game.discriminator(seen, told, torch.float64)
        judged = game.discriminator(game._see(fake), told, torch.float64)
        loss = logits.sin().sum() + judged.cos().sum() + losses.r1_penalty(logits, seen)
        loss = loss + losses.path_lengths(fake, w, torch.ones_like(fake)).square().sum()
        trained = [p for p in game.parameters() if p.requires_grad]
        found.append(torch.autograd.grad(loss, trained, allow_unused=True))
    for whole, parts in zip(*found, strict=True):
        assert (whole is None) == (parts is None)
        if whole is not None:
            torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_batch_in_parts_keeps_the_maps_of_one(real, recipe):
    assert kept(real, replace(recipe, microbatch=1)) < 0.3 * kept(real, recipe)


def test_a_training_in_parts_ends_where_the_whole_one_does(real, recipe):
    ended = []
    for microbatch in (0, 2):
        game = game_of(replace(recipe, microbatch=microbatch, generator_lr=1e-3))
        for _ in range(2):
            game.training_step(real)
        ended.append(snapshot(game))
    for name, value in ended[0].items():
        torch.testing.assert_close(ended[1][name], value, rtol=1e-3, atol=1e-3)


def test_computing_feature_maps_twice_keeps_fewer(real, recipe):
    assert kept(real, replace(recipe, recompute=True)) < 0.6 * kept(real, recipe)


def kept(real, recipe) -> int:
    """Numbers that the discriminator keeps for its gradients."""
    game, sizes = game_of(recipe), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        game.discriminator(game.discriminator.windows(real[0]), real[1])
    return sum(sizes)
