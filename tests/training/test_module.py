import pytest
import torch

from syda.errors import CheckFailed
from syda.training import losses, schedule
from tiny_training import SCHEMA, tiny_module, train_params, training_set


def module(changes=None, /, **more):
    return tiny_module(train_params(changes, **more))


@pytest.fixture
def real() -> tuple[torch.Tensor, torch.Tensor]:
    whole = training_set()
    return whole.images[:4], whole.conditions(SCHEMA)[:4]


def snapshot(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def changed(network: torch.nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(before[name], p) for name, p in network.named_parameters())


def trained(real, steps, changes=None, /, **more):
    gan = module(changes, **more)
    for _ in range(steps):
        gan.training_step(real)
    return gan


@pytest.mark.parametrize("loss", ["nonsaturating", "minmax", "rpgan"])
def test_a_step_trains_both_networks_and_the_average_follows(real, loss):
    gan = module(loss=loss)
    networks = gan.generator, gan.discriminator, gan.ema
    before = [snapshot(network) for network in networks]
    for _ in range(2):
        gan.training_step(real)
    assert all(map(changed, networks, before))
    assert gan.images_seen == 8
    assert [line["images"] for line in gan.curves.lines] == [4, 8]
    assert {"loss_g", "loss_d", "r1", "path", "d_real", "d_fake"} < gan.curves.lines[0].keys()


def test_the_generators_step_does_not_change_the_discriminator(real):
    gan = tiny_module(train_params().model_copy(update={"discriminator_lr": 0.0}))
    before = snapshot(gan.discriminator)
    gan.training_step(real)
    assert not changed(gan.discriminator, before)


def test_coarse_images_do_not_train_the_last_resolution(real):
    gan = module(coarse=4)
    before = snapshot(gan.generator), snapshot(gan.discriminator)
    gan.training_step(real)
    last = ("synthesis.blocks.1", "blocks.1", "from_windows.2")
    for old, network in zip(before, (gan.generator, gan.discriminator), strict=True):
        for name, parameter in network.named_parameters():
            if name.startswith(last):
                assert torch.equal(old[name], parameter), name
    gan.training_step(real)  # the last resolution joins with weight 0
    gan.training_step(real)
    block = dict(gan.discriminator.named_parameters())
    assert not torch.equal(before[1]["blocks.1.conv0.weight"], block["blocks.1.conv0.weight"])


def test_a_stronger_penalty_flattens_the_discriminator(real):
    slopes = [
        trained(real, 12, r1_weight=weight, generator_lr=1e-9).curves.lines[-1]["r1"]
        for weight in (0.0, 10.0)
    ]
    assert slopes[1] < slopes[0] / 2


def test_gamma_is_proportional_to_the_voxels_over_the_batch():
    gan = module(r1_weight=0.0002, batch=8)
    for size in (128, 64):
        gamma = gan.r1_gamma(torch.empty(8, 1, size, size, size))
        assert gamma == pytest.approx(0.0002 * size**3 / 8)


@pytest.mark.parametrize("resolution", [16, 8])
def test_lazy_penalties_are_weighted_by_their_interval(real, resolution, monkeypatch):
    """Adversarial and reconstruction loss; where due, gamma / 2 of R1 or the weight of the path."""
    coarse = 0 if resolution == 16 else 1000
    params = train_params(
        {"reconstruction.weight": 0.5},
        images=2000,
        coarse=coarse,
        r1_interval=3,
        path_interval=2,
        path_weight=2.0,
    )
    gan, losses_taken = tiny_module(params), []
    monkeypatch.setattr(gan, "_step", lambda loss, *_: losses_taken.append(loss.item()))
    gamma = params.r1_weight * resolution**3 / 4
    for step in range(6):
        gan.training_step(real)
        line = gan.curves.lines[-1]
        assert ("r1" in line, "path" in line) == (step % 3 == 0, step % 2 == 0)
        expected_d = line["loss_d"] + gamma / 2 * 3 * line.get("r1", 0.0)
        expected_g = line["loss_g"] + 2.0 * 2 * line.get("path", 0.0)
        expected_g += 0.5 * (line["reconstruction"] + 0.001 * line["kl"])
        assert losses_taken[-2:] == pytest.approx([expected_d, expected_g], rel=1e-5)


def test_weights_that_are_not_finite_in_one_process_stop_all(monkeypatch):
    gan = module()
    gan.check_weights()
    monkeypatch.setattr(gan, "_all_reduce_mean", lambda count: (count + 1) / 2)
    with pytest.raises(CheckFailed, match="weights of another process not finite after 0 images"):
        gan.check_weights()


def test_penalties_are_float32_where_activations_are_bfloat16(real):
    """The same networks and random numbers: the same penalties to the bit, and other losses."""
    full, half = (
        trained(real, 1, precision=precision).curves.lines[0]
        for precision in ("float32", "bfloat16")
    )
    assert (half["r1"], half["path"]) == (full["r1"], full["path"])
    assert half["loss_g"] != full["loss_g"]


def test_a_discriminator_without_loss_stops_the_training(real, monkeypatch):
    monkeypatch.setattr(losses, "discriminator_loss", lambda _, *logits: 0 * sum(logits).sum())
    with pytest.raises(CheckFailed, match="after 8 images: the discriminator's loss has been"):
        trained(real, 3, patience_images=8)


def test_a_generator_without_diversity_stops_the_training(real, monkeypatch):
    gan = module(patience_images=8)
    forward = gan.generator.synthesis.forward
    monkeypatch.setattr(
        gan.generator.synthesis,
        "forward",
        lambda *inputs: forward(*inputs)[:1].expand(len(inputs[0]), -1, -1, -1, -1),
    )
    gan.training_step(real)
    with pytest.raises(CheckFailed, match="after 8 images: all synthetic volumes have been"):
        gan.training_step(real)


def test_a_loss_that_is_not_finite_stops_the_training(real):
    with pytest.raises(CheckFailed, match=r"loss_d.* not finite after 4 images"):
        module().training_step((real[0] * float("nan"), real[1]))


def test_properties_are_dropped_as_a_whole_and_only_numbers_get_noise():
    gan = module(property_dropout=0.25, property_blur=0.5)
    one = SCHEMA.encode({"width": 350.0, "sex": "F"})
    corrupted = gan.corrupt_conditions(one.expand(4000, -1))
    observed = corrupted[:, 1] == 1
    assert observed.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert not corrupted[~observed, 0].any()
    noise = corrupted[observed, 0] - one[0]
    assert noise.mean().item() == pytest.approx(0, abs=0.04)
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    sex = corrupted[:, 2:]
    assert {tuple(row) for row in sex.tolist()} == {(0.0, 0.0), (1.0, 0.0)}
    assert sex[:, 0].mean().item() == pytest.approx(0.75, abs=0.03)


def test_without_dropout_and_noise_conditions_are_unchanged(real):
    gan = module(property_dropout=0.0, property_blur=0.0)
    assert torch.equal(gan.corrupt_conditions(real[1]), real[1])


def test_mixed_styles_change_once_and_share_the_start():
    styles = module(style_mixing=0.5)._styles(torch.zeros(400, SCHEMA.size))
    assert styles.shape == (400, 3, 4)
    changes = (styles[:, 1:] != styles[:, :-1]).any(dim=2).sum(dim=1)
    assert set(changes.tolist()) == {0, 1}
    assert changes.float().mean().item() == pytest.approx(0.5, abs=0.08)
    single = module(style_mixing=0.0)._styles(torch.zeros(9, SCHEMA.size))
    assert torch.equal(single[:, 0], single[:, 2])


def test_the_augmentation_probability_follows_r_t_within_its_bounds():
    params = train_params({"augment.target": 0.6, "augment.images": 16, "augment.limit": 0.7})
    probability, probabilities = 0.5, []
    for r_t in (0.9, 0.1, 0.1, -1.0):
        probability = schedule.ada_probability(probability, r_t, 4, params)
        probabilities.append(probability)
    assert probabilities == pytest.approx([0.7, 0.45, 0.2, 0.0])
    assert schedule.ada_probability(0.5, 1.0, 4, train_params()) == 0.5


def test_diversity_is_zero_for_copies_and_one_for_the_real_volumes(real):
    images, _ = real
    assert losses.diversity_ratio(images[:1].expand(4, -1, -1, -1, -1), images) == 0
    assert losses.diversity_ratio(images, images) == 1
    assert losses.diversity_ratio(images / 2, images) == pytest.approx(0.5)


def test_recomputing_feature_maps_changes_no_weight(real):
    """Both penalties included, which need second derivatives."""
    stored, recomputed = (snapshot(trained(real, 2, recompute=again)) for again in (False, True))
    assert stored.keys() == recomputed.keys()
    for name, value in stored.items():
        assert torch.equal(value, recomputed[name]), name


def test_every_optimizer_has_the_learning_rate_of_the_schedule(real):
    gan, rates = module(images=32, decay_share=0.5), []
    for _ in range(8):
        gan.training_step(real)
        rates.append([group["lr"] for o in gan.optimizers() for group in o.param_groups])
    assert rates == [[0.01 * share] * 3 for share in (1, 1, 1, 1, 1, 0.75, 0.5, 0.25)]


@pytest.mark.parametrize("microbatch", [1, 2, 3])
def test_microbatches_have_the_gradients_of_the_whole_batch(real, microbatch):
    """Minibatch deviation and both penalties included; logits are float32 in any case."""
    gradients = []
    for size in (0, microbatch):
        gan = module(microbatch=size).double()
        gan.activation_dtype = torch.float64
        images, conditions = (part.double() for part in real)
        noise = [layer.double() for layer in gan._noise(4, 16)]
        w = gan.generator.style(gan._latents(4).double(), conditions)
        fake = gan.generator.synthesis(w, noise, torch.float64)
        windows = gan._augment(images).requires_grad_()
        real_logits = gan.discriminator(windows, conditions, torch.float64)
        fake_logits = gan.discriminator(gan._augment(fake), conditions, torch.float64)
        loss = real_logits.sin().sum() + fake_logits.cos().sum()
        loss = loss + losses.r1_penalty(real_logits, windows)
        loss = loss + losses.path_lengths(fake, w, torch.ones_like(fake)).square().sum()
        parameters = [p for p in gan.parameters() if p.requires_grad]
        gradients.append(torch.autograd.grad(loss, parameters, allow_unused=True))
    for whole, parts in zip(*gradients, strict=True):
        assert (whole is None) == (parts is None)
        if whole is not None:
            torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_training_in_microbatches_ends_with_the_same_weights(real):
    whole, parts = (
        snapshot(trained(real, 2, microbatch=size, generator_lr=1e-3)) for size in (0, 2)
    )
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "share"), [({"recompute": True}, 0.6), ({"microbatch": 1}, 0.3)]
)
def test_saved_memory_is_memory_that_gradients_do_not_hold(real, changes, share):
    assert numbers_saved(real, changes) < share * numbers_saved(real, {})


def numbers_saved(real, changes) -> int:
    """Return how many numbers the discriminator saves for its gradients."""
    gan, sizes = module(changes), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        gan.discriminator(gan.discriminator.windows(real[0]), real[1])
    return sum(sizes)
