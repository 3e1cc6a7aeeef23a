"""A workspace for ``convert``, with DICOM in data/raw/v0."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from syda.runtime.digest import sha256_of_file
from syda.stages import convert
from syda.types import Volume
from syda.volume import nifti


@dataclass
class ConvertWorkspace:
    """Raw data, and what ``convert`` makes of it. Series of four slices are accepted."""

    root: Path
    ramp: Volume
    as_slices: Callable[..., list[Dataset]]
    save_slices: Callable[[Path, list[Dataset]], Path]
    write_params: Callable[[dict[str, object]], Path]

    def __post_init__(self) -> None:
        self.change()

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw" / "v0"

    @property
    def nifti(self) -> Path:
        return self.root / "data" / "nifti"

    def change(self, changes: dict[str, object] | None = None) -> None:
        """Write params.yaml with some keys changed, those without a section in ``convert``."""
        few = {"data.version": "v0", "convert.select.min_slices": 4}
        sections = ("convert.", "data.", "ct.")
        for key, value in (changes or {}).items():
            few[key if key.startswith(sections) else f"convert.{key}"] = value
        self.write_params(few)

    def series(self, number: int = 3, volume: Volume | None = None, **tags: object):
        """Slices of :meth:`scan`, or another volume, as series 1.2.<number> with some tags set."""
        slices = self.as_slices(volume or self.scan(number), f"1.2.{number}")
        for ds in slices:
            for keyword, value in tags.items():
                setattr(ds, keyword, value)
        return slices

    def scan(self, number: int) -> Volume:
        """The ramp, brighter with the number: no two series are copies. 3 is the ramp itself."""
        return Volume(self.ramp.hu + np.int16(number - 3), self.ramp.affine)

    def add(self, name: str, slices: Iterable[Dataset] | None = None) -> Path:
        """Write slices, or those of the ramp, into a folder of the raw data."""
        return self.save_slices(self.raw / name, list(slices or self.series()))

    def run(self, changes: dict[str, object] | None = None) -> dict:
        """Run the stage, with changed parameters if any, and return its report."""
        if changes is not None:
            self.change(changes)
        convert.run(self.root)
        return self.report()

    def report(self) -> dict:
        return json.loads((self.root / "reports" / "convert.json").read_text())

    def excluded(self) -> list[dict]:
        return json.loads((self.nifti / convert.EXCLUDED).read_text())

    def cases(self) -> list[dict]:
        """The JSON of each case, sorted by case id."""
        return [json.loads(file.read_text()) for file in sorted(self.nifti.glob("c*.json"))]

    def noted(self, kind: str) -> list[list[str]]:
        """The irregularities, or what is unusual, of each case."""
        return [case["source"][kind] for case in self.cases()]

    def case_ids(self) -> list[str]:
        return [nifti.case_name(file) for file in nifti.case_files(self.nifti)]

    def volume(self, case: str) -> Volume:
        return nifti.read(self.nifti / f"{case}{nifti.SUFFIX}")

    def outputs(self) -> dict[str, str]:
        """Digest of each file that the stage wrote."""
        files = [*self.nifti.iterdir(), *(self.root / "reports").rglob("*.json")]
        return {file.relative_to(self.root).as_posix(): sha256_of_file(file) for file in files}


@pytest.fixture
def scans(workspace, tmp_path, ramp, as_slices, save_slices) -> ConvertWorkspace:
    body = Volume(ramp.hu - np.int16(472), ramp.affine)  # -400 to about -20 HU
    return ConvertWorkspace(tmp_path, body, as_slices, save_slices, workspace)
