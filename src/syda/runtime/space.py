"""Free disk space, looked at before work whose need is known."""

import os
import shutil
from pathlib import Path

from syda.errors import SydaError


def require(folder: Path, need: int, stage: str) -> None:
    """Refuse to begin what would not fit.

    Args:
        folder: where the files will be; it exists.
        need: bytes, as near as can be told ahead.
        stage: for the message.

    Raises:
        SydaError: less is free there.
    """
    free = shutil.disk_usage(folder).free
    if free < need:
        raise SydaError(
            f"{stage}: needs about {_megabytes(need)} in {os.path.relpath(folder.parent)}, "
            f"{_megabytes(free)} are free there: free some space and run it again"
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
