"""Stomach, colon and small bowel: walls, contents, and gas that rises against gravity."""

import numpy as np

from syda.phantom.shapes import Array, Canvas, Function, Noise, Solid, curve, tube
from syda.phantom.subject import Subject
from syda.phantom.torso import Torso

_GAS = -980.0


def _above(height: float, up: float) -> Solid:
    """The half-space above a level; ``up`` is the sign of y against gravity."""
    return Solid(lambda x, y, z: height - up * y + 0 * (x + z))


def _paint_gut(
    canvas: Canvas,
    gut: Solid,
    wall: float,
    content: float | Function,
    level: float | None,
    up: float,
) -> None:
    """Paint wall, content, and gas above ``level`` (height along ``up``, mm)."""
    canvas.paint(gut, 42, (wall, content))
    if level is not None:
        bubble = gut.grown(-wall) & _above(level, up)
        canvas.paint(bubble, _GAS)


def paint_stomach(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Fundus behind, body in front, antrum across the midline; one gas bubble."""
    z, width, front = subject.level, subject.cavity_width, subject.cavity_front
    full = rng.uniform(0.85, 1.15)
    nodes = np.array(
        [
            (-0.44 * width, subject.spine + 54, z + 84, 28 * full),
            (-0.50 * width, subject.spine + 60, z + 60, 35 * full),
            (-0.50 * width, 0.36 * front, z + 36, 30 * full),
            (-0.36 * width, 0.58 * front, z + 10, 23 * full),
            (-0.10 * width, 0.60 * front, z - 4, 16),
            (0.14 * width, 0.50 * front, z, 13),
            (0.24 * width, 0.38 * front, z + 4, 9),
        ]
    )
    path = curve(nodes, 10)[0]
    gullet = [
        (-8, subject.spine_at(z + 110) + 44, z + 130, 8),
        (-14, subject.spine + 48, z + 92, 8),
        (*nodes[1, :3], 9),
    ]
    canvas.paint(tube(curve(np.array(gullet), 9)[0]), 40)
    stomach = tube(path, (1.1, 0.95, 1)).rough(Noise(rng, 30), 2.5) & body.abdomen.grown(-5)
    top = float((subject.up * path[:, 1] + path[:, 3]).max())
    chyme = Noise(rng, 10)

    def content(x: Array, y: Array, z: Array) -> Array:
        return 22 + 14 * chyme(x, y, z)

    _paint_gut(canvas, stomach, 4.0, content, top - rng.uniform(14, 26), subject.up)


def paint_duodenum(canvas: Canvas, body: Torso, subject: Subject) -> None:
    """From the pylorus down the right of the pancreas and back across the spine."""
    z, ahead = subject.level, subject.spine_at(subject.level) + 40
    nodes = [
        (0.24 * subject.cavity_width, 0.38 * subject.cavity_front, z + 4, 10),
        (46, ahead + 10, z - 6, 12),
        (48, ahead + 2, z - 30, 12),
        (36, ahead, z - 50, 11),
        (4, ahead - 2, z - 54, 9.5),
        (-32, ahead + 4, z - 44, 10),
    ]
    gut = tube(curve(np.array(nodes), 9)[0]) & body.abdomen.grown(-4)
    _paint_gut(canvas, gut, 2.5, 18, None, subject.up)


def _haustra(nodes: Array, depth: float, rng: np.random.Generator) -> Array:
    path, _ = curve(nodes, 7)
    length = np.concatenate([[0], np.cumsum(np.sqrt((np.diff(path[:, :3], axis=0) ** 2).sum(1)))])
    path[:, 3] *= 1 + depth * np.sin(length / 36 * 2 * np.pi + rng.uniform(0, 6))
    return path


def _stool(rng: np.random.Generator, airy: float) -> Function:
    """Stool of 20 to 60 HU, mottled with pockets of gas."""
    crumbs, lumps = Noise(rng, 4.5), Noise(rng, 14)

    def value(x: Array, y: Array, z: Array) -> Array:
        pockets = np.clip(crumbs(x, y, z) - 1.5 + airy, 0, 1)
        return 42 + 10 * lumps(x, y, z) - 620 * pockets

    return value


def paint_colon(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Ascending, transverse and descending colon framing the abdomen."""
    z, w, f = subject.level, subject.cavity_width, subject.cavity_front
    back, sag = subject.spine, rng.uniform(-48, 4)
    caliber = rng.uniform(0.9, 1.12)
    ascending = [
        (0.66 * w, back + 62, z - 160, 27),
        (0.73 * w, back + 50, z - 110, 25),
        (0.75 * w, back + 44, z - 70, 23),
        (0.66 * w, back + 62, z - 38, 22),
    ]
    transverse = [
        (0.60 * w, 0.40 * f, z - 40, 22),
        (0.42 * w, 0.60 * f, z - 46 + sag / 2, 22),
        (0.05 * w, 0.66 * f, z - 50 + sag, 20),
        (-0.38 * w, 0.61 * f, z - 36 + sag / 2, 21),
        (-0.66 * w, 0.40 * f, z - 4, 20),
        (-0.78 * w, back + 66, z + 22, 18),
    ]
    descending = [
        (-0.80 * w, back + 48, z + 10, 15),
        (-0.82 * w, back + 38, z - 30, 14),
        (-0.80 * w, back + 40, z - 80, 14),
        (-0.72 * w, back + 60, z - 150, 16),
    ]
    inside = body.abdomen.grown(-4)
    for rows, airy, gas in ((ascending, 0.55, 5), (descending, 0.2, 1), (transverse, 0.4, 9)):
        nodes = np.array(rows) * (1, 1, 1, caliber)
        nodes[:, :3] += rng.normal(0, 4, (len(rows), 3))
        path = _haustra(nodes, 0.16, rng)
        gut = tube(path).rough(Noise(rng, 22), 1.5) & inside
        canvas.paint(gut.grown(2) & inside, subject.tissue.fat)
        top = float(np.percentile(subject.up * path[:, 1] + path[:, 3], 90))
        _paint_gut(
            canvas, gut, 2.2, _stool(rng, airy), top - gas * rng.uniform(0.6, 1.4), subject.up
        )


def paint_small_bowel(
    canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator
) -> None:
    """Loops packed into the middle of the abdomen, each with a vessel of its mesentery."""
    inside = body.abdomen.grown(-5)
    root = np.array((0.0, subject.spine_at(subject.level - 40) + 44, subject.level - 30))
    depth = subject.cavity_front - 24 - root[1]
    spots = [
        (x, y, z)
        for y in (0.05, 0.45, 0.85)
        for z in (-26, -62, -98)
        for x in (-0.48, -0.16, 0.16, 0.44)
    ]
    spots += [(-0.52, 0.25, 24), (-0.34, 0.6, 16)]  # jejunum under the stomach
    for x, y, z in spots:
        centre = root + np.array((x * subject.cavity_width, y * depth, z + 15 * y))
        centre += rng.normal(0, 6, 3)
        path = _loop(centre, rng)
        surface, juice = Noise(rng, 14), Noise(rng, 12)
        gut = tube(path).rough(surface, 1.2) & inside
        top = float((subject.up * path[:, 1] + path[:, 3]).max())
        gas = top - rng.uniform(4, 9) if rng.random() < 0.25 else None

        def content(x: Array, y: Array, z: Array, juice: Noise = juice) -> Array:
            return 26 + 9 * juice(x, y, z)

        way = np.vstack([root, 0.5 * (root + centre) + rng.normal(0, 6, 3), centre])
        vessel = np.column_stack((way, (2.6, 2.0, 1.4)))
        canvas.paint(tube(curve(vessel, 12)[0]), subject.tissue.blood)
        canvas.paint(gut.grown(1.8) & inside, subject.tissue.fat)
        _paint_gut(canvas, gut, 2.2, content, gas, subject.up)


def _loop(centre: Array, rng: np.random.Generator) -> Array:
    """A bent piece of gut around a centre: nodes ``[n, 4]``."""
    bend, turn = rng.uniform(13, 19), rng.uniform(0, 2 * np.pi)
    tilt = rng.uniform(-0.9, 0.9)
    angles = turn + np.linspace(0, rng.uniform(2.6, 4.4), 6)
    offsets = np.column_stack(
        (
            1.35 * bend * np.cos(angles),
            0.75 * bend * np.sin(angles + tilt),
            bend * np.sin(angles) * np.cos(tilt),
        )
    )
    radius = rng.uniform(8.5, 12) * rng.uniform(0.9, 1.1, 6)
    return curve(np.column_stack((centre + offsets, radius)), 7)[0]
