"""The solid organs and the large vessels, without contrast agent."""

from collections.abc import Sequence

import numpy as np

from syda.phantom.shapes import Array, Canvas, Function, Noise, Point, curve, ellipsoid, tube
from syda.phantom.subject import Subject
from syda.phantom.torso import Torso


def liver_centre(subject: Subject) -> Point:
    """A point deep in the right lobe, mm."""
    return 0.56 * subject.cavity_width, 4.0, subject.level + 38


def kidney_centre(subject: Subject, side: float) -> Point:
    """Centre of the right (side +1) or left (-1) kidney, mm; the right one is lower."""
    x = side * (0.25 * subject.cavity_width + 31 * subject.organ)
    return x, subject.spine + 4, subject.level - 22 - 9 * side


def textured(mean: float, spread: float, noise: Noise) -> Function:
    """HU of uneven tissue: its mean, and noise of a given standard deviation."""

    def value(x: Array, y: Array, z: Array) -> Array:
        return mean + spread * noise(x, y, z)

    return value


def _path(rows: Sequence[tuple[float, float, float, float]], step: float = 10) -> Array:
    return curve(np.array(rows), step)[0]


def paint_liver(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Right and left lobe under the diaphragm, hepatic and portal veins, gallbladder."""
    size, z, width = subject.organ, subject.level, subject.cavity_width
    front, hu = subject.cavity_front, subject.tissue.liver
    surface, grain = Noise(rng, 38), Noise(rng, 9)
    x, y, _ = np.add(liver_centre(subject), rng.normal(0, 4, 3)).tolist()
    stretch = rng.uniform(0.85, 1.14)
    right = ellipsoid(
        (x + 8, y - 6, z + 36), (72 * size, 98 * size, 96 * stretch), lean=(-0.22, -0.08, 0)
    )
    tip = rng.uniform(58, 105)
    left = ellipsoid(
        (0, 0.56 * front, z + 66), (tip, 40 * size, 47 * size), 2, lean=(-0.25, 0, 0.18)
    )
    caudate = ellipsoid((20, subject.spine_at(z + 45) + 42, z + 48), (20, 18, 30))
    liver = right.joined(left, 26).joined(caudate, 10).rough(surface, 3.5)
    canvas.paint(liver & body.abdomen.grown(-3.5), hu, (1, textured(hu, 1.5, grain)))
    fissure = ellipsoid((14, 0.62 * front, z + 34), (3.2, 26, 30), lean=(-0.15, 0.1, 0))
    canvas.paint(fissure & body.abdomen.grown(-4), -70)
    _paint_liver_vessels(canvas, subject, rng)
    gallbladder = ellipsoid(
        (0.4 * width, 0.5 * front, z - 4), (15 * size, 26 * size, 19 * size), lean=(0.3, -0.5, 0.1)
    )
    canvas.paint(gallbladder & body.abdomen.grown(-4), 42, (2, rng.uniform(6, 15)))


def _paint_liver_vessels(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> None:
    """Veins, a little darker than the parenchyma."""
    x, y, z = liver_centre(subject)
    cava = subject.spine_at(z + 50) + 34
    hilum = (0.2 * subject.cavity_width, y + 14, z - 14)
    trees = [
        [
            (26, cava, z + 56, 6),
            (0.75 * x, cava + 14, z + 40, 5),
            (1.2 * x, y, z + 10, 3.2),
            (1.3 * x, y + 8, z - 25, 1.8),
        ],
        [
            (26, cava, z + 56, 6),
            (0.5 * x, y + 26, z + 38, 5),
            (0.7 * x, y + 46, z + 14, 3),
            (0.8 * x, y + 52, z - 6, 1.8),
        ],
        [(26, cava, z + 56, 5.5), (0.1 * x, y + 36, z + 42, 4), (-0.25 * x, y + 50, z + 28, 2)],
        [
            (*hilum, 6.5),
            (0.75 * x, y + 4, z - 4, 5.5),
            (1.15 * x, y - 16, z + 6, 3.6),
            (1.4 * x, y - 36, z + 18, 2),
        ],
        [(0.75 * x, y + 4, z - 4, 4.8), (1.05 * x, y + 24, z, 3.4), (1.3 * x, y + 40, z + 10, 2)],
        [(*hilum, 5), (0.15 * x, y + 38, z + 16, 4), (-0.1 * x, y + 54, z + 24, 2.2)],
    ]
    for tree in trees:
        nodes = np.array(tree) + np.pad(rng.normal(0, 3, (len(tree), 3)), ((0, 0), (0, 1)))
        canvas.paint(tube(curve(nodes, 9)[0]), subject.tissue.blood)


def paint_spleen(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """A crescent against the left flank, hollowed by the stomach."""
    size, z, width = subject.organ, subject.level, subject.cavity_width
    swell = rng.uniform(0.78, 1.14)
    whole = ellipsoid(
        (-0.78 * width, subject.spine + 30, z + 46),
        (42 * size, 54 * size * swell, 50 * size * swell),
        lean=(0.1, 0.15, 0),
    )
    hollow = ellipsoid((-0.46 * width, subject.spine + 48, z + 46), (38, 46, 60))
    spleen = (whole - hollow).rough(Noise(rng, 30), 1.8) & body.abdomen.grown(-3.5)
    canvas.paint(spleen, textured(subject.tissue.spleen, 1.5, Noise(rng, 9)))


def paint_kidneys(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Two kidneys in perirenal fat, with fat in the sinus; no stones."""
    tissue, size = subject.tissue, subject.organ * rng.uniform(0.94, 1.05)
    halo = 2.5 + 0.22 * subject.fat_side
    inside = body.abdomen.grown(-3.5)
    for side in (1.0, -1.0):
        x, y, z = np.add(kidney_centre(subject, side), rng.normal(0, (2, 2, 5))).tolist()
        lean: Point = (-side * 0.2, -0.22, side * -0.25)
        surface = Noise(rng, 28)
        whole = ellipsoid((x, y, z), (27 * size, 28 * size, 55 * size), 2, lean).rough(surface, 1.3)
        canvas.paint(whole.grown(halo) & inside, tissue.fat)
        canvas.paint(whole, textured(tissue.kidney, 1.5, Noise(rng, 8)))
        sinus = ellipsoid((x - side * 7, y + 3, z), (12, 9, 26), 2, lean)
        hilum = ellipsoid((x - side * 24, y + 9, z), (16, 8, 15), 2, lean)
        fat = sinus.joined(hilum, 8).rough(Noise(rng, 12), 1.6)
        canvas.paint(fat, tissue.fat + 12)
        pelvis = [
            (x - side * 9, y + 4, z - 2, 4.5),
            (x - side * 22, y + 8, z - 8, 4),
            (x - side * 27, y + 12, z - 32, 2.2),
        ]
        canvas.paint(tube(_path(pelvis)), 12)
        _paint_calyces(canvas, (x - side * 6, y + 2, z), side)
        vein = [
            (x - side * 12, y + 6, z + 4, 3.6),
            (x - side * 28, y + 14, z + 5, 4.4),
            (14, subject.spine_at(z) + 33, z + 8, 5),
        ]
        canvas.paint(tube(_path(vein)), tissue.blood)
        _paint_adrenal(canvas, (x, y, z), side)


def _paint_calyces(canvas: Canvas, sinus: Point, side: float) -> None:
    x, y, z = sinus
    for rise, drift in ((17, 4), (0, 8), (-17, 4)):
        calyx = [
            (x - side * 4, y + 1, z + 0.4 * rise, 2.4),
            (x + side * drift, y - 1, z + rise, 3.2),
        ]
        canvas.paint(tube(np.array(calyx)), 14)


def _paint_adrenal(canvas: Canvas, kidney: Point, side: float) -> None:
    """An inverted Y above the kidney."""
    x, y, z = kidney
    top = (x - side * 20, y + 20, z + 52)
    for limb in (-7.0, 5.0):
        nodes = [(*top, 3), (top[0] + side * limb * 0.4 + limb * 0.6, top[1] - 14, top[2] - 8, 2.2)]
        canvas.paint(tube(np.array(nodes), (1, 1, 2.5)), 25)


def paint_pancreas(canvas: Canvas, body: Torso, subject: Subject, rng: np.random.Generator) -> None:
    """Head beside the duodenum, body across the spine, tail towards the spleen."""
    z, width, size = subject.level, subject.cavity_width, subject.organ
    ahead = subject.spine_at(z) + 40
    nodes = [
        (32, ahead + 8, z - 24, 13),
        (24, ahead + 16, z - 6, 13),
        (2, ahead + 27, z + 7, 9),
        (-0.28 * width, ahead + 18, z + 16, 9.5),
        (-0.55 * width, ahead - 2, z + 26, 8),
    ]
    path = curve(np.array(nodes), 8)[0] * (1, 1, 1, size)
    lobules = Noise(rng, 7)
    gland = tube(path).rough(lobules, 1.6) & body.abdomen.grown(-4)
    canvas.paint(gland, textured(38 - 0.15 * (subject.age - 50), 7, lobules))
    splenic = path[:, :4] + (0, -9, 3, 0)
    splenic[:, 3] = 3.6
    canvas.paint(tube(splenic[len(splenic) // 3 :]), subject.tissue.blood)


def paint_vessels(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> None:
    """Aorta left and vena cava right before the spine, iliac and mesenteric vessels, crura."""
    blood, size, z = subject.tissue.blood, subject.organ, subject.level
    heights = z + np.arange(-104.0, 141.0, 14.0)
    face = np.array([subject.spine_at(h) for h in heights]) + 16.5 * size
    sway = 2.5 * np.sin((heights - z) / 45 + rng.uniform(0, 6))
    for side in (-1.0, 1.0):
        rows = [
            (side * 15, f + 4, h, 5.0 + 0.02 * (h - z))
            for h, f in zip(heights, face, strict=True)
            if h > z - 30
        ]
        canvas.paint(tube(np.array(rows)), subject.tissue.muscle)
    wide = (8.6 + 0.035 * (subject.age - 40)) * size
    aorta = np.column_stack((-10 + sway, face + wide + 2, heights, wide + 0.012 * (heights - z)))
    canvas.paint(tube(aorta).grown(3), subject.tissue.fat)
    cava = np.column_stack(
        (
            20 + 0.4 * sway,
            face + 10 + 0.11 * np.maximum(heights - z, 0),
            heights,
            np.full_like(heights, 9.8 * size),
        )
    )
    canvas.paint(tube(cava, (1.2, 0.9, 1)), blood)
    canvas.paint(tube(aorta), blood + 4, (1.4, blood))
    _paint_branches(canvas, subject, aorta)
    _paint_plaque(canvas, subject, aorta, rng)


def _paint_branches(canvas: Canvas, subject: Subject, aorta: Array) -> None:
    """Common iliac arteries, superior mesenteric artery and vein."""
    blood, z = subject.tissue.blood, subject.level
    fork = (float(aorta[0, 0]), float(aorta[0, 1]), float(aorta[0, 2]))
    for side in (-1.0, 1.0):
        artery = [
            (*fork, 7.0),
            (fork[0] + side * 14, fork[1] - 1, fork[2] - 20, 6),
            (side * 40, fork[1] - 6, fork[2] - 55, 5.5),
        ]
        canvas.paint(tube(_path(artery)), blood)
    start = float(aorta[6, 1])
    superior = [
        (-8, start + 6, z + 12, 3.8),
        (-8, start + 20, z - 6, 4),
        (-4, start + 24, z - 40, 3.6),
        (10, start + 26, z - 80, 2.6),
    ]
    canvas.paint(tube(_path(superior)), blood)
    canvas.paint(tube(_path(superior) * (1, 1, 1, 1.35) + (15, 0, 0, 0)), blood)


def _paint_plaque(canvas: Canvas, subject: Subject, aorta: Array, rng: np.random.Generator) -> None:
    """Flecks of calcium in the aortic wall of the old."""
    for _ in range(max(subject.age - 58, 0) // 4):
        x, y, z, radius = aorta[int(rng.integers(0, len(aorta) - 5))]
        angle = rng.uniform(0, 2 * np.pi)
        centre = (x + radius * np.cos(angle), y + radius * np.sin(angle), z + rng.uniform(-7, 7))
        canvas.paint(ellipsoid(centre, (2.2, 2.2, 4)), rng.uniform(300, 700))
