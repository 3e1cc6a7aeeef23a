"""Solid shapes as signed distances, a smooth random function, and the canvas they are painted on.

A shape is a function of patient space (RAS+, mm) that is negative inside and close to the distance
in mm near the surface, with a box that holds it. Shapes combine as sets do. The canvas turns a
distance into the covered share of a voxel, which is what gives edges their partial volume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Coordinates or values that broadcast to ``[z, y, x]``."""

Function = Callable[[Array, Array, Array], Array]
"""A function of x ``[1, 1, nx]``, y ``[1, ny, 1]`` and z ``[nz, 1, 1]`` in mm."""

Point = tuple[float, float, float]
"""x (patient's right), y (anterior), z (superior) in mm."""

_LATTICE = 16
_SLAB_VOXELS = 150_000
"""Voxels painted at once, few enough for the processor's cache."""


class Noise:
    """A smooth random function of space: zero mean, unit standard deviation, periodic.

    Random numbers on a lattice of 16 nodes a side, smoothed, are interpolated with a cubic fade.
    """

    def __init__(self, rng: np.random.Generator, cell: float) -> None:
        """Sample the lattice, whose nodes are ``cell`` mm apart, about half a wavelength."""
        lattice = rng.standard_normal((_LATTICE,) * 3)
        for axis in range(3):
            lattice = 2 * lattice + np.roll(lattice, 1, axis) + np.roll(lattice, -1, axis)
        self._lattice = (lattice - lattice.mean()) / lattice.std()
        self._cell = cell

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        """Values ``[nz, ny, nx]`` on the axes x, y, z (mm)."""
        values: Array = self._lattice
        for axis, position in enumerate((z.ravel(), y.ravel(), x.ravel())):
            values = self._interpolated(values, axis, position / self._cell)
        return values

    @staticmethod
    def _interpolated(values: Array, axis: int, position: Array) -> Array:
        node = np.floor(position)
        fade = position - node
        fade = fade * fade * (3 - 2 * fade)
        index = node.astype(np.intp) % _LATTICE
        near = values.take(index, axis)
        far = values.take((index + 1) % _LATTICE, axis)
        return near + (far - near) * fade.reshape([-1 if n == axis else 1 for n in range(3)])


@dataclass(frozen=True)
class Solid:
    """A solid in patient space.

    Attributes:
        distance: negative inside; near the surface the distance to it in mm.
        low: lower corner of a box that holds the solid, mm.
        high: upper corner.
    """

    distance: Function
    low: Point = (-np.inf, -np.inf, -np.inf)
    high: Point = (np.inf, np.inf, np.inf)

    def __and__(self, other: Solid) -> Solid:
        """The intersection."""
        return Solid(
            lambda x, y, z: np.maximum(self.distance(x, y, z), other.distance(x, y, z)),
            _point(np.maximum(self.low, other.low)),
            _point(np.minimum(self.high, other.high)),
        )

    def __sub__(self, other: Solid) -> Solid:
        """The difference."""
        return Solid(
            lambda x, y, z: np.maximum(self.distance(x, y, z), -other.distance(x, y, z)),
            self.low,
            self.high,
        )

    def joined(self, other: Solid, blend: float) -> Solid:
        """The union, with the crease between both filled over ``blend`` mm (> 0)."""

        def distance(x: Array, y: Array, z: Array) -> Array:
            a, b = self.distance(x, y, z), other.distance(x, y, z)
            fillet = np.maximum(blend - np.abs(a - b), 0)
            return np.minimum(a, b) - fillet * fillet / (4 * blend)

        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Solid(distance, _point(low), _point(high)).grown(0.0, margin=blend / 4)

    def grown(self, mm: float, margin: float = 0.0) -> Solid:
        """The solid grown by ``mm`` (shrunk where negative); its box by ``margin`` more."""
        pad = max(mm, 0.0) + margin
        return Solid(
            lambda x, y, z: self.distance(x, y, z) - mm,
            _point(np.subtract(self.low, pad)),
            _point(np.add(self.high, pad)),
        )

    def rough(self, noise: Function, mm: float) -> Solid:
        """The solid with its surface moved by ``noise``; ``mm`` is one standard deviation."""
        return Solid(
            lambda x, y, z: self.distance(x, y, z) + mm * noise(x, y, z),
            _point(np.subtract(self.low, 3 * mm)),
            _point(np.add(self.high, 3 * mm)),
        )


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = values
    return float(x), float(y), float(z)


def ellipsoid(centre: Point, radii: Point, power: float = 2.0, lean: Point = (0, 0, 0)) -> Solid:
    """A superellipsoid ``|x/a|^p + |y/b|^p + |z/c|^p < 1``, leaning with height.

    Args:
        centre: mm.
        radii: a, b, c in mm.
        power: p; 2 is an ellipsoid, more is boxier.
        lean: mm that x and y move for each mm of height (a shear); the third entry moves y with x.
    """
    slant = np.abs(lean)
    reach = (radii[0] + slant[0] * radii[2], radii[1] + slant[1] * radii[2] + slant[2] * radii[0])

    def distance(x: Array, y: Array, z: Array) -> Array:
        dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
        offsets = (dx - lean[0] * dz, dy - lean[1] * dz - lean[2] * dx, dz)
        value: Array = np.zeros(1)
        slope: Array = np.zeros(1)
        for offset, radius in zip(offsets, radii, strict=True):
            ratio = np.abs(offset) / radius
            value = value + ratio**power
            slope = slope + (ratio ** (power - 1) / radius) ** 2
        return (value - 1) / (power * np.sqrt(slope + 1e-12))

    low = (centre[0] - reach[0], centre[1] - reach[1], centre[2] - radii[2])
    high = (centre[0] + reach[0], centre[1] + reach[1], centre[2] + radii[2])
    return Solid(distance, low, high)


def curve(points: Array, step: float) -> tuple[Array, Array]:
    """A Catmull-Rom curve through ``points``.

    Args:
        points: ``[n, m]``, the first three columns x, y, z in mm; others are interpolated too.
        step: distance of its nodes, mm.

    Returns:
        The nodes ``[k, m]`` and the position ``[k]`` of each along the curve, 0 to 1.
    """
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    nodes: list[Array] = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        count = max(int(np.ceil(np.sqrt(((c - b)[:3] ** 2).sum()) / step)), 1)
        for t in np.arange(count) / count:
            nodes.append(
                b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
            )
    path = np.array([*nodes, points[-1]])
    return path, np.linspace(0, 1, len(path))


def tube(nodes: Array, stretch: Point = (1, 1, 1)) -> Solid:
    """A tube of varying radius along a polyline.

    Args:
        nodes: ``[n, 4]``: x, y, z and radius in mm.
        stretch: how much wider than its radius the cross-section is along x, y and z.
    """
    radius = nodes[:, 3:] * np.asarray(stretch)

    def distance(x: Array, y: Array, z: Array) -> Array:
        axes = tuple(axis.ravel() for axis in (x, y, z))
        nearest = np.full((axes[2].size, axes[1].size, axes[0].size), 1e3)
        for start, end in pairwise(nodes):
            margin = (max(start[3], end[3]) + 6) * np.asarray(stretch)
            low = np.minimum(start[:3], end[:3]) - margin
            high = np.maximum(start[:3], end[:3]) + margin
            i, j, k = (
                slice(*np.searchsorted(a, (lo, hi)))
                for a, lo, hi in zip(axes, low, high, strict=True)
            )
            part = nearest[k, j, i]
            if part.size:
                near = _capsule(x[:, :, i], y[:, j], z[k], start, end, stretch)
                np.minimum(part, near, out=part)
        return nearest

    return Solid(
        distance,
        _point((nodes[:, :3] - radius).min(axis=0)),
        _point((nodes[:, :3] + radius).max(axis=0)),
    )


def _capsule(x: Array, y: Array, z: Array, start: Array, end: Array, stretch: Point) -> Array:
    offsets = [(axis - s) / w for axis, s, w in zip((x, y, z), start[:3], stretch, strict=True)]
    way = (end[:3] - start[:3]) / np.asarray(stretch)
    length = max(float((way**2).sum()), 1e-9)
    share = sum(o * (w / length) for o, w in zip(offsets, way, strict=True))
    share = np.clip(share, 0, 1)
    squared = sum((o - share * w) ** 2 for o, w in zip(offsets, way, strict=True))
    distance: Array = np.sqrt(squared) - (start[3] + share * (end[3] - start[3]))
    return distance


class Canvas:
    """Hounsfield units on a regular grid, painted shape by shape.

    Attributes:
        x, y, z: voxel centres along each axis, ascending, mm.
        hu: ``[z, y, x]`` float64, air where nothing is painted.
    """

    def __init__(self, x: Array, y: Array, z: Array, edge: float) -> None:
        """Fill the grid with air; ``edge`` is the width in mm over which a surface fades."""
        self.x, self.y, self.z = x, y, z
        self._edge = edge
        self.hu = np.full((z.size, y.size, x.size), -1000.0)

    def paint(
        self, shape: Solid, hu: float | Function, *inner: tuple[float, float | Function]
    ) -> None:
        """Paint a solid, and layers inside it.

        Args:
            shape: the solid.
            hu: its value, or a function of space for a texture.
            inner: pairs of depth below the surface (mm) and value, outermost first.
        """
        for box in self._slabs(shape):
            k, j, i = box
            axes = self.x[None, None, i], self.y[None, j, None], self.z[k, None, None]
            distance = shape.distance(*axes)
            field = self.hu[box]
            for depth, value in ((0.0, hu), *inner):
                cover = np.clip(0.5 - (distance + depth) / self._edge, 0, 1)
                field += cover * ((value(*axes) if callable(value) else value) - field)

    def sampled(self, function: Function) -> Function:
        """The same function, computed once on the whole grid and then looked up."""
        values = np.empty_like(self.hu)
        for k, j, i in self._slabs(Solid(function)):
            axes = self.x[None, None, i], self.y[None, j, None], self.z[k, None, None]
            values[k, j, i] = function(*axes)

        def look_up(x: Array, y: Array, z: Array) -> Array:
            i, j, k = (
                slice(start := int(np.searchsorted(whole, part.flat[0])), start + part.size)
                for whole, part in zip((self.x, self.y, self.z), (x, y, z), strict=True)
            )
            return values[k, j, i]

        return look_up

    def _slabs(self, shape: Solid) -> Iterator[tuple[slice, slice, slice]]:
        i, j, k = (
            slice(*np.searchsorted(axis, (low - self._edge, high + self._edge)))
            for axis, low, high in zip((self.x, self.y, self.z), shape.low, shape.high, strict=True)
        )
        plane = (j.stop - j.start) * (i.stop - i.start)
        if plane <= 0:
            return
        thickness = max(_SLAB_VOXELS // plane, 1)
        for start in range(k.start, k.stop, thickness):
            yield slice(start, min(start + thickness, k.stop)), j, i
