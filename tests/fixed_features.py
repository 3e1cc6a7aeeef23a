"""Contexts whose feature vectors are given."""

import numpy as np

from syda.metrics.cohorts import Images, VoxelGrid
from syda.metrics.features import FeatureExtractor, Features
from syda.metrics.metric import MetricContext


class _FixedFeatures(FeatureExtractor):
    def __init__(self, vectors: np.ndarray) -> None:
        super().__init__("fixed", None, {"grid": 1})
        self._vectors = vectors

    def _run(self, images: Images) -> Features:
        return Features(self._vectors)


def fixed(vectors: np.ndarray) -> MetricContext:
    """A context in which ``[V, d]`` vectors are the features of all volumes."""
    return MetricContext(VoxelGrid(1, -1000, 1000), _FixedFeatures(vectors))
