"""Nested mappings, such as the sections of params.yaml, as one flat mapping."""

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path of keys to each value of nested mappings; an empty mapping is a value."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*keys, str(key)))
    else:
        yield keys, value


def flatten(value: Mapping[str, Any]) -> dict[str, Any]:
    """Values of nested mappings by their keys, joined by dots.

    >>> flatten({"train": {"batch": 4, "adam": {"beta1": 0.0}}, "tune": {}})
    {'train.batch': 4, 'train.adam.beta1': 0.0, 'tune': {}}
    >>> flatten({})
    {}
    """
    return {".".join(keys): item for keys, item in leaves(value) if keys}
