"""params.yaml with some keys changed."""

import functools
import operator
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from syda import paths

REPOSITORY = Path(__file__).parents[1]


def write(root: Path, changes: Mapping[str, object], source: Path = REPOSITORY) -> None:
    """Write the parameters of a repository into a folder, with changes ("section.key": value)."""
    yaml = YAML()
    document = yaml.load((source / paths.PARAMS).read_text(encoding="utf-8"))
    for name, value in changes.items():
        *sections, key = name.split(".")
        place = functools.reduce(operator.getitem, sections, document)
        assert key in place, f"no key {name}"
        place[key] = value
    with (root / paths.PARAMS).open("w", encoding="utf-8") as stream:
        yaml.dump(document, stream)
