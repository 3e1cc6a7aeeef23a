"""The embedded cohort: which artificial patients there are, and their DICOM series."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from syda.dicom.writer import (
    Acquisition,
    Equipment,
    Origin,
    Patient,
    SeriesDescription,
    Storage,
    Study,
    write_series,
)
from syda.phantom.scanner import Protocol, scan
from syda.phantom.subject import Position, Subject, draw

Group = Literal["base", "added"]

_HEADER = 2048
"""Bytes before the pixels of a slice, at most."""
_ORIGIN = Origin(
    manufacturer="SYDA",
    model="Procedural abdominal phantom",
    software="1",
    derivation="Computed from analytic shapes: no patient, no scanner. Not for diagnosis.",
)


@dataclass(frozen=True)
class Scanner:
    """A simulated scanner.

    Attributes:
        equipment: its plainly artificial name.
        kernel: Convolution Kernel.
        tube_voltage: kV.
        tube_current: mA for an average patient.
        storage: how it stores HU.
        positions: Patient Position of successive patients, in turn.
        slices: fewest and most slices of a scan.
        protocol: matrix, spacing, kernel and noise.
    """

    equipment: Equipment
    kernel: str
    tube_voltage: float
    tube_current: int
    storage: Storage
    positions: tuple[Position, ...]
    slices: tuple[int, int]
    protocol: Protocol


SCANNERS: dict[Group, Scanner] = {
    "base": Scanner(
        equipment=Equipment("SYDA Phantom Works", "Analytic One", "1.0"),
        kernel="SOFT",
        tube_voltage=120,
        tube_current=200,
        storage=Storage(intercept=-1024, signed=False, bits=12),
        positions=("HFS",),
        slices=(40, 42),
        protocol=Protocol(
            matrix=192, spacing=5.0, blur=0.55, boost=0.0, noise_peak=0.13, noise=9.0
        ),
    ),
    "added": Scanner(
        equipment=Equipment("SYDA Second Works", "Analytic Two", "2.1"),
        kernel="SHARP",
        tube_voltage=110,
        tube_current=160,
        storage=Storage(intercept=0, signed=True, bits=16),
        positions=("HFS", "FFS", "HFS", "HFP", "HFS", "FFS", "HFS", "FFP"),
        slices=(44, 46),
        protocol=Protocol(
            matrix=224, spacing=4.5, blur=0.35, boost=0.25, noise_peak=0.17, noise=12.0
        ),
    ),
}


@dataclass(frozen=True)
class Member:
    """One patient of the cohort; everything about it follows from these three.

    Attributes:
        seed: of the whole cohort.
        group: the scanner.
        index: within the group, from 0.
    """

    seed: int
    group: Group
    index: int

    @property
    def name(self) -> str:
        """E.g. ``base-0007``."""
        return f"{self.group}-{self.index:04d}"

    def generator(self) -> np.random.Generator:
        """The member's own source of random numbers, independent of all others'."""
        return np.random.default_rng([self.seed, list(SCANNERS).index(self.group), self.index])


def members(seed: int, base: int, added: int) -> list[Member]:
    """The patients of a cohort: ``base`` of the first scanner, then ``added`` of the second."""
    return [Member(seed, "base", n) for n in range(base)] + [
        Member(seed, "added", n) for n in range(added)
    ]


def size(members: Sequence[Member]) -> int:
    """Bytes that a cohort's series take, at most."""
    scanners = [SCANNERS[member.group] for member in members]
    return sum(s.slices[1] * (2 * s.protocol.matrix**2 + _HEADER) for s in scanners)


def write_member(member: Member, folder: Path) -> None:
    """Scan a patient and write the series to ``folder/<name>/ct``."""
    scanner = SCANNERS[member.group]
    rng = member.generator()
    subject = draw(rng, scanner.positions[member.index % len(scanner.positions)])
    slices = int(rng.integers(scanner.slices[0], scanner.slices[1] + 1))
    volume = scan(subject, scanner.protocol, slices, rng)
    write_series(folder / member.name / "ct", volume, describe(member, subject))


def describe(member: Member, subject: Subject) -> SeriesDescription:
    """Name a member's series, plainly as an artificial patient's."""
    scanner = SCANNERS[member.group]
    girth = subject.half_width / 175
    return SeriesDescription(
        seed="ct",
        number=2,
        description="PHANTOM ABDOMEN NATIVE, NOT FOR DIAGNOSIS",
        image_type=("DERIVED", "SECONDARY", "AXIAL"),
        patient=Patient(
            name=f"PHANTOM^{member.name.upper()}",
            identifier=f"PHANTOM-{member.name.upper()}",
            sex=subject.sex,
            age=subject.age,
        ),
        study=Study(
            seed=f"syda phantom/{member.seed}/{member.name}",
            identifier=member.name.upper(),
            description="PHANTOM CT ABDOMEN",
            date="20000101",
        ),
        equipment=scanner.equipment,
        acquisition=Acquisition(
            position=subject.position,
            thickness=scanner.protocol.spacing,
            tube_voltage=scanner.tube_voltage,
            tube_current=round(scanner.tube_current * girth**2),
            exposure_time=500,
            kernel=scanner.kernel,
        ),
        storage=scanner.storage,
        origin=_ORIGIN,
    )
