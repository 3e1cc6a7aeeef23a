"""Everything that decides a training run, apart from data and architecture."""

from dataclasses import dataclass

from syda.training.augment import Augment


@dataclass(frozen=True)
class Recipe:
    """How to train. Whatever counts time counts images shown to the discriminator.

    Attributes:
        seed: of weights, latents, noise, augmentation and order.
        images: length of the training.
        coarse_images: how many of these, the first ones, are shown at half the side, where a step
            costs a third and anatomy at large is learnt (Progressive Growing of GANs, 2018).
        fade_images: images over which the discriminator's finest block joins after these.
        batch: images a step.
        generator_lr: Adam's learning rate of the generator.
        discriminator_lr: Adam's learning rate of the discriminator.
        r1_gamma: weight of the R1 penalty; the loss gets gamma / 2 times the penalty.
        coarse_r1_gamma: the same while volumes are shown at half the side: the penalty sums over
            voxels, and fewer make a smaller one matter as much.
        r1_interval: steps from one R1 penalty to the next, which then counts so many times.
        path_weight: weight of path-length regularisation; 0 turns it off.
        path_interval: steps from one path-length regularisation to the next, counted likewise.
        ema_half_life: half-life of the released average, images.
        ema_ramp: upper bound of the half-life as a share of the images seen.
        augment: what real and synthetic volumes undergo before the discriminator.
        bfloat16: whether feature maps are bfloat16; penalties are float32 in any case.
        log_images: images from one line of the curves to the next.
    """

    seed: int
    images: int
    coarse_images: int
    fade_images: int
    batch: int
    generator_lr: float
    discriminator_lr: float
    r1_gamma: float
    coarse_r1_gamma: float
    r1_interval: int
    path_weight: float
    path_interval: int
    ema_half_life: float
    ema_ramp: float
    augment: Augment
    bfloat16: bool
    log_images: int
