"""The loader of params.yaml, and the sections that several stages share.

The section of a stage is a class of the package that uses it. So a new parameter of the card does
not retrain the model. Values are read as YAML 1.2, where ``1e-4`` is a number. Pydantic checks them
in strict mode. Python holds no defaults. One error names every fault, each with file and line.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from syda import paths
from syda.errors import ParamsError

SHARED = ("data", "ct", "model")
"""Sections that several stages use."""

STAGES = tuple(sorted(file.stem for file in Path(__file__).with_name("stages").glob("[a-z]*.py")))
"""Sections of one stage each, by its name: every module of ``syda.stages``."""

COMMANDS = ("tune", "shadow")
"""Sections of commands outside the pipeline: no stage depends on them."""


class Section(BaseModel):
    """Base of every section: strict types, finite numbers, frozen, unknown keys refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    def only(self, *keys: str) -> dict[str, Any]:
        """Return the values of some keys: what a stage uses of a shared section."""
        return self.model_dump(mode="json", include=set(keys))


class DataParams(Section):
    """Section ``data``: which scans the pipeline runs on."""

    version: str
    artificial: list[str]
    artificial_key: str = Field(min_length=16)


class CtParams(Section):
    """Section ``ct``: voxel size, HU ranges and the side of the model's cube."""

    spacing_mm: float = Field(gt=0)
    hu_min: int
    hu_max: int
    window_min: int
    window_max: int
    size: int = Field(ge=8)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.hu_min <= self.window_min < self.window_max <= self.hu_max:
            raise ValueError("needs hu_min <= window_min < window_max <= hu_max")
        return self


Start = Literal["mean", "none"]
"""What the generator draws before training: the mean training scan, or nothing."""


class ModelParams(Section):
    """Section ``model``: the network's shape and its start."""

    latent: int = Field(ge=1)
    mapping_layers: int = Field(ge=1)
    mapping_lr_multiplier: float = Field(gt=0)
    channels: list[int] = Field(min_length=1)
    discriminator_channels: list[int] = Field(min_length=1)
    start: Start
    properties: list[str]

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
        generator = {
            "latent_dim": self.latent,
            "mapping_layers": self.mapping_layers,
            "mapping_lr_multiplier": self.mapping_lr_multiplier,
            "channels": self.channels,
            "conditions": conditions,
        }
        return {
            "generator": generator,
            "discriminator": {"channels": self.discriminator_channels, "conditions": conditions},
        }


class ExportParams(Section):
    """Section ``export``: what is released; the card shows it."""

    allow_copies: str


SectionT = TypeVar("SectionT", bound=Section)

_PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


@dataclass(frozen=True, order=True)
class ParamsFault:
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
        file = f"{paths.PARAMS}:{self.line}" if self.line else str(paths.PARAMS)
        return f"{file}: {self.key}: {self.text}"


@dataclass(frozen=True)
class YamlKeys:
    """The keys of params.yaml and their lines.

    Attributes:
        lines: path of a key to its line, from 1.
        faults: what is wrong with the keys whatever section they belong to.
    """

    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    faults: set[ParamsFault] = field(default_factory=set)

    def read(self, node: Node, at: tuple[str, ...] = ()) -> None:
        """Note the line of each key below a node, and each key that stands there twice."""
        if isinstance(node, MappingNode):
            for key, value in node.value:
                self._read_key(key, value, at)
        elif isinstance(node, SequenceNode):
            for number, item in enumerate(node.value):
                self.read(item, (*at, str(number)))
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
        self.faults.add(ParamsFault(node.start_mark.line + 1, ".".join(at), text))

    def sections(self) -> None:
        """Add a fault for each missing and each unknown section."""
        present = {path[0] for path in self.lines if len(path) == 1}
        names = {*SHARED, *STAGES, *COMMANDS}
        self.faults.update(ParamsFault(0, name, "missing section") for name in names - present)
        self.faults.update(
            ParamsFault(self.lines[name,], name, "unknown section") for name in present - names
        )

    def fault(self, at: tuple[str, ...], text: str) -> ParamsFault:
        """A fault at the line of a key, or of the nearest key around it that is there."""
        near = at
        while near and near not in self.lines:
            near = near[:-1]
        return ParamsFault(self.lines.get(near, 0), ".".join(at), text)


class Params:
    """params.yaml, read once. A section is returned only if the file has no known fault.

    Args:
        document: sections by name.
        source: where their keys stand.
    """

    def __init__(self, document: dict[str, Any], source: YamlKeys) -> None:
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
            target = document
            for name in around:
                target = target[name]
            target[last] = values[key]
        return Params(document, self.source)

    def _check(self, name: str, cls: type[SectionT], faults: set[ParamsFault]) -> SectionT | None:
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

    def _side_faults(self, ct: CtParams, model: ModelParams) -> Iterator[ParamsFault]:
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
    """Text of a fault that pydantic found, one line."""
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
    yaml.allow_duplicate_keys = True  # YamlKeys names them all, the parser only the first
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
    source = YamlKeys()
    source.read(node)
    source.sections()
    return Params(document, source)
