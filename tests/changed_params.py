"""params.yaml with some keys changed."""

import functools
import importlib
import operator
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from syda import paths
from syda.params import Section

REPOSITORY = Path(__file__).parents[1]


def write(root: Path, changes: Mapping[str, object], source: Path = REPOSITORY) -> None:
    """Write the parameters of a repository into a folder, with changes ("section.key": value)."""
    yaml = YAML()
    document = yaml.load((source / paths.PARAMS).read_text(encoding="utf-8"))
    for name, value in changes.items():
        *sections, key = name.split(".")
        target = functools.reduce(operator.getitem, sections, document)
        assert key in target, f"no key {name}"
        target[key] = value
    with (root / paths.PARAMS).open("w", encoding="utf-8") as stream:
        yaml.dump(document, stream)


def section_class(stage: str) -> type[Section]:
    """The pydantic class of a stage's section, e.g. ``GalleryParams``."""
    module = vars(importlib.import_module(f"syda.stages.{stage}"))
    found: type[Section] = module.get(f"{stage.capitalize()}Params") or module["Params"]
    return found
