"""The loader of params.yaml and the sections that several stages share.

Each stage's own section is a class in its stage module, so that a new parameter of the card cannot
retrain the model. Values are read with ruamel.yaml (YAML 1.2: ``1e-4`` is a number, a duplicate key
is an error) and checked by pydantic in strict mode; there are no defaults in Python.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda import paths
from syda.errors import ParamsError


class Section(BaseModel):
    """Base of every section: strict types, frozen, unknown keys refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    def only(self, *keys: str) -> dict[str, Any]:
        """Return the values of some keys: what a stage uses of a shared section."""
        return self.model_dump(mode="json", include=set(keys))


class DataParams(Section):
    """Section ``data``: which scans the pipeline runs on."""

    version: str
    """Folder under data/raw."""
    artificial: list[str]
    """Versions whose patients are artificial; their case ids use the published key."""
    artificial_key: str = Field(min_length=16)
    """The published key; any other version needs the private one of ``syda key new``."""


class CtParams(Section):
    """Section ``ct``: voxel size, HU ranges and the side of the model's cube."""

    spacing_mm: float = Field(gt=0)
    """Isotropic voxel size of resampled scans, records and physical exports, mm."""
    hu_min: int
    hu_max: int
    """Bounds of HU in every stored scan."""
    window_min: int
    window_max: int
    """HU that the model range [-1, 1] spans."""
    size: int = Field(ge=8)
    """N: voxels along each side of the model's cube."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.hu_min <= self.window_min < self.window_max <= self.hu_max:
            raise ValueError("needs hu_min <= window_min < window_max <= hu_max")
        return self


class ModelParams(Section):
    """Section ``model``: the network's shape."""

    latent: int = Field(ge=1)
    """Length of z and w."""
    mapping_layers: int = Field(ge=1)
    """Linear layers from z to w."""
    mapping_lr_multiplier: float = Field(gt=0)
    """Learning-rate multiplier of the mapping network."""
    channels: list[int] = Field(min_length=1)
    """Feature maps at 4, 8, 16, ... voxels a side; the last entry is at ct.size."""
    discriminator_channels: list[int] = Field(min_length=1)
    """The discriminator's, same order."""


Precision = Literal["float32", "bfloat16"]
SectionT = TypeVar("SectionT", bound=Section)


class Params:
    """params.yaml, read once; sections are checked when a stage asks for them."""

    def __init__(self, document: dict[str, Any], source: Path) -> None:
        self._document = document
        self._source = source

    def section(self, name: str, cls: type[SectionT]) -> SectionT:
        """Return one checked section.

        Args:
            name: top-level key of params.yaml.
            cls: the pydantic class that owns the section.

        Raises:
            ParamsError: the section is missing, or holds an unknown, missing or mistyped key; every
                fault of the section is named.
        """
        if name not in self._document:
            raise ParamsError(f"{self._source.name}: section '{name}' is missing")
        try:
            # JSON mode: strict pydantic takes JSON arrays for lists but refuses `true` for an int.
            return cls.model_validate_json(json.dumps(self._document[name]), strict=True)
        except ValidationError as error:
            faults = [
                f"{'.'.join([name, *map(str, fault['loc'])])}: {fault['msg']}"
                for fault in error.errors(include_url=False)
            ]
            raise ParamsError(f"{self._source.name}: " + "; ".join(faults)) from error

    @property
    def data(self) -> DataParams:
        """Section ``data``."""
        return self.section("data", DataParams)

    @property
    def ct(self) -> CtParams:
        """Section ``ct``."""
        return self.section("ct", CtParams)

    @property
    def model(self) -> ModelParams:
        """Section ``model``, whose blocks end at ``ct.size``.

        Raises:
            ParamsError: the number of channel entries does not lead from 4 voxels to ``ct.size``.
        """
        model = self.section("model", ModelParams)
        size = self.ct.size
        for key in ("channels", "discriminator_channels"):
            side = 4 * 2 ** (len(getattr(model, key)) - 1)
            if side != size:
                raise ParamsError(
                    f"{self._source.name}: model.{key} leads to {side} voxels a side, "
                    f"ct.size is {size}; one entry for each of 4, 8, ..., {size}"
                )
        return model


def load(root: Path) -> Params:
    """Read ``root/params.yaml``.

    Raises:
        ParamsError: no such file, not YAML, or a key twice.
    """
    source = root / paths.PARAMS
    if not source.is_file():
        raise ParamsError(f"no {paths.PARAMS} here: run syda from the repository's root")
    try:
        document = YAML(typ="safe").load(source.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise ParamsError(f"{source.name}: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ParamsError(f"{source.name}: not a mapping of sections")
    return Params(document, source)
