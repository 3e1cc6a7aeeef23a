"""The loader of params.yaml and the sections that several stages share.

Each stage's own section is a class in its stage module, so that a new parameter of the card cannot
retrain the model. Values are read with ruamel.yaml (YAML 1.2: ``1e-4`` is a number) and checked by
pydantic in strict mode; there are no defaults in Python. Every fault that a stage can see is named
in one error, each on a line of its own that begins with file and line.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from syda import paths
from syda.errors import ParamsError

SHARED = ("data", "ct", "model")
"""Sections that several stages use."""

STAGES = (
    "phantom",
    "convert",
    "resample",
    "validate",
    "pack",
    "train",
    "generate",
    "evaluate",
    "gallery",
    "card",
)
"""Sections of one stage each, by its name."""

BESIDE = ("tune", "shadow")
"""Sections of commands that are no stage: nothing that the pipeline makes depends on them."""


class Section(BaseModel):
    """Base of every section: strict types, finite numbers, frozen, unknown keys refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

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
    properties: list[str]
    """Of a scan, that the generator is asked for and the discriminator is told."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.properties)) < len(self.properties):
            raise ValueError("properties names one twice")
        return self

    def networks(self, conditions: int) -> dict[str, dict[str, Any]]:
        """Keyword arguments of ``generator`` and ``discriminator``.

        Args:
            conditions: length of the vector of properties.
        """
        own = self.model_dump(exclude={"discriminator_channels", "properties"})
        return {
            "generator": {**own, "conditions": conditions},
            "discriminator": {"channels": self.discriminator_channels, "conditions": conditions},
        }


SectionT = TypeVar("SectionT", bound=Section)

_PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong in params.yaml.

    Attributes:
        line: where, from 1; 0 where no line can be named.
        key: dotted.
        text: what is wrong.
    """

    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{paths.PARAMS}:{self.line}" if self.line else str(paths.PARAMS)
        return f"{place}: {self.key}: {self.text}"


@dataclass(frozen=True)
class Source:
    """The keys of params.yaml as they stand in the file.

    Attributes:
        lines: path of a key to its line, from 1.
        faults: what is wrong with the keys whatever section they belong to.
    """

    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    faults: set[Fault] = field(default_factory=set)

    def read(self, node: Node, at: tuple[str, ...] = ()) -> None:
        """Note the line of each key below a node, and each key that stands there twice."""
        if isinstance(node, MappingNode):
            for key, value in node.value:
                self._read_key(key, value, at)
        elif isinstance(node, SequenceNode):
            for item in node.value:
                self.read(item, at)
        elif node.tag not in _PLAIN:
            self._add(node, at, f"{node.value}: neither text nor number: put it in quotes")

    def _read_key(self, key: Node, value: Node, at: tuple[str, ...]) -> None:
        if key.tag != _PLAIN[0]:
            self._add(key, at, "holds a key that is no name")
        elif (path := (*at, key.value)) in self.lines:
            self._add(key, path, f"duplicate key, first in line {self.lines[path]}")
        else:
            self.lines[path] = key.start_mark.line + 1
            self.read(value, path)

    def _add(self, node: Node, at: tuple[str, ...], text: str) -> None:
        self.faults.add(Fault(node.start_mark.line + 1, ".".join(at), text))

    def sections(self) -> None:
        """Hold the file's sections against those that there are."""
        present = {path[0] for path in self.lines if len(path) == 1}
        known = {*SHARED, *STAGES, *BESIDE}
        self.faults.update(Fault(0, name, "missing section") for name in known - present)
        self.faults.update(
            Fault(self.lines[name,], name, "unknown section") for name in present - known
        )

    def fault(self, at: tuple[str, ...], text: str) -> Fault:
        """A fault at the line of a key, or of the nearest key around it that is there."""
        near = at
        while near and near not in self.lines:
            near = near[:-1]
        return Fault(self.lines.get(near, 0), ".".join(at), text)


class Params:
    """params.yaml, read once: a section is handed out only if nothing known of the file is wrong.

    Args:
        document: sections by name.
        source: where their keys stand.
    """

    def __init__(self, document: dict[str, Any], source: Source) -> None:
        self._document = document
        self.source = source
        self._faults = source.faults.copy()
        self._check("data", DataParams, self._faults)
        ct = self._check("ct", CtParams, self._faults)
        model = self._check("model", ModelParams, self._faults)
        if ct is not None and model is not None:
            self._faults.update(self._side_faults(ct, model))

    def section(self, name: str, cls: type[SectionT]) -> SectionT:
        """Return one checked section.

        Args:
            name: top-level key of params.yaml.
            cls: the pydantic class that owns the section.

        Raises:
            ParamsError: this section or a shared one holds an unknown, missing or mistyped key,
                a key stands twice anywhere, or a section is unknown or missing; all are named.
        """
        faults = self._faults.copy()
        found = self._check(name, cls, faults)
        if faults or found is None:
            raise ParamsError("\n".join(map(str, sorted(faults))))
        return found

    def changed(self, values: Mapping[str, Any]) -> "Params":
        """Return these parameters with some values replaced; the file stays as it is.

        Args:
            values: by dotted key; each is checked when its section is asked for.

        Raises:
            ParamsError: a key is not in the file; all such are named.
        """
        paths_of = {key: tuple(key.split(".")) for key in values}
        missing = [key for key, path in paths_of.items() if path not in self.source.lines]
        if missing:
            raise ParamsError(f"{paths.PARAMS}: {', '.join(missing)}: unknown key")
        document = copy.deepcopy(self._document)
        for key, (*around, last) in paths_of.items():
            place = document
            for name in around:
                place = place[name]
            place[last] = values[key]
        return Params(document, self.source)

    def _check(self, name: str, cls: type[SectionT], faults: set[Fault]) -> SectionT | None:
        """Return the section, or add to the faults; a missing one is already among them."""
        if name not in self._document:
            return None
        # JSON mode: strict pydantic takes JSON arrays for lists but refuses `true` for an int.
        text = json.dumps(self._document[name], skipkeys=True, default=str)
        try:
            return cls.model_validate_json(text, strict=True)
        except ValidationError as error:
            for wrong in error.errors(include_url=False):
                at = (name, *map(str, wrong["loc"]))
                faults.add(
                    self.source.fault(at, _what(wrong["type"], wrong["msg"], wrong["input"]))
                )
        return None

    def _side_faults(self, ct: CtParams, model: ModelParams) -> Iterator[Fault]:
        """Lists of channels that do not lead from 4 voxels a side to ``ct.size``."""
        for key in ("channels", "discriminator_channels"):
            side = 4 * 2 ** (len(getattr(model, key)) - 1)
            if side != ct.size:
                yield self.source.fault(
                    ("model", key),
                    f"leads to {side} voxels a side, ct.size is {ct.size}; "
                    f"one entry for each of 4, 8, ..., {ct.size}",
                )

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
        """Section ``model``; its lists of channels end at ``ct.size``."""
        return self.section("model", ModelParams)


def _what(kind: str, message: str, value: object) -> str:
    """Say in a line what pydantic found."""
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "missing key"
    text = message.removeprefix("Value error, ").replace("Input should", "must")
    return text if isinstance(value, dict) else f"{text}, is {json.dumps(value)}"


def load(root: Path) -> Params:
    """Read ``root/params.yaml``.

    Raises:
        ParamsError: no such file, not YAML, or not a mapping of sections. What is wrong in the
            sections is said when the first one is asked for, so that all of it is.
    """
    file = root / paths.PARAMS
    if not file.is_file():
        raise ParamsError(f"no {paths.PARAMS} here: run syda from the repository's root")
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True  # Source names them all, the parser only the first
    content = file.read_bytes()
    try:
        node, document = yaml.compose(content), yaml.load(content)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ParamsError(f"{paths.PARAMS}:{line}: not YAML: {error.problem}") from error
    except YAMLError as error:
        raise ParamsError(f"{paths.PARAMS}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ParamsError(f"{paths.PARAMS}: not a mapping of sections")
    source = Source()
    source.read(node)
    source.sections()
    return Params(document, source)
