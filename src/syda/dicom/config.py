"""Section ``convert`` of params.yaml."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from syda.dicom.description import BODY_PARTS
from syda.dicom.reject import Reason
from syda.params import Section

FINDINGS = tuple(
    reason.removeprefix("reader_") for reason in Reason if reason.startswith("reader_")
)
"""Reasons for which a reader may exclude a case: fixed terms, because reports show them."""

EXCLUDED_CASE = rf"^c[0-9a-f]{{16}} ({'|'.join(FINDINGS)})$"
"""Pattern of an entry of ``convert.select.exclude``: a case id and a finding."""


class ArchiveParams(Section):
    """Limits of one zip or tar file."""

    max_members: int = Field(ge=1)
    max_file_mb: float = Field(gt=0)
    max_total_mb: float = Field(gt=0)
    max_ratio: float = Field(ge=1)

    @property
    def max_file_bytes(self) -> int:
        """Largest size of one unpacked file, bytes."""
        return int(1e6 * self.max_file_mb)

    def max_unpacked_bytes(self, archive: Path) -> int:
        """Most bytes that may be unpacked from this archive."""
        return min(int(1e6 * self.max_total_mb), int(self.max_ratio * archive.stat().st_size))


class SelectParams(Section):
    """Rules by which a sound series belongs to the cohort."""

    modalities: list[str] = Field(min_length=1)
    body_parts: list[str]
    contrast: Literal["any", "without"]
    voxel_contrast: Literal["warn", "exclude"]
    reformats: Literal["any", "without"]
    derived: Literal["any", "without"]
    series_of_scan: Literal["all", "thin", "thick"]
    intended_region: Literal["any", "abdomen"]
    intended_contrast: Literal["any", "without"]
    min_slices: int = Field(ge=2)
    max_slice_spacing_mm: float = Field(gt=0)
    min_length_mm: float = Field(ge=0)
    max_length_mm: float = Field(gt=0)
    exclude: list[Annotated[str, StringConstraints(pattern=EXCLUDED_CASE)]]

    @model_validator(mode="after")
    def _check_terms(self) -> Self:
        if unknown := set(self.body_parts) - BODY_PARTS:
            raise ValueError(f"unknown body part: {', '.join(sorted(unknown))}")
        if len(self.finding_of) < len(self.exclude):
            raise ValueError("exclude names a case twice")
        return self

    @cached_property
    def finding_of(self) -> dict[str, str]:
        """Finding of the reader for each excluded case id."""
        return dict(entry.split() for entry in self.exclude)


class ConvertParams(Section):
    """How DICOM series are converted, and which."""

    fill_one_missing_slice: bool
    max_clamped_share: float = Field(ge=0, le=1)
    max_rejected_share: float = Field(ge=0, le=1)
    select: SelectParams
    archives: ArchiveParams


@dataclass(frozen=True)
class Acceptance:
    """What else decides whether a series is converted, besides the section ``convert``.

    Attributes:
        synthetic: whether images that are marked as synthetic are accepted.
        max_side: longest side of a resampled scan, voxels, or None for any.
    """

    synthetic: bool = False
    max_side: int | None = None


PATIENTS_SCANS = Acceptance()
"""What a version of patients' scans accepts: nothing that is synthetic, of any size."""
