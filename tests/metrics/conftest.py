"""Small volumes for the metrics."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from syda.metrics.cohorts import Cohort, Cohorts


@pytest.fixture
def smooth() -> Callable[..., np.ndarray]:
    """Random smooth volumes in [-1, 1]: (count, size, seed) to [V, N, N, N] float32."""

    def make(count: int, size: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        axis = np.linspace(-1, 1, size)
        z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
        volumes = []
        for _ in range(count):
            a, b, c = rng.uniform(0.4, 0.8, 3)
            body = 1 / (1 + np.exp(12 * ((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 - 1)))
            waves = 0.05 * np.sin(rng.uniform(2, 8) * x + rng.uniform(0, 6)) * np.cos(4 * y)
            volumes.append(np.clip(-1 + 1.05 * body + waves * body, -1, 1))
        return np.stack(volumes).astype(np.float32)

    return make


@pytest.fixture
def as_cohort() -> Callable[..., Cohort]:
    """Cohort of images: (label, images, patients or None for one a volume)."""

    def make(label: str, images: np.ndarray, patients: Sequence[str] | None = None) -> Cohort:
        names = tuple(f"{label}-{n}" for n in range(len(images)))
        return Cohort(label, images, names, tuple(patients) if patients else names)

    return make


@pytest.fixture
def as_cohorts(as_cohort: Callable[..., Cohort]) -> Callable[..., Cohorts]:
    """Cohorts of images: (synthetic, train, holdout or None for train again)."""

    def make(
        synthetic: np.ndarray, train: np.ndarray, holdout: np.ndarray | None = None
    ) -> Cohorts:
        splits = {"train": train, "holdout": train if holdout is None else holdout}
        real = {label: as_cohort(label, images) for label, images in splits.items()}
        return Cohorts(as_cohort("synthetic", synthetic), real)

    return make


@pytest.fixture
def empty() -> Callable[[int], np.ndarray]:
    """So many volumes whose voxels do not matter."""
    return lambda count: np.zeros((count, 1, 1, 1), np.float32)
