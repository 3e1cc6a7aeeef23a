"""What a property is: its key, its unit, and the values that a scan can have.

The end of a key names the unit: ``_mm``, ``_hu`` or ``_share`` (0 to 1).
"""

import math
from dataclasses import fields

from syda.types import Properties

MEASURED = tuple(field.name for field in fields(Properties))
"""Keys of the properties that an image shows (:mod:`syda.properties.measured`)."""

_UNITS = {"_mm": "mm", "_hu": "HU", "_share": "1"}


def unit_of(key: str) -> str:
    """Return the unit of a property, ``1`` where it has none.

    >>> unit_of("body_width_mm"), unit_of("fat_share")
    ('mm', '1')
    """
    return next((unit for end, unit in _UNITS.items() if key.endswith(end)), "1")


def is_possible(key: str, value: float) -> bool:
    """Whether a scan can have a value: no negative number, no length of 0 mm, no share above 1.

    >>> is_possible("body_width_mm", 320), is_possible("fat_share", 1.2)
    (True, False)
    """
    highest = 1.0 if key.endswith("_share") else math.inf
    return 0 <= value <= highest and not (value == 0 and key.endswith("_mm"))
