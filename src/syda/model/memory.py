"""Freed feature maps stay with the process, so that the next step or sample finds its pages there.

glibc hands large blocks back to the system and asks for them again at each operation; clearing
their pages took a tenth of a training step at 32 voxels a side and a quarter at 64.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt``."""


def keep() -> None:
    """Keep freed memory for this process; nothing where the C library is another one than glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
