"""Sign-offs of sections: model_card/signoffs.yaml, each valid for the text that was signed.

A sign-off has the digest of the section's text, its part of the evidence included. If the text
changes, the digest differs, and the sign-off is stale.
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from syda.card.declared import Strict, checked
from syda.card.facts import ROLES, TITLES
from syda.errors import UsageError
from syda.runtime.digest import sha256_of

SECTIONS = tuple(number for number in TITLES if "." not in number)
"""The ten sections that can be signed off, each with its sub-sections."""


class SignOff(Strict):
    """The sign-off of one person for one section."""

    section: str
    name: str
    role: str
    date: datetime.date
    meaning: str
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    def as_json(self, *, stale: bool) -> dict[str, Any]:
        """Return the sign-off as plain data."""
        return self.model_dump(mode="json", exclude={"section"}) | {"stale": stale}


class SignOffs(Strict):
    """The file's only key."""

    signoffs: tuple[SignOff, ...]


def read(root: Path, path: Path) -> Sequence[SignOff]:
    """Read and check the sign-offs.

    Args:
        root: repository root.
        path: of the file, relative to root.

    Raises:
        UsageError: not YAML, an unknown, missing or mistyped key, a placeholder, or a section or
            role that there is not.
    """
    found = checked(root, path, SignOffs, "the comment above shows the form").signoffs
    for number, one in enumerate(found):
        for key, value, allowed in (("section", one.section, SECTIONS), ("role", one.role, ROLES)):
            if value not in allowed:
                raise UsageError(
                    f"{path}: signoffs.{number}.{key}: {value!r} is none of: {', '.join(allowed)}"
                )
    return found


def digest(text: str) -> str:
    """sha256 of a section's text, UTF-8, without the blank lines around it."""
    return sha256_of(text)
