"""Files that the pipeline wrote, and facts that point into them.

A card is only as good as the agreement of its sources, so they are held against one another first:
each report must be the bytes its stage's manifest recorded, and what one stage read must be what
another wrote.
"""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syda.card.declared import Declarations
from syda.card.policy import Policy
from syda.card.schema import Fact
from syda.errors import CheckFailed, CorruptData


class Document:
    """One JSON file.

    Args:
        path: relative to the repository root.
        content: what it holds.
        sha256: of its bytes.
    """

    def __init__(self, path: str, content: Any, sha256: str) -> None:
        self.path = path
        self.content = content
        self.sha256 = sha256

    def pointer(self, *keys: str | int) -> str:
        """``path#/key/key`` (RFC 6901)."""
        escaped = (str(key).replace("~", "~0").replace("/", "~1") for key in keys)
        return f"{self.path}#/{'/'.join(escaped)}"

    def value(self, *keys: str | int) -> Any:
        """Return what the keys lead to.

        Raises:
            CorruptData: nothing there.
        """
        value = self.content
        try:
            for key in keys:
                value = value[key]
        except (KeyError, IndexError, TypeError) as error:
            raise CorruptData(f"{self.pointer(*keys)}: nothing there: `dvc repro`") from error
        return value

    def fact(self, label: str, *keys: str | int, unit: str = "") -> Fact:
        """Return the value as a measured fact; what lies below ``params`` is shown in full."""
        source, exact = (self.pointer(*keys),), keys[0] == "params"
        return Fact(label, self.value(*keys), "measured", source, unit, exact=exact)


@dataclass(frozen=True)
class Release:
    """A release of the card, its files as they were released.

    Attributes:
        version: report version.
        record: ``release.json``.
        card: ``card.json``.
        details: of the evaluation.
    """

    version: str
    record: Document
    card: Document
    details: Document


@dataclass(frozen=True)
class Picture:
    """A picture that a stage drew.

    Attributes:
        path: relative to the repository root.
        data: PNG.
    """

    path: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Inputs:
    """What a card is made from.

    Attributes:
        reports: metrics, details, convert, pack, resampled, records and synthetic, by these names.
        manifests: by stage, ``validate-records`` and the like among them, in the pipeline's order.
        pictures: in the card's order.
        declared: what people declare.
        lock: exact version of each library, by name.
        project: pyproject.toml, which declares the libraries that the project needs.
        policy: what is asked of a card.
        earlier: releases with a lower report version, in order.
        released: record of the release of this report version, if there is one.
        written: sha256 of what people write for the card, its sign-offs apart, by path.
    """

    reports: Mapping[str, Document]
    manifests: Mapping[str, Document]
    pictures: Sequence[Picture]
    declared: Declarations
    lock: Document
    project: Document
    policy: Policy
    earlier: Sequence[Release] = ()
    released: Document | None = None
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The data version."""
        return str(self.reports["convert"].value("version"))

    @property
    def artificial(self) -> bool:
        """Whether the patients of the data version are artificial."""
        return bool(self.reports["convert"].value("artificial"))

    @property
    def is_released(self) -> bool:
        """Whether the release of this report version is of these inputs."""
        if self.released is None:
            return False
        files = self.released.value("files")
        return all(files.get(path) == sha256 for path, sha256 in self.digests.items())

    @property
    def measured(self) -> dict[str, str]:
        """sha256 of every input that people do not write for the card, by path."""
        files: list[Document | Picture] = [*self.reports.values(), *self.manifests.values()]
        files += [*self.pictures, self.lock, self.project]
        return {one.path: one.sha256 for one in files}

    @property
    def digests(self) -> dict[str, str]:
        """sha256 of every input by path; sign-offs, which may come later, are none."""
        return self.measured | dict(self.written)

    def no_person(self, label: str, text: str, *, moot: str = "") -> Fact:
        """What follows from the patients being artificial; ``moot`` as :class:`Fact` has it."""
        source = self.reports["convert"].pointer("artificial")
        note = "follows from the patients of this data version being artificial"
        return Fact(label, text, "derived", (source,), note=note, moot=moot)


def read(root: Path, path: Path) -> Document:
    """Read a JSON file that holds finite numbers only.

    Args:
        root: repository root.
        path: relative to root.

    Raises:
        CorruptData: not JSON, or NaN or infinity in it.
    """
    return parse((root / path).read_bytes(), path.as_posix())


def parse(data: bytes, path: str) -> Document:
    """Read the bytes of a JSON file that holds finite numbers only.

    Args:
        data: the bytes.
        path: what to call it, its path relative to the repository root.

    Raises:
        CorruptData: not JSON, or NaN or infinity in it.
    """

    def refuse(constant: str) -> None:
        raise CorruptData(f"{path}: holds {constant}, which is no figure: find its cause")

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            refuse(text)
        return number

    try:
        content = json.loads(data, parse_constant=refuse, parse_float=finite)
    except ValueError as error:
        raise CorruptData(f"{path}: not readable as JSON ({error})") from error
    return Document(path, content, hashlib.sha256(data).hexdigest())


def lock(root: Path, path: Path) -> Document:
    """Read the libraries that install together, as ``packages``: version by name.

    Args:
        root: repository root.
        path: relative to root, lines ``name==version``.
    """
    data = (root / path).read_bytes()
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", data.decode(), flags=re.MULTILINE)
    packages = {canonical(name): version for name, version in pins}
    return Document(path.as_posix(), {"packages": packages}, hashlib.sha256(data).hexdigest())


def project(root: Path, path: Path) -> Document:
    """Read a TOML file.

    Args:
        root: repository root.
        path: relative to root.
    """
    data = (root / path).read_bytes()
    return Document(path.as_posix(), tomllib.loads(data.decode()), hashlib.sha256(data).hexdigest())


def canonical(name: str) -> str:
    """Normal form of a library's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def agree(files: Iterable[Document | Picture], manifests: Mapping[str, Document]) -> None:
    """Check that all files are of one run of the pipeline.

    Args:
        files: reports and pictures.
        manifests: by stage.

    Raises:
        CheckFailed: a file was altered after its stage wrote it, or a stage read other data than
            another wrote.
    """
    written: dict[str, tuple[str, str]] = {}
    for stage, manifest in manifests.items():
        for path, digest in manifest.value("writes").items():
            written[path] = (digest["sha256"], stage)
    for file in files:
        sha256, stage = written.get(file.path, ("", ""))
        if sha256 != file.sha256:
            by = f"what stage {stage} wrote" if stage else "in any manifest"
            raise CheckFailed(f"{file.path} is not {by}: `dvc repro` makes it anew")
    for stage, manifest in manifests.items():
        for path, digest in manifest.value("reads").items():
            sha256, writer = written.get(path, (digest["sha256"], ""))
            if sha256 != digest["sha256"]:
                raise CheckFailed(
                    f"{manifest.path}: {stage} read another {path} than {writer} wrote: "
                    "`dvc repro` brings them together"
                )


def parameters(manifests: Mapping[str, Document]) -> list[tuple[str, Fact, list[str]]]:
    """Every parameter that stages were given: dotted key, value, and the stages that got it.

    A key appears once more for each other value of it: a stage that does not use a parameter keeps
    the value of its last run.
    """
    found: dict[tuple[str, str], tuple[Fact, list[str]]] = {}
    for stage, manifest in manifests.items():
        for keys in leaves(manifest.value("params")):
            name = ".".join(keys)
            fact = manifest.fact("value", "params", *keys)
            _, stages = found.setdefault((name, json.dumps(fact.value)), (fact, []))
            stages.append(stage)
    return [(name, fact, stages) for (name, _), (fact, stages) in sorted(found.items())]


def leaves(value: Any, keys: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of keys to each value of nested mappings; an empty one is a value."""
    if not isinstance(value, dict) or not value:
        return [keys]
    return [leaf for key, item in value.items() for leaf in leaves(item, (*keys, key))]
