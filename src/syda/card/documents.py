"""Files that the pipeline wrote, and facts that point into them.

A card is only as good as the agreement of its sources, so they are held against one another first:
each report must be the bytes its stage's manifest recorded, and what one stage read must be what
another wrote.
"""

import json
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda.card.facts import Fact, Kind
from syda.errors import CorruptData
from syda.runtime.digest import sha256_of


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
        """Return the value as a fact: a setting below ``params`` or ``protocol``, else measured."""
        exact = keys[0] == "params"
        kind: Kind = "setting" if exact or "protocol" in keys else "measured"
        return Fact(label, self.value(*keys), kind, (self.pointer(*keys),), unit, exact=exact)


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
        return sha256_of(self.data)


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
    return Document(path, content, sha256_of(data))


def lock(root: Path, path: Path) -> Document:
    """Read the libraries that install together, as ``packages``: version by name.

    Args:
        root: repository root.
        path: relative to root, lines ``name==version``.
    """
    data = (root / path).read_bytes()
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", data.decode(), flags=re.MULTILINE)
    packages = {canonical(name): version for name, version in pins}
    return Document(path.as_posix(), {"packages": packages}, sha256_of(data))


def project(root: Path, path: Path) -> Document:
    """Read a TOML file.

    Args:
        root: repository root.
        path: relative to root.
    """
    data = (root / path).read_bytes()
    return Document(path.as_posix(), tomllib.loads(data.decode()), sha256_of(data))


def canonical(name: str) -> str:
    """Normal form of a library's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
