"""Feature extractors: what a network makes of volumes, as one vector a volume."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from syda.metrics.cohorts import Floats, Images
from syda.runtime.digest import sha256_of


@dataclass(frozen=True)
class Features:
    """Features of V volumes.

    Attributes:
        vectors: ``[V, d]``.
        distances: ``[V, V]`` perceptual distances; only those of EfficientNet mean something.
    """

    vectors: Floats
    distances: Floats = field(default_factory=lambda: np.empty((0, 0)))


class FeatureExtractor(ABC):
    """A network that turns volumes into vectors.

    Args:
        name: of the network, the start of the space's id.
        title: of the network, for titles of metrics; None for the network that is always there.
        definition: every choice that a vector depends on.
    """

    def __init__(self, name: str, title: str | None, definition: dict[str, Any]) -> None:
        self.title = title
        self.definition = definition
        self.space = space_id(name, definition)
        """Id of the feature space: two values are comparable if their spaces have one id."""
        self._cached: tuple[tuple[Images, ...], Features] | None = None

    def extract(self, *images: Images) -> Features:
        """Return features of all volumes.

        The latest result is cached. The same arrays again, unchanged, cost nothing.

        Args:
            images: ``[V, D, H, W]`` arrays in the model range, e.g. one of each cohort.
        """
        if self._cached is None or not _same_arrays(self._cached[0], images):
            together = images[0] if len(images) == 1 else np.concatenate(images)
            self._cached = images, self._run(together)
        return self._cached[1]

    def vectors(self, images: Images) -> Floats:
        """Return the vectors of ``[V, D, H, W]`` volumes, without changing the cache."""
        return self._run(images).vectors

    @abstractmethod
    def _run(self, images: Images) -> Features:
        """Pass ``[V, D, H, W]`` volumes through the network."""


def _same_arrays(first: tuple[Images, ...], second: tuple[Images, ...]) -> bool:
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def space_id(name: str, definition: dict[str, Any]) -> str:
    """Id of a feature space: the network's name and 8 digits of the definition's sha256.

    >>> space_id("net", {"size": 32})
    'net-6eba2783'
    """
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return f"{name}-{sha256_of(canonical)[:8]}"
