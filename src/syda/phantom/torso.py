"""Table, skin, fat, muscle wall, abdominal cavity, lungs and back muscles."""

from dataclasses import dataclass

import numpy as np

from syda.phantom.shapes import Array, Canvas, Function, Noise, Solid, curve, ellipsoid, tube
from syda.phantom.subject import Subject

_SKIN = 2.2
_DIAPHRAGM = 2.5


@dataclass(frozen=True)
class Torso:
    """The surfaces to which the organs are fitted.

    Attributes:
        skin: outside of the body.
        muscle: outside of the muscle wall.
        lung: the lung bases, and the abdomen that rises into them.
        abdomen: the cavity below the diaphragm.
    """

    skin: Solid
    muscle: Solid
    lung: Solid
    abdomen: Solid


def _outline(
    subject: Subject, inset: tuple[float, float, float], chest_back: float, noise: Function
) -> Solid:
    """A superellipse that varies along z; ``inset`` from the skin at side, front and back in mm.

    At the chest the back is inset by ``chest_back`` mm less than at the pelvis.
    """
    side, front, back = inset
    hips = 0.05 if subject.sex == "F" else 0.01

    def distance(x: Array, y: Array, z: Array) -> Array:
        height = (z - subject.level) / 100
        chest = np.clip(0.5 + height / 1.4, 0, 1)
        width = subject.half_width * (0.965 + (hips - 0.02) * -height + 0.025 * height**2) - side
        depth = subject.half_depth * (1 - 0.02 * height**2)
        forward = depth - front - 5 * (1 - chest)
        backward = depth - back + chest_back * chest
        v = np.where(y > 0, y / forward, -y / backward)
        furrow = 0.06 * np.exp(-((x / 26) ** 2)) * np.clip(-y / backward, 0, 1)
        power = subject.squareness
        value = np.abs(x / width) ** power + (v + furrow) ** power
        return (value - 1) * (np.sqrt(width * depth) / power)

    reach = 1.08 * subject.half_width - side
    rear = subject.half_depth - back + chest_back
    low, high = (-reach, -rear, -np.inf), (reach, subject.half_depth - front, np.inf)
    solid = Solid(distance, low, high)
    return solid.rough(noise, 2.2)


def torso(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> Torso:
    """Build the nested surfaces of a subject, ready for use on a canvas."""
    noise = canvas.sampled(Noise(rng, 65))
    skin = _outline(subject, (0, 0, 0), 0, noise)
    muscle = _outline(subject, (subject.fat_side, subject.fat_front, subject.fat_back), 3, noise)
    inside = (
        subject.fat_side + subject.wall,
        subject.fat_front + 9,
        subject.fat_back + 38 * subject.organ,
    )
    cavity = _outline(subject, inside, 22, noise)
    within = canvas.sampled(cavity.distance)

    def recess(y: Array, z: Array) -> Array:
        rise = np.maximum(z - subject.level - 52 - 0.35 * (y - subject.spine), 0)
        return rise * rise / 55

    def above(x: Array, y: Array, z: Array) -> Array:
        return np.maximum(within(x, y, z), 3 - recess(y, z))

    def below(x: Array, y: Array, z: Array) -> Array:
        return within(x, y, z) + recess(y, z)

    return Torso(
        skin=skin,
        muscle=muscle,
        lung=Solid(above, (*cavity.low[:2], subject.level + 30), cavity.high),
        abdomen=Solid(below, cavity.low, cavity.high),
    )


def paint_table(canvas: Canvas, subject: Subject) -> None:
    """A cradle of carbon fibre over foam, with a thin mattress, below the patient."""
    lowest = -subject.half_depth - 4

    def slab(upper: float, lower: float) -> Solid:
        def distance(x: Array, y: Array, z: Array) -> Array:
            depth = lowest + np.minimum(x * x / 900, 45) - subject.up * y
            beyond = np.maximum(np.maximum(upper - depth, depth - lower), np.abs(x) - 215)
            return np.broadcast_to(beyond, np.broadcast_shapes(beyond.shape, z.shape))

        far = subject.half_depth + 70
        return Solid(distance, (-215, -far, -np.inf), (215, far, np.inf))

    canvas.paint(slab(0, 8), -945)
    canvas.paint(slab(8, 42), 0, (3, -930))


def paint_wall(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Skin, subcutaneous fat and the layered muscle wall."""
    tissue = subject.tissue
    grain = Noise(rng, 7)

    def muscle(x: Array, y: Array, z: Array) -> Array:
        return tissue.muscle - 9 * np.maximum(grain(x, y, z), 0)

    def plane(x: Array, y: Array, z: Array) -> Array:
        lateral = np.clip((np.abs(x) - 55) / 20, 0, 1)
        return tissue.muscle - 75 * lateral + 0 * (y + z)

    canvas.paint(body.skin, 15, (_SKIN, tissue.fat))
    third = subject.wall / 3
    canvas.paint(body.muscle, muscle, (third, plane), (third + 1.3, tissue.muscle))
    front = subject.half_depth - subject.fat_front
    centre = (0.0, front + 1, subject.level - 70)
    canvas.paint(ellipsoid(centre, (5, 6, 110)).rough(grain, 0.5), tissue.fat + 30)


def paint_cavity(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Lung bases, diaphragm and visceral fat."""
    grain, strands = Noise(rng, 6), Noise(rng, 8)

    def lung(x: Array, y: Array, z: Array) -> Array:
        return -860 + 60 * np.maximum(grain(x, y, z), 0)

    def fat(x: Array, y: Array, z: Array) -> Array:
        return subject.tissue.fat + 18 * np.maximum(strands(x, y, z) - 1, 0)

    canvas.paint(body.lung, lung)
    canvas.paint(body.abdomen, subject.tissue.muscle, (_DIAPHRAGM, fat))


def paint_back(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Erector spinae, quadratus lumborum and psoas, with the fat planes between them."""
    tissue, size = subject.tissue, subject.organ
    grain, shape = Noise(rng, 6), Noise(rng, 25)

    def muscle(x: Array, y: Array, z: Array) -> Array:
        return tissue.muscle - 14 * np.maximum(grain(x, y, z), 0)

    for side in (-1.0, 1.0):
        centre = (side * 32 * size, subject.spine - 41 * size, subject.level - 60)
        erector = ellipsoid(centre, (31 * size, 23 * size, 260), 2.4).rough(shape, 1.5)
        erector = erector & body.muscle
        canvas.paint(erector.grown(2.5) & body.muscle, tissue.fat, (2.5, muscle))
        lumborum = tube(_lumborum(subject, side), (1.3, 0.85, 1)).rough(shape, 1)
        canvas.paint(lumborum.grown(2), tissue.fat, (2, muscle))
        psoas = tube(_psoas(subject, side), (0.9, 1.1, 1)).rough(shape, 1.2)
        canvas.paint(psoas.grown(1.5), tissue.fat, (1.5, muscle))


def _lumborum(subject: Subject, side: float) -> Array:
    """Quadratus lumborum, from the last rib down to the iliac crest."""
    size, level = subject.organ, subject.level
    rows = [(44, -22, 35, 7), (58, -20, -10, 10), (68, -18, -60, 12), (74, -16, -110, 12)]
    rows.append((78, -14, -150, 12))
    nodes = [
        (side * x * size, subject.spine + y * size, level + z, r * size) for x, y, z, r in rows
    ]
    return curve(np.array(nodes), 20)[0]


def _psoas(subject: Subject, side: float) -> Array:
    """Psoas major, along the lumbar spine, thicker and farther out as it descends."""
    size, level = subject.organ, subject.level
    rows = [(24, 0, 38, 4), (30, 2, 5, 11), (36, 4, -35, 17), (44, 9, -80, 22), (54, 18, -140, 24)]
    nodes = [
        (side * x * size, subject.spine_at(level + z) + y * size, level + z, r * size)
        for x, y, z, r in rows
    ]
    return curve(np.array(nodes), 15)[0]
