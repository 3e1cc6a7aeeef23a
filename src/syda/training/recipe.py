"""Everything that decides a training run, apart from data and architecture."""

from dataclasses import dataclass

from syda.training import losses
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
        generator_lr: learning rate of the generator: Muon's for filters, Adam's for the rest.
        discriminator_lr: learning rate of the discriminator, likewise.
        r1_weight: of the R1 penalty: the loss gets gamma / 2 times it, and gamma is this times the
            voxels of a volume over the batch (the rule of Karras et al., ADA, 2020, appendix C, in
            voxels for pixels): the penalty sums over voxels, so that finer volumes need more.
        r1_interval: steps from one R1 penalty to the next, which then counts so many times.
        path_weight: weight of path-length regularisation; 0 turns it off.
        path_interval: steps from one path-length regularisation to the next, counted likewise.
        ema_half_life: half-life of the released average, images.
        ema_ramp: upper bound of the half-life as a share of the images seen.
        decay_share: share of the images, the last ones, over which the learning rates fall to
            zero in a straight line.
        loss: form of the adversarial loss.
        style_mixing: probability that a sample's styles come from two latents.
        property_dropout: probability that a property is not told.
        property_blur: standard deviation of what is added to a standardised number.
        augment: what real and synthetic volumes undergo before the discriminator.
        augment_probability: of each kind of change, at the start.
        augment_target: how far the discriminator may tell real volumes apart before the changes
            become more probable; 0 leaves the probability alone.
        augment_images: images in which the probability can go from 0 to 1.
        augment_limit: of the probability; above .8 the changes show in what is generated.
        patience_images: images after which a won or collapsed game is stopped.
        bfloat16: whether feature maps are bfloat16; penalties are float32 in any case.
        recompute: whether feature maps are computed twice to save memory.
        microbatch: volumes of a batch computed at once, the others after one another; 0 for all.
        checkpoint_images: images from one checkpoint to the next.
        log_images: images from one line of the curves to the next.
    """

    seed: int
    images: int
    coarse_images: int
    fade_images: int
    batch: int
    generator_lr: float
    discriminator_lr: float
    r1_weight: float
    r1_interval: int
    path_weight: float
    path_interval: int
    ema_half_life: float
    ema_ramp: float
    decay_share: float
    loss: losses.Form
    style_mixing: float
    property_dropout: float
    property_blur: float
    augment: Augment
    augment_probability: float
    augment_target: float
    augment_images: int
    augment_limit: float
    patience_images: int
    bfloat16: bool
    recompute: bool
    microbatch: int
    checkpoint_images: int
    log_images: int
