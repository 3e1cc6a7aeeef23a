"""Declared texts: model_card/declared.yaml, read and checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda.card.facts import Fact, absent
from syda.errors import UsageError

PLACEHOLDERS = {"", "-", "--", "–", "—", "?", "n.a", "n.a.", "n/a", "na", "none", "tbd", "todo",
                "tba", "xxx", "here", "..."}  # fmt: skip
"""Placeholders, which are refused."""


class Strict(BaseModel):
    """Base of the structures of files: exactly these keys, of these types."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


T = TypeVar("T", bound=Strict)


class Risk(Strict):
    """A risk and what is done about it."""

    risk: str
    mitigation: str


class Historical(Strict):
    """Values of the original checklist, whose origin is unknown."""

    model_version: str
    dataset_name: str
    ms_ssim: float
    perceptual_loss: float
    limitations: str
    evaluation_data: str
    annotation: str
    output: str


class DeclaredFile(Strict):
    """The file's keys; those that may be empty are None."""

    project_name: str
    report_version: str
    author: str | None
    date: str | None
    model_name: str
    model_description: str
    model_type: str
    model_version: str
    repository: str | None
    selection_protocol: str
    contrast_and_stones_if_artificial: str
    annotation_protocol: str
    scan_through_model: str
    intended_use: str
    intended_user: str
    limitations: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    intended_use_confirmed_by: str | None
    clinical_evaluation: str | None
    risks: tuple[Risk, ...]
    ethical_assessment: str | None
    consent: str | None
    code_license: str
    data_license_if_artificial: str
    data_license: str | None
    weights_terms: str | None
    privacy_status: str | None
    marking_duty: str | None
    historical: Historical


class Declarations:
    """The declared values as facts.

    Args:
        path: of the file, relative to the repository root.
        declared: its content.
    """

    def __init__(self, path: str, declared: DeclaredFile) -> None:
        self.path = path
        self.content = declared

    def fact(self, key: str, label: str) -> Fact:
        """Return a required text; ``historical/ms_ssim`` is a key of a nested mapping."""
        return self.fact_at(tuple(key.split("/")), label)

    def fact_at(self, keys: tuple[str | int, ...], label: str) -> Fact:
        """Return the value at a path of names and list indices."""
        value: Any = self.content
        for key in keys:
            value = value[key] if isinstance(key, int) else getattr(value, key)
        source = f"{self.path}#/{'/'.join(map(str, keys))}"
        return Fact(label, value, "declared", (source,), exact=True)

    def fact_or_absent(self, key: str, label: str, owner: str, missing: str) -> Fact:
        """Return a text; if it is missing, an absent fact with the role that has to supply it."""
        if getattr(self.content, key) is None:
            return absent(label, owner, missing)
        return self.fact(key, label)

    def each(self, key: str, label: str) -> list[Fact]:
        """Return the texts of a list."""
        return [self.fact_at((key, at), label) for at in range(len(getattr(self.content, key)))]


def read(root: Path, path: Path) -> Declarations:
    """Read and check the declared texts.

    Args:
        root: repository root.
        path: of the file, relative to root.

    Raises:
        UsageError: not YAML, an unknown, missing or mistyped key, or a placeholder.
    """
    hint = "the pipeline measures facts, they cannot be declared"
    return Declarations(path.as_posix(), checked(root, path, DeclaredFile, hint))


def checked(root: Path, path: Path, model: type[T], hint: str) -> T:
    """Read a YAML file that people write.

    Args:
        root: repository root.
        path: of the file, relative to root.
        model: structure of the file.
        hint: added to the message about an unknown key.

    Raises:
        UsageError: not YAML, an unknown, missing or mistyped key, or a placeholder.
    """
    try:
        content = YAML(typ="safe").load((root / path).read_text(encoding="utf-8"))
        found = model.model_validate(_tuples(content))
    except YAMLError as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        why = f": {hint}" if fault["type"] == "extra_forbidden" else ""
        raise UsageError(f"{path}: {key}: {fault['msg']}{why}") from error
    for key, text in texts_of(found.model_dump()):
        if text.strip().lower() in PLACEHOLDERS:
            raise UsageError(
                f"{path}: {key}: {text!r} is no answer: write one, or where the key may be empty "
                "leave it empty and the card names who has to supply it"
            )
    return found


def _tuples(value: Any) -> Any:
    """Replace lists by tuples, which strict validation requires."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def texts_of(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text of nested mappings and lists with its dotted key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_of(item, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_of(item, f"{key}.{number}")
