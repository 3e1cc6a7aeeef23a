"""SYDA, Synthetic Data Shadow: governed synthetic CT.

docs/api.md shows how to use the names below. ``import syda`` loads none of its libraries: a name
is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syda.api import convert_series, evaluate, read_records
    from syda.metrics.evaluation import Evaluation
    from syda.records.schema import Record
    from syda.sampling.generation import LoadedGenerator, load_generator
    from syda.sampling.sampler import Sample
    from syda.types import Volume
    from syda.volume.model_space import ModelSpace
    from syda.volume.transforms import as_image, model_transforms

__all__ = [
    "Evaluation",
    "LoadedGenerator",
    "ModelSpace",
    "Record",
    "Sample",
    "Volume",
    "as_image",
    "convert_series",
    "evaluate",
    "load_generator",
    "model_transforms",
    "read_records",
]

_MODULES = {
    "convert_series": "syda.api",
    "evaluate": "syda.api",
    "read_records": "syda.api",
    "Evaluation": "syda.metrics.evaluation",
    "Record": "syda.records.schema",
    "LoadedGenerator": "syda.sampling.generation",
    "load_generator": "syda.sampling.generation",
    "Sample": "syda.sampling.sampler",
    "Volume": "syda.types",
    "ModelSpace": "syda.volume.model_space",
    "as_image": "syda.volume.transforms",
    "model_transforms": "syda.volume.transforms",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
