"""Input of a metric: volumes on the model's grid, their patients, and the random sampling."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syda.types import Attribute

Floats = NDArray[np.float64]
Images = NDArray[np.float32]
"""``[V, D, H, W]`` volumes in the model range [-1, 1]."""


@dataclass(frozen=True)
class VoxelGrid:
    """The cube that every volume lies on.

    Attributes:
        size: N, voxels a side.
        window_min: HU at -1.
        window_max: HU at +1.

    >>> VoxelGrid(32, -1000, 1000).hu_per_unit
    1000.0
    """

    size: int
    window_min: int
    window_max: int

    @property
    def hu_per_unit(self) -> float:
        """HU that one unit of the model range spans."""
        return (self.window_max - self.window_min) / 2

    def hu_above_window(self, image: Images) -> Floats:
        """HU above the window's lower end, of values in the model range."""
        above: Floats = (image.astype(np.float64) + 1) * self.hu_per_unit
        return above

    @property
    def protocol(self) -> dict[str, Any]:
        """The grid's part of a metric's protocol."""
        return {"grid": self.size, "window_hu": [self.window_min, self.window_max]}


@dataclass(frozen=True)
class Cohort:
    """Volumes of one origin.

    Attributes:
        label: ``synthetic``, or the name of a real split.
        images: ``[V, D, H, W]`` in [-1, 1]; D = k, H = j, W = i (RAS+).
        names: a name for each volume.
        patients: the patient of each volume. A synthetic volume is its own patient. Two volumes of
            one patient are never a pair, and are resampled together.
        properties: of each volume, by name; empty where none are read.
    """

    label: str
    images: Images
    names: tuple[str, ...]
    patients: tuple[str, ...]
    properties: tuple[Mapping[str, Attribute], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def patient_index(self) -> NDArray[np.intp]:
        """``[V]`` number of each volume's patient, 0 to the number of patients - 1."""
        return np.unique(self.patients, return_inverse=True)[1]


@dataclass(frozen=True)
class SeedGrid:
    """Volumes of one generator: several seeds for each of several property vectors.

    Attributes:
        draws: the volumes. The property vector stands in the place of the patient.
        conditions: split to ``[V, C]``, the properties of its scans as the generator's conditions.
    """

    draws: Cohort
    conditions: Mapping[str, Floats]


@dataclass(frozen=True)
class Cohorts:
    """The synthetic volumes and the real splits that they are compared with.

    Attributes:
        synthetic: the synthetic volumes.
        real: split to its scans.
        seed_grid: None where there are volumes alone and no generator.

    >>> images = np.zeros((2, 8, 8, 8), np.float32)
    >>> def cohort(label: str) -> Cohort:
    ...     return Cohort(label, images, (f"{label}-1", f"{label}-2"), ("a", "b"))
    >>> cohorts = Cohorts(cohort("synthetic"), {s: cohort(s) for s in ("train", "holdout")})
    >>> cohorts.rows()["train"]
    slice(2, 4, None)
    """

    synthetic: Cohort
    real: Mapping[str, Cohort]
    seed_grid: SeedGrid | None = None

    def all(self) -> list[Cohort]:
        """Return the synthetic cohort, then the real ones."""
        return [self.synthetic, *self.real.values()]

    @property
    def images(self) -> list[Images]:
        """The images of :meth:`all`."""
        return [cohort.images for cohort in self.all()]

    def rows(self) -> dict[str, slice]:
        """Rows of each cohort, by label, in an array of all volumes in the order of :meth:`all`."""
        members = self.all()
        starts = np.cumsum([0, *map(len, members)]).tolist()
        return {c.label: slice(a, b) for c, a, b in zip(members, starts, starts[1:], strict=False)}

    def other(self, split: str) -> str:
        """Label of the second real split, which is the baseline of the first."""
        (found,) = (label for label in self.real if label != split)
        return found


@dataclass(frozen=True)
class Sampling:
    """Every random choice of an evaluation, from one seed.

    Attributes:
        seed: of the pairs, the half splits and the bootstrap.
        pairs: most pairs that a metric compares one by one in a cohort.
        bootstrap: replicates behind an interval.

    >>> cohort = Cohort("train", np.zeros((3, 8, 8, 8), np.float32), ("x", "y", "z"), tuple("aab"))
    >>> weights = Sampling(seed=7, pairs=400, bootstrap=100).weights(cohort)
    >>> weights.shape, bool((weights[:, 0] == weights[:, 1]).all())
    ((100, 3), True)
    """

    seed: int
    pairs: int
    bootstrap: int

    def generator(self, purpose: str, label: str) -> np.random.Generator:
        """Return the generator of one purpose and cohort; no other draw moves it."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{purpose}/{label}".encode())])

    def weights(self, cohort: Cohort) -> Floats:
        """Bayesian bootstrap: random weights of a cohort's patients.

        Weights are exponential variates. Unlike counts drawn with replacement they are never zero,
        so a small cohort keeps its pairs. Every metric has the same weights, so the difference of
        two values of one cohort is a paired one.

        Source: D. B. Rubin, "The Bayesian bootstrap", Annals of Statistics 9(1), 1981.

        Returns:
            ``[bootstrap, V]``; volumes of one patient share a weight.
        """
        patient = cohort.patient_index
        generator = self.generator("bootstrap", cohort.label)
        drawn = generator.standard_exponential((self.bootstrap, int(patient.max()) + 1))
        return drawn[:, patient]
