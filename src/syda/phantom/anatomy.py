"""The procedural abdomen: parts are painted in order, each over the earlier ones."""

import numpy as np

from syda.phantom import bowel, organs, skeleton, torso
from syda.phantom.shapes import Canvas
from syda.phantom.subject import Subject


def paint(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> None:
    """Paint a subject on a table.

    Args:
        canvas: grid in patient space (RAS+, mm), filled with air.
        subject: the patient.
        rng: for the irregular outlines and the course of the bowel.
    """
    body = torso.torso(canvas, subject, rng)
    torso.paint_table(canvas, subject)
    torso.paint_wall(canvas, body, subject, rng)
    torso.paint_cavity(canvas, body, subject, rng)
    torso.paint_back(canvas, body, subject, rng)
    bowel.paint_small_bowel(canvas, body, subject, rng)
    bowel.paint_colon(canvas, body, subject, rng)
    organs.paint_spleen(canvas, body, subject, rng)
    bowel.paint_stomach(canvas, body, subject, rng)
    bowel.paint_duodenum(canvas, body, subject)
    organs.paint_pancreas(canvas, body, subject, rng)
    organs.paint_liver(canvas, body, subject, rng)
    organs.paint_kidneys(canvas, body, subject, rng)
    organs.paint_vessels(canvas, subject, rng)
    skeleton.paint_spine(canvas, subject, rng)
    skeleton.paint_ribs(canvas, subject)
    skeleton.paint_iliac_crests(canvas, subject)
