"""README.md of a release: a page of the Hugging Face Hub, filled from the card."""

import re
from typing import Any

from ruamel.yaml import YAML

from syda.export.metadata import ReleasedModel
from syda.export.page import render

LICENSES = {"Apache-2.0": "apache-2.0", "MIT": "mit", "CC0-1.0": "cc0-1.0"} | {
    f"CC-BY{more}-4.0": f"cc-by{more.lower()}-4.0" for more in ("", "-SA", "-NC", "-NC-SA", "-ND")
}
"""SPDX identifier of terms, and the Hub's name of the same."""

OTHER = "other"

FIELDS: dict[str, type] = {
    "language": list,
    "license": str,
    "license_name": str,
    "license_link": str,
    "library_name": str,
    "pipeline_tag": str,
    "tags": list,
    "inference": bool,
}
"""Fields of the front matter in use, and their types (huggingface.co/docs/hub/model-cards)."""


def front_matter(model: ReleasedModel) -> dict[str, Any]:
    """Return the metadata of the page."""
    granted = model.card.value("10.weights_terms")
    identifier = LICENSES.get(str(granted))
    terms = {"license": identifier} if identifier else {
        "license": OTHER,
        "license_name": "see-terms" if granted else "not-granted",
        "license_link": "README.md",
    }  # fmt: skip
    return {
        **terms,
        "library_name": "onnx",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["medical", "ct", "synthetic-data", "3d", "stylegan", "monai"],
        "inference": False,
    }


def faults(fields: dict[str, Any]) -> list[str]:
    """What is wrong with a front matter, a line each."""
    found = [f"{name}: not a documented field" for name in fields if name not in FIELDS]
    found += [
        f"{name}: must be a {FIELDS[name].__name__}"
        for name, value in fields.items()
        if name in FIELDS and not isinstance(value, FIELDS[name])
    ]
    other = fields.get("license") == OTHER
    if not other and fields.get("license") not in LICENSES.values():
        found.append("license: not an identifier of the Hub")
    named = {"license_name", "license_link"} & fields.keys()
    if len(named) != (2 if other else 0):
        found.append("license_name and license_link: they belong to license: other, both")
    name = str(fields.get("license_name", "a"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        found.append("license_name: must be a lower-case identifier")
    found += [
        f"tags: {tag!r} is no text" for tag in fields.get("tags", []) if not isinstance(tag, str)
    ]
    return found


def read_front_matter(page: str) -> dict[str, Any]:
    """The metadata of a page.

    Raises:
        ValueError: there is none.
    """
    found = re.match(r"---\n(.*?)\n---\n", page, re.DOTALL)
    if not found:
        raise ValueError("no front matter")
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(found[1])
    return content


def page(model: ReleasedModel) -> str:
    """Return the page."""
    lines = []
    for name, value in front_matter(model).items():
        if isinstance(value, list):
            lines += [f"{name}:", *(f"  - {item}" for item in value)]
        else:
            lines.append(f"{name}: {str(value).lower() if isinstance(value, bool) else value}")
    return "---\n" + "\n".join(lines) + "\n---\n\n" + render("README.md.j2", model)
