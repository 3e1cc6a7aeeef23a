"""StyleGAN2 in three dimensions, in its plainest form: SYDA's networks are compared with it.

Karras et al., Analyzing and Improving the Image Quality of StyleGAN (2020): modulated convolution
as one grouped convolution with filters for each sample (section 2.2), skip generator, residual
discriminator (section 4.1). Upsampling is torch's, trilinear, before a convolution; a blur is
strided; tensors are float32 and contiguous; both penalties are computed in every step (section 3.1
has them lazily). Names and shapes of weights are SYDA's, so that its weights can be loaded.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from syda.model import discriminator, modulated_conv
from syda.model.discriminator import GROUP_SIZE
from syda.model.layers import RELU_GAIN, EqualizedConv3d, EqualizedLinear, activate
from syda.model.mapping import Mapping
from syda.model.modulated_conv import same_conv3d
from syda.model.synthesis import BASE_RESOLUTION, INITIAL_SPREAD, Constant
from syda.model.upsample_conv import upsample_conv3d
from syda.training import losses


def grouped_conv3d(x: Tensor, weight: Tensor, style: Tensor, upsample: bool = False) -> Tensor:
    """What :func:`syda.model.modulated_conv.modulated_conv3d` returns, with filters a sample."""
    n, inputs = style.shape
    filters = weight * style[:, None, :, None, None, None]
    norm = torch.rsqrt(filters.square().sum((2, 3, 4, 5), keepdim=True) + modulated_conv.EPSILON)
    filters = (filters * (norm * RELU_GAIN)).flatten(0, 1).to(x.dtype)
    x = x.reshape(1, n * inputs, *x.shape[2:])
    convolve = upsample_conv3d if upsample else same_conv3d
    y = convolve(x, filters, groups=n)
    return y.reshape(n, -1, *y.shape[2:])


def upsample(x: Tensor) -> Tensor:
    """Double D, H and W."""
    return functional.interpolate(x, scale_factor=2.0, mode="trilinear")


def downsample(x: Tensor) -> Tensor:
    """Halve D, H and W: ``interpolate`` would alias, so a strided blur with [1, 3, 3, 1] / 8."""
    channels = x.shape[1]
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device) / 8
    kernel = (taps[:, None, None] * taps[:, None] * taps).expand(channels, 1, 4, 4, 4)
    x = functional.pad(x, (1,) * 6, mode="replicate")
    return functional.conv3d(x, kernel, stride=2, groups=channels)


class ModulatedConv3d(modulated_conv.ModulatedConv3d):
    """Style layer, operation by operation."""

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """``[N, inputs, D, H, W]`` to ``[N, outputs, D, H, W]``."""
        y = grouped_conv3d(x, self.weight, self.style(w)) + self.bias[:, None, None, None]
        return activate(y + noise * self.noise_strength[:, None, None, None])


class ToImage(modulated_conv.ToImage):
    """Modulated 1x1x1 convolution to one channel, grouped."""

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``[N, inputs, D, H, W]`` to ``[N, 1, D, H, W]``."""
        n, inputs = x.shape[:2]
        filters = self.style(w) * (self.weight * self.weight_scale)
        x = x.reshape(1, n * inputs, *x.shape[2:])
        image = functional.conv3d(x, filters[:, :, None, None, None], groups=n)
        return image.reshape(n, 1, *image.shape[2:]) + self.bias


class Block(nn.Module):
    """Double the side, two style layers, this resolution's share of the image."""

    def __init__(self, latent_dim: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = ModulatedConv3d(latent_dim, inputs, outputs)
        self.conv1 = ModulatedConv3d(latent_dim, outputs, outputs)
        self.to_image = ToImage(latent_dim, outputs, spread=0.0)


class Synthesis(nn.Module):
    """From w to a volume; no tones, no mean of the training volumes, no tanh."""

    def __init__(self, latent_dim: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.constant = Constant(channels[0])
        self.conv = ModulatedConv3d(latent_dim, channels[0], channels[0])
        self.to_image = ToImage(latent_dim, channels[0], INITIAL_SPREAD)
        self.blocks = nn.ModuleList(
            Block(latent_dim, inputs, outputs) for inputs, outputs in pairwise(channels)
        )

    def forward(self, w: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """``[N, latent_dim]`` and the noise of each style layer to ``[N, 1, S, S, S]``."""
        x = self.conv(self.constant(len(w)).contiguous(), w, noise[0])
        image = self.to_image(x, w)
        for i, block in enumerate(self.blocks):
            x = block.conv0(upsample(x), w, noise[2 * i + 1])
            x = block.conv1(x, w, noise[2 * i + 2])
            image = upsample(image) + block.to_image(x, w)
        return image


class Generator(nn.Module):
    """Mapping and synthesis."""

    def __init__(
        self,
        *,
        latent_dim: int,
        mapping_layers: int,
        mapping_lr_multiplier: float,
        channels: Sequence[int],
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.sides = [BASE_RESOLUTION * 2 ** ((i + 1) // 2) for i in range(2 * len(channels) - 1)]
        self.mapping = Mapping(latent_dim, mapping_layers, mapping_lr_multiplier)
        self.synthesis = Synthesis(latent_dim, channels)

    def styles(self, n: int) -> Tensor:
        """``[n, latent_dim]`` styles of random latents."""
        device = self.synthesis.constant.value.device
        return self.mapping(torch.randn(n, self.latent_dim, device=device))

    def images(self, w: Tensor) -> Tensor:
        """Volumes of styles, with random noise."""
        noise = [torch.randn(len(w), 1, s, s, s, device=w.device) for s in self.sides]
        return self.synthesis(w, noise)


class DownBlock(discriminator.DownBlock):
    """Downsampling by a strided blur."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, s, s, s]`` to ``[N, outputs, s / 2, s / 2, s / 2]``."""
        y = self.conv1(downsample(activate(self.conv0(x))))
        return self.skip(downsample(x)) + activate(y)


def minibatch_deviation(x: Tensor) -> Tensor:
    """Append one feature map: the mean deviation over groups of samples.

    Karras et al., Progressive Growing of GANs (2018), section 3.
    """
    n = len(x)
    group = max(size for size in range(1, GROUP_SIZE + 1) if n % size == 0)
    grouped = x.reshape(n // group, group, *x.shape[1:])
    deviation = torch.sqrt(grouped.var(dim=1, correction=0) + 1e-8).mean(dim=(1, 2, 3, 4))
    deviation = deviation.repeat_interleave(group)[:, None, None, None, None]
    return torch.cat([x, deviation.expand(-1, 1, *x.shape[2:])], dim=1)


class Discriminator(nn.Module):
    """From a volume to one logit; one window, no properties."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        bottom = channels[0]
        self.from_image = EqualizedConv3d(1, channels[-1], 1, gain=RELU_GAIN)
        self.blocks = nn.ModuleList(DownBlock(fine, coarse) for coarse, fine in pairwise(channels))
        self.conv = EqualizedConv3d(bottom + 1, bottom, 3, gain=RELU_GAIN)
        self.hidden = EqualizedLinear(bottom * BASE_RESOLUTION**3, bottom, gain=RELU_GAIN)
        self.logit = EqualizedLinear(bottom, 1)

    def features(self, image: Tensor) -> Tensor:
        """``[N, 1, S, S, S]`` to ``[N, C, 4, 4, 4]``."""
        x = activate(self.from_image(image))
        for block in reversed(self.blocks):
            x = block(x)
        return x

    def forward(self, image: Tensor) -> Tensor:
        """``[N, 1, S, S, S]`` to ``[N]``."""
        x = activate(self.conv(minibatch_deviation(self.features(image))))
        return self.logit(activate(self.hidden(x.flatten(1))))[:, 0]


class Training:
    """Trains both networks in turn, each with a new synthetic batch, float32.

    Args:
        generator: to be trained.
        discriminator: to be trained.
        gamma: weight of the R1 penalty.
        path_weight: of path-length regularisation, which takes half the batch.
        lr: Adam's learning rate.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        gamma: float,
        path_weight: float,
        lr: float,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.gamma, self.path_weight = gamma, path_weight
        self.path_mean = 0.0
        self.adams = [
            torch.optim.Adam(side.parameters(), lr, (0.0, 0.99))
            for side in (generator, discriminator)
        ]

    def step(self, real: Tensor, penalties: bool = True) -> None:
        """Learn from real volumes ``[N, 1, S, S, S]``."""
        self._train_discriminator(real, penalties)
        self._train_generator(len(real), penalties)

    def _train_discriminator(self, real: Tensor, penalties: bool) -> None:
        self.discriminator.requires_grad_(True)
        with torch.no_grad():
            fake = self.generator.images(self.generator.styles(len(real)))
        real = real.detach().requires_grad_(penalties)
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        loss = losses.discriminator_loss("nonsaturating", real_logits, fake_logits)
        if penalties:
            loss = loss + self.gamma / 2 * losses.r1_penalty(real_logits, real)
        self._learn(loss, self.adams[1])

    def _train_generator(self, n: int, penalties: bool) -> None:
        self.discriminator.requires_grad_(False)
        logits = self.discriminator(self.generator.images(self.generator.styles(n)))
        loss = losses.generator_loss("nonsaturating", logits, logits)
        if penalties:
            w = self.generator.styles((n + 1) // 2)
            images = self.generator.images(w)
            lengths = losses.path_lengths(images, w, torch.randn_like(images))
            self.path_mean = 0.99 * self.path_mean + 0.01 * lengths.mean().item()
            loss = loss + self.path_weight * (lengths - self.path_mean).square().mean()
        self._learn(loss, self.adams[0])

    def _learn(self, loss: Tensor, adam: torch.optim.Adam) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()
