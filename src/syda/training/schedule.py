"""What changes during a training: stages, learning rates, fade-in, augmentation probability."""

import math

from syda.training.config import TrainingStage, TrainParams


def stage_at(images_seen: int, params: TrainParams) -> tuple[TrainingStage, int]:
    """Return the stage of the next image, and how many of its images have been shown."""
    start = 0
    for stage in params.stages:
        if images_seen < start + stage.images:
            return stage, images_seen - start
        start += stage.images
    return params.stages[-1], params.stages[-1].images


def learning_rate(full: float, images_seen: int, params: TrainParams) -> float:
    """Return ``full``, falling to 0 in a straight line over the last ``decay_share`` of images."""
    decay = params.decay_share * params.images
    left = max(0, params.images - images_seen)
    return full * left / decay if left < decay else full


def fade(images_seen: int, params: TrainParams) -> float:
    """Return the weight, 0 to 1, of the discriminator's finest block since its stage began."""
    stage, shown = stage_at(images_seen, params)
    return min(1.0, shown / stage.fade_images) if stage.fade_images else 1.0


def checkpoint_due(images_seen: int, params: TrainParams) -> tuple[bool, bool]:
    """Return whether a checkpoint follows the last step, and whether it was the last of all."""
    ended = images_seen >= params.images
    batch = stage_at(images_seen - 1, params)[0].batch
    return images_seen % params.checkpoint_images < batch and not ended, ended


def ada_probability(probability: float, ada_rt: float, batch: int, params: TrainParams) -> float:
    """Return the augmentation probability after a step: one fixed step towards the target of r_t.

    Karras et al., ADA (2020), section 3.1, equation 1.
    """
    augment = params.augment
    if augment.target == 0:
        return probability
    step = math.copysign(batch / augment.images, ada_rt - augment.target)
    return min(max(probability + step, 0.0), augment.limit)
