"""Check of the free disk space before large work."""

import os
import shutil
from pathlib import Path

from syda.errors import SydaError


def require_free(folder: Path, need: int, stage: str) -> None:
    """Fail if the disk has less than ``need`` bytes free.

    Args:
        folder: where the files will be; it exists.
        need: estimated size in bytes.
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
