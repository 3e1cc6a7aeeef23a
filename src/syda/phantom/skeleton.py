"""Spine, ribs and the iliac crests: cortical shells around cancellous bone."""

from itertools import pairwise

import numpy as np

from syda.phantom.shapes import Array, Canvas, Noise, Solid, curve, ellipsoid, tube
from syda.phantom.subject import Subject

_PITCH = 35.0
"""Height of a lumbar vertebra with its disc, mm."""
_BODY = (23.0, 16.5)
"""Half-width and half-depth of a vertebral body, mm."""
_DISC = 9.0
_SHELL = 1.7


def levels(subject: Subject) -> list[float]:
    """Height z in mm of each vertebral body, from the eighth thoracic to the fifth lumbar."""
    pitch = _PITCH * subject.stature
    return [subject.level - 20 + pitch * (6 - n) * (1 - 0.012 * (6 - n)) for n in range(10)]


def paint_spine(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> None:
    """Vertebrae with discs, canal, arches and processes."""
    trabeculae = Noise(rng, 5)
    heights = levels(subject)
    _paint_discs(canvas, subject, heights)
    for n, z in enumerate(heights):
        _paint_vertebra(canvas, subject, z, trabeculae)
        _paint_arch(canvas, subject, z, lumbar=n >= 5)
    nodes = [
        (0.0, subject.spine_at(z) - (_BODY[1] + 6.5) * subject.organ, z, 7.8 * subject.organ)
        for z in np.arange(subject.level - 150, subject.level + 160, 12.0)
    ]
    canal = tube(np.array(nodes), (1.25, 1, 1))
    canvas.paint(canal, -20, (1.3, 26))


def _paint_discs(canvas: Canvas, subject: Subject, heights: list[float]) -> None:
    width, depth = _BODY[0] * subject.organ * 0.98, _BODY[1] * subject.organ * 0.98
    for above, below in pairwise(heights):
        z = (above + below) / 2
        disc = ellipsoid((0, subject.spine_at(z), z), (width, depth, _DISC), 3)
        canvas.paint(disc, 85)


def _paint_vertebra(canvas: Canvas, subject: Subject, z0: float, trabeculae: Noise) -> None:
    tissue, size = subject.tissue, subject.organ
    half = (_PITCH * subject.stature - _DISC) / 2
    y0 = subject.spine_at(z0)
    tilt = (subject.spine_at(z0 + half) - subject.spine_at(z0 - half)) / (2 * half)

    def distance(x: Array, y: Array, z: Array) -> Array:
        height = z - z0 + tilt * (y - y0)
        waist = 0.88 + 0.12 * (height / half) ** 2
        behind = y - y0 - tilt * (z - z0)
        u, v = x / (_BODY[0] * size), behind / (_BODY[1] * size)
        hollow = 0.18 * np.exp(-((u / 0.45) ** 2)) * np.clip(-v, 0, 1)
        ring = (np.sqrt(u * u + v * v) + hollow - waist) * (_BODY[1] * size * 1.15)
        return np.maximum(ring, np.abs(height) - half)

    def marrow(x: Array, y: Array, z: Array) -> Array:
        return tissue.cancellous + 28 * trabeculae(x, y, z)

    reach = (_BODY[0] * size + 2, _BODY[1] * size + 6, half + 6)
    body = Solid(
        distance,
        (-reach[0], y0 - reach[1], z0 - reach[2]),
        (reach[0], y0 + reach[1], z0 + reach[2]),
    )
    canvas.paint(body, tissue.cortical * 0.85, (_SHELL, marrow))


def _paint_arch(canvas: Canvas, subject: Subject, z: float, *, lumbar: bool) -> None:
    """Pedicles, laminae, facets, transverse and spinous processes behind one body."""
    tissue, size = subject.tissue, subject.organ
    back = subject.spine_at(z) - _BODY[1] * size
    bone, marrow = tissue.cortical, 0.5 * (tissue.cancellous + tissue.cortical)
    reach = 40 if lumbar else 30
    for side in (-1.0, 1.0):
        rods = (
            [(13, 6, 7, 5.2), (16, -9, 5, 5.0)],  # pedicle
            [(15, -10, 2, 4.2), (9, -18, -6, 4.2), (1, -22, -9, 4.2)],  # lamina
            [(16, -8, 3, 4.0), (reach, -14 if lumbar else -20, 3, 3.2)],  # transverse process
            [(17, -13, 8, 4.5), (18, -15, -16, 6.0)],  # articular processes
        )
        for rod in rods:
            nodes = np.array([(side * x, y, dz, r) for x, y, dz, r in rod]) * size
            nodes += (0, back, z, 0)
            canvas.paint(tube(nodes, (1, 1, 1.25)), bone, (1.8, marrow))
    length = 10 if lumbar else 9
    centre = (0.0, back - (19 + length) * size, z - 10)
    spinous = ellipsoid(centre, (3.6, length * size, 10.5), 3, lean=(0, 0.25, 0))
    canvas.paint(spinous, bone, (1.6, marrow))


def paint_ribs(canvas: Canvas, subject: Subject) -> None:
    """The lower ribs, falling to the flank, and their cartilages, rising to the front."""
    for n, z in enumerate(levels(subject)[:5]):  # 8th to 12th
        end = (138.0, 136.0, 130.0, 105.0, 62.0)[n]
        drop = (58.0, 58.0, 55.0, 48.0, 34.0)[n]
        for side in (-1.0, 1.0):
            angles = np.arange(14.0, end + 1, 6)
            fall = drop * np.sin(np.radians(np.clip(angles * 90 / 115, 0, 90))) ** 1.5
            path = [_on_wall(subject, side, a, z - f) for a, f in zip(angles, fall, strict=True)]
            spine = subject.spine_at(z)
            path[0] = (side * 32 * subject.organ, spine - 27 * subject.organ, z + 2)
            nodes = np.array([(*p, 4.3) for p in path])
            canvas.paint(
                tube(curve(nodes, 10)[0], (1, 1, 1.4)),
                subject.tissue.cortical,
                (1.5, subject.tissue.cancellous),
            )
            if n < 3:
                angles = np.arange(end, 166, 6)
                rise = drop * 0.9 * (angles - end) / (166 - end)
                tip = z - fall[-1]
                path = [
                    _on_wall(subject, side, a, tip + r) for a, r in zip(angles, rise, strict=True)
                ]
                nodes = np.array([(*p, 4.8) for p in path])
                canvas.paint(tube(nodes, (1, 1, 1.3)), 95 + 0.8 * subject.age, (2.2, 90))


def _on_wall(subject: Subject, side: float, angle: float, z: float) -> tuple[float, float, float]:
    """A point in the muscle wall, ``angle`` degrees from the back to the front."""
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    width = subject.muscle_width * 0.968 - subject.wall * 0.55
    front = subject.cavity_front + 3
    back = subject.half_depth - subject.fat_back - 9
    x = side * width * abs(sine) ** (2 / subject.squareness)
    y = (
        (front if cosine < 0 else back)
        * abs(cosine) ** (2 / subject.squareness)
        * (1 if cosine < 0 else -1)
    )
    return float(x), float(y), z


def paint_iliac_crests(canvas: Canvas, subject: Subject) -> None:
    """The tops of the iliac wings, where the scan reaches that low."""
    width, z = subject.cavity_width, subject.level - 172 * subject.stature
    for side in (-1.0, 1.0):
        rows = [
            (side * 0.38 * width, subject.spine - 30, z - 18, 6.0),
            (side * 0.62 * width, subject.spine - 12, z, 4.8),
            (side * 0.84 * width, subject.spine + 12, z + 5, 4.2),
            (side * 0.97 * width, subject.spine + 42, z - 2, 4.0),
            (side * 0.99 * width, subject.spine + 68, z - 26, 4.2),
        ]
        wing = tube(curve(np.array(rows), 12)[0], (1, 1, 14))
        canvas.paint(wing, subject.tissue.cortical * 0.85, (1.8, subject.tissue.cancellous * 0.8))
