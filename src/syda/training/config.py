"""Section ``train`` of params.yaml. Lengths of time are counted in images shown."""

from typing import Self

import torch
from pydantic import Field, model_validator

from syda.model import device
from syda.model.device import Precision
from syda.params import Section
from syda.training.losses import LossForm


class AugmentParams(Section):
    """Section ``train.augment``: augmentation of the discriminator's input."""

    probability: float = Field(ge=0, le=1)
    target: float = Field(ge=0, lt=1)
    images: int = Field(ge=1)
    limit: float = Field(ge=0, le=1)
    rotation: float = Field(ge=0, le=45)
    zoom: float = Field(ge=0, lt=1)
    shift: float = Field(ge=0, le=0.5)
    contrast: float = Field(ge=0, lt=1)
    noise: float = Field(ge=0, le=1)
    cutout: float = Field(ge=0, le=1)


class TrainingStage(Section):
    """An entry of ``train.stages``: images of one side, shown in batches of one size."""

    side: int = Field(ge=4)
    images: int = Field(ge=1)
    batch: int = Field(ge=2)
    fade_images: int = Field(ge=0)
    adversarial: bool


class ReconstructionParams(Section):
    """Section ``train.reconstruction``: the variational part of the loss."""

    weight: float = Field(ge=0)
    kl_weight: float = Field(ge=0)
    learning_rate: float = Field(gt=0)


class EncoderParams(Section):
    """Section ``train.encoder``: training of the encoder on generated volumes."""

    images: int = Field(ge=2)
    ridge: float = Field(gt=0)


class TrainParams(Section):
    """Section ``train``."""

    seed: int = Field(ge=0)
    stages: list[TrainingStage] = Field(min_length=1)
    reconstruction: ReconstructionParams
    generator_lr: float = Field(gt=0)
    discriminator_lr: float = Field(gt=0)
    decay_share: float = Field(ge=0, le=1)
    loss: LossForm
    r1_weight: float = Field(ge=0)
    r1_interval: int = Field(ge=1)
    path_weight: float = Field(ge=0)
    path_interval: int = Field(ge=1)
    ema_half_life: float = Field(gt=0)
    ema_ramp: float = Field(gt=0)
    style_mixing: float = Field(ge=0, le=1)
    property_dropout: float = Field(ge=0, le=1)
    property_blur: float = Field(ge=0)
    patience_images: int = Field(ge=1)
    min_distance_ratio: float = Field(ge=0)
    augment: AugmentParams
    precision: Precision
    recompute: bool
    microbatch: int = Field(ge=0)
    checkpoint_images: int = Field(ge=1)
    log_images: int = Field(ge=1)
    pictures: int = Field(ge=0)
    encoder: EncoderParams

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        for stage in self.stages:
            if stage.images % stage.batch:
                raise ValueError(f"stages: {stage.images} images are no multiple of their batch")
            if not stage.adversarial and self.reconstruction.weight == 0:
                raise ValueError("stages: adversarial false needs reconstruction.weight above 0")
        sides = [stage.side for stage in self.stages]
        if sides != sorted(sides):
            raise ValueError("stages: a side is smaller than the one before")
        if self.log_images > self.images:
            raise ValueError("log_images is larger than the images of all stages")
        return self

    @property
    def images(self) -> int:
        """Number of real images shown in all stages."""
        return sum(stage.images for stage in self.stages)

    @property
    def batch_sizes(self) -> list[int]:
        """Batch size of each step."""
        return [stage.batch for stage in self.stages for _ in range(stage.images // stage.batch)]

    def activation_dtype(self) -> torch.dtype:
        """Return the data type of feature maps on the default device."""
        return device.activation_dtype(self.precision, device.default_device())

    def environment(self) -> list[str]:
        """Return what the weights depend on of the machine: device and activation type."""
        return [device.default_device().type, device.dtype_name(self.activation_dtype())]
