"""Base of the JSON files of a study."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from syda.errors import CorruptData


class StrictModel(BaseModel):
    """Strict types, finite numbers, frozen, unknown keys refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


ModelT = TypeVar("ModelT", bound=StrictModel)


def read_json(path: Path, model: type[ModelT], what: str) -> ModelT:
    """Read a JSON file.

    Args:
        path: of the file.
        model: its structure.
        what: the file should be, for the error.

    Raises:
        CorruptData: the file is unreadable or has another structure.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CorruptData(f"{path}: {error.strerror}: give the {what}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, fault["loc"])) or "file"
        raise CorruptData(f"{path}: no {what}: {at}: {fault['msg']}") from error
