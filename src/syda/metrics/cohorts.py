"""What a metric is given: volumes on the model's grid, whose they are, and how to sample them."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Images = NDArray[np.float32]
"""``[V, D, H, W]`` volumes in the model range [-1, 1]."""


@dataclass(frozen=True)
class Grid:
    """The cube that every volume lies on.

    Attributes:
        size: N, voxels a side.
        window_min: HU at -1.
        window_max: HU at +1.
    """

    size: int
    window_min: int
    window_max: int

    @property
    def hu_per_unit(self) -> float:
        """HU that one unit of the model range spans."""
        return (self.window_max - self.window_min) / 2


@dataclass(frozen=True)
class Cohort:
    """Volumes of one origin.

    Attributes:
        label: ``synthetic``, or the name of a real split.
        images: ``[V, D, H, W]`` in [-1, 1]; D = k, H = j, W = i (RAS+).
        names: a name for each volume.
        patients: whose each volume is; a synthetic volume is its own patient. Two volumes of one
            patient are never a pair and are resampled together.
    """

    label: str
    images: Images
    names: tuple[str, ...]
    patients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def patient_index(self) -> NDArray[np.intp]:
        """``[V]`` number of each volume's patient, 0 to the number of patients - 1."""
        return np.unique(self.patients, return_inverse=True)[1]


@dataclass(frozen=True)
class Cohorts:
    """The synthetic volumes and the real splits that they are measured against."""

    synthetic: Cohort
    real: Mapping[str, Cohort]

    def all(self) -> list[Cohort]:
        """Return the synthetic cohort, then the real ones."""
        return [self.synthetic, *self.real.values()]


@dataclass(frozen=True)
class Sampling:
    """Every random choice of an evaluation, from one seed.

    Attributes:
        seed: of the pairs, the half splits and the bootstrap.
        pairs: most pairs that a metric compares one by one in a cohort.
        bootstrap: replicates behind an interval.
    """

    seed: int
    pairs: int
    bootstrap: int

    def generator(self, purpose: str, label: str) -> np.random.Generator:
        """Return the generator of one purpose and cohort; no other draw moves it."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{purpose}/{label}".encode())])

    def weights(self, cohort: Cohort) -> Floats:
        """Bayesian bootstrap: random weights of a cohort's patients.

        Weights are exponential variates, so that unlike counts drawn with replacement they are
        never zero and a small cohort keeps its pairs. Every metric sees the same weights, so a
        difference of two figures of one cohort is a paired one.

        Source: D. B. Rubin, "The Bayesian bootstrap", Annals of Statistics 9(1), 1981.

        Returns:
            ``[bootstrap, V]``; volumes of one patient share a weight.
        """
        patient = cohort.patient_index
        generator = self.generator("bootstrap", cohort.label)
        drawn = generator.standard_exponential((self.bootstrap, int(patient.max()) + 1))
        return drawn[:, patient]
