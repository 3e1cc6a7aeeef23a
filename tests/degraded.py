"""Volumes made worse in known ways, for tests that a metric moves as it should."""

import numpy as np


def blurred(images: np.ndarray) -> np.ndarray:
    """``[V, D, H, W]`` with [1, 2, 1] / 4 along each axis."""
    for axis in (1, 2, 3):
        images = (np.roll(images, 1, axis) + 2 * images + np.roll(images, -1, axis)) / 4
    return images


def noisy(images: np.ndarray, sd: float) -> np.ndarray:
    """With white noise of a standard deviation, within [-1, 1]."""
    noise = np.random.default_rng(0).standard_normal(images.shape)
    return np.clip(images + sd * noise, -1, 1).astype(np.float32)


def shifted(images: np.ndarray, by: float) -> np.ndarray:
    """With a constant added, within [-1, 1]."""
    return np.clip(images + by, -1, 1).astype(np.float32)


def stretched(images: np.ndarray, times: float) -> np.ndarray:
    """With so many times the distance from 0, within [-1, 1]."""
    return np.clip(images * times, -1, 1).astype(np.float32)


def moved(images: np.ndarray, slices: int) -> np.ndarray:
    """By so many slices towards the head; what leaves there comes in at the feet."""
    return np.roll(images, slices, axis=1)
