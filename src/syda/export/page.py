"""The pages of a release, from templates."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from syda.card.facts import NOT_FOR_DIAGNOSIS
from syda.export.metadata import ReleasedModel
from syda.properties.schema import unit_of

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(name: str, model: ReleasedModel) -> str:
    """Fill a template.

    Args:
        name: file below ``templates``.
        model: that is released.
    """
    space, sampler = model.generator.space, model.generator.sampler
    values: dict[str, Any] = {
        "card": model.card,
        "not_for_diagnosis": NOT_FOR_DIAGNOSIS,
        "terms": model.terms(),
        "allow_copies": model.allow_copies,
        "weights_sha256": model.generator.weights_sha256,
        "size": space.size,
        "spacing_mm": space.spacing_mm,
        "numbers": sampler.conditions.numbers,
        "categories": sampler.conditions.terms,
        "unit_of": unit_of,
    }
    return _TEMPLATES.get_template(name).render(values)
