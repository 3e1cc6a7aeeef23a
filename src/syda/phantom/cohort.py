"""The artificial cohort: its scanners, its patients and their DICOM series."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from syda.dicom.description import (
    AcquisitionParameters,
    Equipment,
    Patient,
    SeriesDescription,
    Storage,
    Study,
    SynthesizingEquipment,
)
from syda.dicom.writer import write_series
from syda.phantom.config import PhantomParams
from syda.phantom.scanner import ScanProtocol, scan
from syda.phantom.subject import Position, Subject, sample_subject
from syda.runtime import disk, engine

VERSIONS = ("v0", "v1")

Group = Literal["base", "added"]

_HEADER_BYTES = 2048
"""Upper bound on the bytes before the pixels of a slice."""
_PHANTOM = SynthesizingEquipment(
    Equipment("SYDA", "Procedural abdominal phantom", "1"),
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
        positions: Patient Position of successive patients, repeated in this order.
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
    protocol: ScanProtocol


SCANNERS: dict[Group, Scanner] = {
    "base": Scanner(
        equipment=Equipment("SYDA Phantom Works", "Analytic One", "1.0"),
        kernel="SOFT",
        tube_voltage=120,
        tube_current=200,
        storage=Storage(intercept=-1024, signed=False, bits=12),
        positions=("HFS",),
        slices=(40, 42),
        protocol=ScanProtocol(
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
        protocol=ScanProtocol(
            matrix=224, spacing=4.5, blur=0.35, boost=0.25, noise_peak=0.17, noise=12.0
        ),
    ),
}


@dataclass(frozen=True)
class Member:
    """One patient of the cohort, determined by three values.

    Attributes:
        seed: seed of the cohort.
        group: scanner of the patient.
        index: number within the group, from 0.
    """

    seed: int
    group: Group
    index: int

    @property
    def name(self) -> str:
        """E.g. ``base-0007``."""
        return f"{self.group}-{self.index:04d}"

    def generator(self) -> np.random.Generator:
        """Random generator of this patient, independent of the other patients'."""
        return np.random.default_rng([self.seed, list(SCANNERS).index(self.group), self.index])


def members(version: str, params: PhantomParams) -> list[Member]:
    """The patients of a version: v0 has those of the first scanner, v1 also those of the second."""
    base = [Member(params.seed, "base", n) for n in range(params.base_subjects)]
    added = [Member(params.seed, "added", n) for n in range(params.added_subjects)]
    return base + added if version == "v1" else base


def max_bytes(members: Sequence[Member]) -> int:
    """Upper bound on the size of the series."""
    scanners = [SCANNERS[member.group] for member in members]
    return sum(s.slices[1] * (2 * s.protocol.matrix**2 + _HEADER_BYTES) for s in scanners)


def write_cohort(version: str, params: PhantomParams, folder: Path) -> None:
    """Write the series of every patient of a version, in worker processes.

    Raises:
        SydaError: the disk has too little free space.
    """
    patients = members(version, params)
    disk.require_free(folder, max_bytes(patients), "phantom")
    write = partial(write_member, folder=folder)
    for _ in engine.parallel_map(write, patients, f"phantom {version}", "patient"):
        pass


def write_member(member: Member, folder: Path) -> None:
    """Scan a patient and write the series to ``folder/<name>/ct``."""
    scanner = SCANNERS[member.group]
    rng = member.generator()
    subject = sample_subject(rng, scanner.positions[member.index % len(scanner.positions)])
    slices = int(rng.integers(scanner.slices[0], scanner.slices[1] + 1))
    volume = scan(subject, scanner.protocol, slices, rng)
    write_series(folder / member.name / "ct", volume, describe(member, subject))


def describe(member: Member, subject: Subject) -> SeriesDescription:
    """DICOM attributes of a series; they say that the patient is artificial."""
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
        acquisition=AcquisitionParameters(
            position=subject.position,
            thickness=scanner.protocol.spacing,
            tube_voltage=scanner.tube_voltage,
            tube_current=round(scanner.tube_current * girth**2),
            exposure_time=500,
            kernel=scanner.kernel,
            body_part="ABDOMEN",
        ),
        storage=scanner.storage,
        synthesized_by=_PHANTOM,
    )
