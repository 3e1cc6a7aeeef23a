"""Declared texts: model_card/declared.yaml, read and checked.

Some texts are about the project, others about the data version that ``data_version`` names. In the
card of another data version the latter are shown as not confirmed, and count as missing.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda.card.facts import (
    CLINICAL,
    DATA,
    DEVELOPERS,
    ETHICS,
    LEGAL,
    OWNER,
    PRIVACY,
    RADIOLOGIST,
    ROLES,
    Fact,
    absent,
)
from syda.errors import UsageError

PLACEHOLDERS = {"", "-", "--", "–", "—", "?", "n.a", "n.a.", "n/a", "na", "none", "tbd", "todo",
                "tba", "xxx", "here", "..."}  # fmt: skip
"""Placeholders, which are refused."""

OF_DATA = {
    "contrast_and_stones": RADIOLOGIST,
    "tuned_on_holdout": DEVELOPERS,
    "limitations": DEVELOPERS,
    "intended_use_confirmed_by": f"{OWNER} with the {CLINICAL}",
    "clinical_evaluation": CLINICAL,
    "risks": DEVELOPERS,
    "ethical_assessment": ETHICS,
    "deidentification": DATA,
    "consent": DATA,
    "withdrawal": DATA,
    "data_license": LEGAL,
    "weights_terms": LEGAL,
    "privacy_status": PRIVACY,
}
"""Keys of the texts about a data version, each with the role that confirms it for another one."""


class Strict(BaseModel):
    """Base of the structures of files: exactly these keys, of these types."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


T = TypeVar("T", bound=Strict)


class Risk(Strict):
    """A risk, what is done about it, and what remains."""

    risk: str
    severity: Literal["low", "medium", "high"]
    owner: str
    mitigation: str
    remains: str


class Reading(Strict):
    """What people saw in the pictures of a run, and the first digits of its weights' sha256."""

    weights: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")]
    text: str


class RoleHolder(Strict):
    """Who holds a role, and how to reach them."""

    name: str
    contact: str


class Checklist(Strict):
    """What the original checklist says of its network; the card computes departures from it."""

    side: int
    spacing_mm: float
    base_features: int
    blocks: int
    latent: int
    mapping_layers: int
    discriminator: str
    loss: str
    regularisation: str


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
    network: Checklist


class DeclaredFile(Strict):
    """The file's keys; those that may be empty are None."""

    data_version: str
    project_name: str
    report_version: str
    author: str | None
    date: str | None
    model_name: str
    model_description: str
    model_type: str
    model_version: str
    repository: str | None
    contact: str | None
    maintenance: str | None
    roles: dict[str, RoleHolder]
    selection_protocol: str
    contrast_and_stones: str | None
    annotation_protocol: str
    tuned_on_holdout: str | None
    scan_through_model: str
    intended_use: str
    intended_user: str
    out_of_scope: tuple[str, ...]
    limitations: tuple[str, ...]
    reading_of_pictures: Reading | None
    risks: tuple[Risk, ...]
    intended_use_confirmed_by: str | None
    clinical_evaluation: str | None
    ethical_assessment: str | None
    privacy_method: str
    deidentification: str | None
    consent: str | None
    withdrawal: str | None
    incidents: str | None
    code_license: str
    data_license: str | None
    weights_terms: str | None
    third_party_weights: str
    third_party_weights_license: str | None
    privacy_status: str | None
    regulatory_status: str | None
    marking_duty: str | None
    historical: Historical


class Declarations:
    """The declared values as facts.

    Args:
        path: of the file, relative to the repository root.
        declared: its content.
        data_version: of the card.
    """

    def __init__(self, path: str, declared: DeclaredFile, data_version: str) -> None:
        self.path = path
        self.content = declared
        self.data_version = data_version

    @property
    def roles(self) -> Mapping[str, RoleHolder]:
        """Who holds each role."""
        return self.content.roles

    def fact(self, key: str, label: str) -> Fact:
        """Return a required text; ``historical/ms_ssim`` is a key of a nested mapping."""
        return self.fact_at(tuple(key.split("/")), label)

    def fact_at(self, keys: tuple[str | int, ...], label: str) -> Fact:
        """Return the value at a path of names and list indices."""
        value: Any = self.content
        for key in keys:
            value = value[key] if isinstance(key, int) else getattr(value, key)
        source = f"{self.path}#/{'/'.join(map(str, keys))}"
        owner, other = OF_DATA.get(str(keys[0]), ""), self.content.data_version
        if not owner or other == self.data_version:
            owner = other = ""
        return Fact(
            label, value, "declared", (source,), owner=owner, exact=True, declared_for=other
        )

    def fact_or_absent(self, key: str, label: str, owner: str, missing: str) -> Fact:
        """Return a text; if it is missing, an absent fact with the role that has to supply it."""
        if getattr(self.content, key) is None:
            return absent(label, owner, missing)
        return self.fact(key, label)

    def each(self, key: str, label: str) -> list[Fact]:
        """Return the texts of a list."""
        return [self.fact_at((key, at), label) for at in range(len(getattr(self.content, key)))]


def read(root: Path, path: Path, data_version: str) -> Declarations:
    """Read and check the declared texts.

    Args:
        root: repository root.
        path: of the file, relative to root.
        data_version: of the card.

    Raises:
        UsageError: not YAML, an unknown, missing or mistyped key, a placeholder, or a role that
            there is not.
    """
    hint = "the pipeline measures facts, they cannot be declared"
    found = checked(root, path, DeclaredFile, hint)
    used = [("roles", role) for role in found.roles]
    used += [(f"risks.{number}.owner", risk.owner) for number, risk in enumerate(found.risks)]
    for key, role in used:
        if role not in ROLES:
            raise UsageError(f"{path}: {key}: {role!r} is none of: {', '.join(ROLES)}")
    return Declarations(path.as_posix(), found, data_version)


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
