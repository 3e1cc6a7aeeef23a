"""MS-SSIM of pairs of volumes: how alike are two synthetic volumes?

The definition is MONAI's (``monai.metrics.MultiScaleSSIMMetric``: valid convolution, 2x average
pooling, negative contrast cut to zero), its Gaussian applied one axis at a time by shifted adds,
which on a CPU is tens of times faster than a dense 3D convolution.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)

from syda.errors import UsageError
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Images, Sampling
from syda.metrics.estimate import (
    Estimate,
    MetricResult,
    Pairs,
    mean_over_pairs,
    pairs_within,
    sample_pairs,
)
from syda.metrics.metric import Metric, MetricContext, MetricSpec, register
from syda.runtime import progress

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales (Wang et al. 2003)."""

SMALLEST_SIDE = {5: 112, 3: 28, 1: 7}
"""Voxels a side that so many scales need with a kernel of 7: 7 or more are left at the last."""

_VOXELS_AT_ONCE = 2**21
"""Voxels of pairs in one batch: their five moment fields stay within the processor's reach."""


@dataclass(frozen=True)
class MsSsimProtocol:
    """The choices that make two MS-SSIM figures comparable.

    Attributes:
        scales: L, number of scales.
        kernel: voxels along each side of the Gaussian window.
        sigma: of the Gaussian, voxels.
        data_range: difference of the largest and the smallest possible value, fixed by the HU
            window and never by a volume's own extremes.

    >>> MsSsimProtocol.of_size(32).key
    'ms_ssim_3d_L3_k7_s1.5_dr2'
    """

    scales: int
    kernel: int = 7
    sigma: float = 1.5
    data_range: float = 2.0

    @classmethod
    def of_size(cls, size: int) -> "MsSsimProtocol":
        """Choose the number of scales for volumes of so many voxels a side.

        Raises:
            UsageError: smaller than the kernel.
        """
        for scales, side in SMALLEST_SIDE.items():
            if size >= side:
                return cls(scales)
        raise UsageError(f"MS-SSIM needs volumes of at least 7 voxels a side, ct.size is {size}")

    @property
    def key(self) -> str:
        """The protocol as a name."""
        return f"ms_ssim_3d_L{self.scales}_k{self.kernel}_s{self.sigma:g}_dr{self.data_range:g}"

    @property
    def weights(self) -> tuple[float, ...]:
        """The first L of :data:`WEIGHTS`, scaled to sum 1."""
        first = WEIGHTS[: self.scales]
        return tuple(weight / sum(first) for weight in first)


def ms_ssim(x: torch.Tensor, y: torch.Tensor, protocol: MsSsimProtocol) -> torch.Tensor:
    """Multi-scale structural similarity of pairs of volumes.

    ``MS-SSIM = prod over scales j < L of cs_j^w_j, times ssim_L^w_L``, each the mean over the
    volume, negative means cut to zero.

    Source: Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image
    quality assessment", Asilomar 2003, eq. 7; the SSIM terms are Wang et al., IEEE TIP 13(4), 2004,
    eq. 13 with K1 = 0.01 and K2 = 0.03.

    Args:
        x: ``[P, D, H, W]`` float.
        y: the same shape.
        protocol: scales, kernel and data range.

    Returns:
        ``[P]``; 1 for identical volumes.

    >>> x = torch.rand(1, 32, 32, 32)
    >>> ms_ssim(x, x, MsSsimProtocol.of_size(32)).round(decimals=4)
    tensor([1.])
    """
    result = torch.ones(len(x), dtype=x.dtype)
    for scale, weight in enumerate(protocol.weights):
        last = scale == protocol.scales - 1
        ssim, contrast = _ssim_and_contrast(x, y, protocol)
        result *= (ssim if last else contrast).clamp(min=0) ** weight
        if not last:
            x, y = F.avg_pool3d(x, 2), F.avg_pool3d(y, 2)
    return result


def _ssim_and_contrast(
    x: torch.Tensor, y: torch.Tensor, protocol: MsSsimProtocol
) -> tuple[torch.Tensor, torch.Tensor]:
    c1, c2 = ((k * protocol.data_range) ** 2 for k in (0.01, 0.03))
    taps = _gaussian(protocol.kernel, protocol.sigma)
    mean_x, mean_y = _blur(x, taps), _blur(y, taps)
    mean_xx, mean_yy, mean_xy = _blur(x * x, taps), _blur(y * y, taps), _blur(x * y, taps)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    contrast = (2 * (mean_xy - product) + c2) / (mean_xx + mean_yy - squares + c2)
    ssim = (2 * product + c1) / (squares + c1) * contrast
    return ssim.mean(dim=(1, 2, 3)), contrast.mean(dim=(1, 2, 3))


def _gaussian(kernel: int, sigma: float) -> list[float]:
    distance = np.arange(kernel) - (kernel - 1) / 2
    taps = np.exp(-0.5 * (distance / sigma) ** 2)
    return [float(tap) for tap in taps / taps.sum()]


def _blur(field: torch.Tensor, taps: list[float]) -> torch.Tensor:
    """Valid convolution with the taps along each of the last three axes."""
    for axis in (-3, -2, -1):
        length = field.shape[axis] - len(taps) + 1
        blurred = field.narrow(axis, 0, length) * taps[0]
        for shift, tap in enumerate(taps[1:], start=1):
            blurred.add_(field.narrow(axis, shift, length), alpha=tap)
        field = blurred
    return field


@register
class MsSsimDiversity(Metric[MetricSpec]):
    """Mean MS-SSIM of pairs of synthetic volumes; the baseline is pairs of real ones.

    Far above real: the synthetic volumes resemble one another (mode loss). Far below: they share
    less than real scans do, as noise would. A good generator matches the real value. Padding is
    the same air in every volume and raises both values alike.
    """

    SPECS = (
        MetricSpec(
            key="ms_ssim",
            title="MS-SSIM of pairs",
            unit="1",
            aim="match",
            source="Wang, Simoncelli, Bovik, Asilomar 2003; as monai.metrics.MultiScaleSSIMMetric",
            criterion="Coverage",
            description="How alike two synthetic volumes are: far above real means mode loss.",
            headline=True,
        ),
    )

    def __init__(self, context: MetricContext, spec: MetricSpec | None = None) -> None:
        super().__init__(context, spec)
        self._choices = MsSsimProtocol.of_size(context.grid.size)

    @property
    def key(self) -> str:
        """Key in the reports."""
        return self._choices.key

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return (
            asdict(self._choices)
            | self.context.grid.protocol
            | {"pairs": "synthetic-synthetic beside real-real of different patients"}
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        synthetic = self._similarity(cohorts.synthetic, sampling)
        return {
            split: MetricResult(synthetic, self._similarity(cohort, sampling))
            for split, cohort in cohorts.real.items()
        }

    def _similarity(self, cohort: Cohort, sampling: Sampling) -> Estimate:
        generator = sampling.generator("pairs", cohort.label)
        pairs = sample_pairs(pairs_within(cohort), sampling.pairs, generator)
        values = of_pairs(cohort.images, pairs, self._choices, cohort.label)
        estimate = mean_over_pairs(values, pairs, (cohort, cohort), sampling)
        return estimate.listed(values, pairs, cohort.names)


def of_pairs(images: Images, pairs: Pairs, protocol: MsSsimProtocol, label: str) -> Floats:
    """MS-SSIM of each pair of a cohort's volumes, several at once.

    Args:
        images: ``[V, D, H, W]``.
        pairs: rows of ``images``.
        protocol: scales, kernel and data range.
        label: of the progress bar.

    Returns:
        ``[P]``.
    """
    volumes = torch.from_numpy(images)
    at_once = max(1, _VOXELS_AT_ONCE // volumes[0].numel())
    values = []
    with progress.bar(len(pairs), f"MS-SSIM {label}", "pairs") as bar, torch.inference_mode():
        for start in range(0, len(pairs), at_once):
            chunk = slice(start, start + at_once)
            x, y = volumes[pairs.first[chunk]], volumes[pairs.second[chunk]]
            values.append(ms_ssim(x, y, protocol).numpy())
            bar.update(len(x))
    return np.concatenate(values).astype(np.float64)
