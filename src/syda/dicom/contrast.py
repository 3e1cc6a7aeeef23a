"""Find signs of contrast agent in a header: agent, route, series description, protocol.

Only the result leaves this module, no text. An empty agent proves nothing, because many scanners
never fill it: the result is then None and not False.
"""

import re

from pydicom.dataset import Dataset

from syda.dicom import header

_NO_AGENT = frozenset({"NONE", "NO", "N", "NO CONTRAST", "WITHOUT", "W O", "N A", "NA", "0"})
"""Entries that mean that no agent was given, without punctuation."""

_BOTH = re.compile(r"\b(w|with)( and)? (wo|w o|without)\b")
_WITHOUT = re.compile(
    r"\b(non?|without|w o|wo|pre|sans|ohne|sin|senza)( iv)? (contrast\w*|enhanced|km|mdc|c)\b"
    r"|\b(non?|un|pre)(contrast\w*|enhanced)\b"
    r"|\b(ncct|nect|nativ\w*|plain|wo|without)\b"
    r"|(?<!\S)c-(?!\S)"
)
_WITH = re.compile(
    r"\b(arterial\w*|portal|porto\w*|venous|ven|nephrogra\w*|excretory|urograph\w*|delayed|delay"
    r"|angio\w*|cta|contrast\w*|enhanced|cect|km|mdc|post (iv|c)|kontrast\w*)\b"
    r"|(?<!\S)(c\+|\+c)(?!\S)"
)
_AGENT = ("ContrastBolusAgent", "ContrastBolusRoute")
_DESCRIPTIONS = ("SeriesDescription", "ProtocolName")


def contrast(dataset: Dataset) -> bool | None:
    """Return whether contrast agent was given.

    Args:
        dataset: header of one slice (PS3.3 C.7.6.4 Contrast/Bolus, C.7.3.1 General Series).

    Returns:
        True if any text says so, False if a text denies it, otherwise None.
    """
    agents = {
        " ".join(re.findall(r"[A-Z0-9]+", header.text(dataset, keyword).upper()))
        for keyword in _AGENT
    } - {""}
    if agents - _NO_AGENT:
        return True
    described = " ".join(header.text(dataset, keyword) for keyword in _DESCRIPTIONS).lower()
    words = " ".join(re.findall(r"[a-z0-9]+(?:[+-](?![a-z0-9]))?|\+c\b", described))
    rest, denials = _WITHOUT.subn(" ", words)
    if _BOTH.search(words) or _WITH.search(rest):
        return True
    return False if denials or agents else None
