"""The artificial patient: its sizes, its position and the HU of its tissues."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Sex = Literal["F", "M"]
Position = Literal["HFS", "HFP", "FFS", "FFP"]


@dataclass(frozen=True)
class TissueHU:
    """Hounsfield units of a patient's tissues, without contrast agent."""

    fat: float
    muscle: float
    liver: float
    spleen: float
    kidney: float
    blood: float
    cancellous: float
    cortical: float


@dataclass(frozen=True)
class Subject:
    """One artificial patient on the table; lengths in mm.

    Attributes:
        sex: F or M.
        age: years.
        position: DICOM Patient Position, which gives the direction of gravity.
        half_width: of the body at the waist.
        half_depth: of the body, front to back.
        fat_side: subcutaneous fat at the flank.
        fat_front: at the belly.
        fat_back: at the back.
        wall: thickness of the abdominal wall's muscle.
        squareness: exponent of the body's superelliptic outline.
        organ: size of the organs, 1 is average.
        stature: height of the vertebrae, 1 is average.
        level: height of the anatomy above the centre of the scan.
        lordosis: forward bend of the lumbar spine.
        tissue: Hounsfield units.
    """

    sex: Sex
    age: int
    position: Position
    half_width: float
    half_depth: float
    fat_side: float
    fat_front: float
    fat_back: float
    wall: float
    squareness: float
    organ: float
    stature: float
    level: float
    lordosis: float
    tissue: TissueHU

    @property
    def up(self) -> float:
        """+1 where anterior is up (supine), -1 where it is down (prone)."""
        return -1.0 if self.position.endswith("P") else 1.0

    @property
    def muscle_width(self) -> float:
        """Half-width of the muscle wall's outside at the waist."""
        return self.half_width - self.fat_side

    @property
    def cavity_width(self) -> float:
        """Half-width of the abdominal cavity at the waist."""
        return self.muscle_width - self.wall

    @property
    def cavity_front(self) -> float:
        """Coordinate y of the abdominal cavity's front."""
        return self.half_depth - self.fat_front - 9

    @property
    def spine(self) -> float:
        """Coordinate y of the vertebral bodies' centre where the spine is straight."""
        return -self.half_depth + self.fat_back + 59 * self.organ

    def spine_at(self, z: float) -> float:
        """Coordinate y of the vertebral bodies at height z; largest near the third lumbar."""
        return self.spine + self.lordosis * (0.9 - ((z - self.level + 50) / 130) ** 2)


def sample_subject(rng: np.random.Generator, position: Position) -> Subject:
    """Sample a patient; bodies are about 300 to 420 mm wide."""
    sex: Sex = "F" if rng.random() < 0.5 else "M"
    age = int(rng.integers(25, 86))
    female = sex == "F"
    half_width = float(np.clip(rng.normal(174 if female else 182, 20), 151, 209))
    fat_side = 0.42 * (half_width - 150) + rng.uniform(4, 14) + (3 if female else -1)
    return Subject(
        sex=sex,
        age=age,
        position=position,
        half_width=half_width,
        half_depth=half_width * rng.uniform(0.645, 0.705) * (0.96 if position.endswith("P") else 1),
        fat_side=fat_side,
        fat_front=fat_side * rng.uniform(0.55, 1.0) + 2,
        fat_back=fat_side * rng.uniform(0.5, 0.9) + 4,
        wall=rng.uniform(12, 15) + (0 if female else 2),
        squareness=rng.uniform(2.05, 2.45),
        organ=rng.uniform(0.93, 1.03) + (0 if female else 0.04),
        stature=rng.uniform(0.92, 1.02) + (0 if female else 0.05),
        level=rng.uniform(-12, 12),
        lordosis=rng.uniform(8, 20),
        tissue=TissueHU(
            fat=rng.uniform(-108, -96),
            muscle=rng.uniform(46, 56) - 0.08 * (age - 50),
            liver=rng.uniform(50, 62),
            spleen=rng.uniform(45, 51),
            kidney=rng.uniform(28, 34),
            blood=rng.uniform(36, 44),
            cancellous=float(np.clip(rng.normal(225, 25) - 1.6 * (age - 50), 155, 295)),
            cortical=rng.uniform(750, 950),
        ),
    )
