"""Find signs of contrast agent in a header: descriptions, agent, route, volume, flow and dose.

Only the result leaves this module, no text. An empty agent proves nothing, because many scanners
never fill it: the result is then None and not False. The description of the series is believed
first, because scanners copy the agent of an examination to its series without contrast.
"""

import re
import unicodedata

from pydicom.dataset import Dataset

from syda.dicom import header

_TEXT_AGENT = ("ContrastBolusAgent", "ContrastBolusRoute")
_NUMERIC_AGENT = ("ContrastBolusVolume", "ContrastFlowRate", "ContrastBolusTotalDose")

_NO_AGENT = re.compile(
    r"(none|no|n|n a|na|0|(no|non|without|w o|wo)( contrast\w*)?( given)?|w o|nil)"
)
"""Entries that mean that no agent was given, as words."""

_SIGNS = (
    (r"\bw ?/ ?o\b", " wo "),
    (r"\bc ?[+-] ?/ ?-? ?c?\+?(?![a-z])", " cplus "),  # C-/C+, C+/-: both, read as with
    (r"\b(c|iv|km)\b ?\(?\+\)?(?![a-z])|(?<![\w])\(?\+\)? ?(c|iv|km)\b", " cplus "),
    (r"\b(c|iv|km)\(?-\)?(?![a-z0-9])|(?<!\S)\(?-\)?(c|iv|km)(?!\S)", " cminus "),
    (r"\bi\. ?v\.", " iv "),
)
"""Signs that have a meaning, before other signs become spaces."""

_FOREIGN_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "ß": "ss", "æ": "ae"})

_NOUN = (
    r"(((oral|iv|ev|and|or|agent|injected) )*"
    r"(contrast\w*|contrat|contr?|cont|con|kontrast\w*|km|kon|mdc|pdc|civ|iv|enh\w*|inj(ect\w*)?|c))"
    r"\b(?! (spine|arm)\b)"
)
_AND = r"( (and|or|y|e|et|und|en|och|puis|then))?"
_PAIRS = (
    ("with|w|avec|mit|met|med", "without|wo|w o|sans|ohne|zonder|utan"),
    ("con|com", "sin|senza|sem"),
)
_BOTH = re.compile(
    "|".join(rf"\b({x}){_AND} ({y})\b" for pair in _PAIRS for x, y in (pair, pair[::-1]))
    + r"|\bwwo\b|\bvnc\b|\bvirtual (non|un) ?(contrast|enhanced)"
)
"""With and without, in either order; or a virtual image without it, made from one with it."""

_WITHOUT = re.compile(
    r"\b(non?|un|without|wo|w o|pre|before|sans|avant|ohne|vor|sin|senza|sem|zonder|utan|uden|bez) "
    + _NOUN
    + r"|\b(non?|un|pre)(contrast\w*|con|enh\w*|inject\w*)\b|\bo km\b|\bs (c|mdc|contrast\w*)\b"
    r"|\b(ncct|nect|nonc|nc|tnc|woc|spc|smdc|cminus|plain|nativ\w*|unenh\w*|blanco|basale?)\b"
    r"|\b(tac|tc|ct|abdomen|fase) simple\b|\bkontrastsiz\b"
    r"|\b(wo|without)\b|\bpre( \d|$)|\bбез контраст\w*|\bнативн\w*|平扫|单纯|単純"
)
_WITH = re.compile(
    # phases
    r"\b(arterial\w*|arteriel\w*|arterios[ao]|art|artarfas|portal\w*|portaal|porto\w*|pv|pvp|hap"
    r"|venous|venos\w*|venoes|ven|venfas|veneus\w*|veineu\w*|nephro|nephrogra\w*|corticomedullary"
    r"|excretory|urogra\w*|ctu|delay(ed|s)?|equilibri\w*|tardi\w*|spa?e?tphase"
    r"|(tri|bi|multi|dual)phas\w*|(late|hepatic|pancreatic|parenchymal) phase)\b"
    # examinations and injections
    r"|\b(angio\w*|cta|ctpa|perfusion|bolus\w*|(?<!guided )inj(ect\w*)?|cect|ce ct|cplus)\b"
    # contrast
    r"|\b(post)?(contrast\w*|kontrast\w*)|(?<!edge )\benhan\w*|\b(km|mdc|pdc|civ)\b"
    r"|\b(with|w|post|nach|after|apres|avec|mit|m|con|com|met|med|cum|z) "
    + _NOUN
    + r"|\bc (c|mdc)\b"
    r"|\b(with|w|post|con)( \d|$)"
    # agents
    r"|\b(omnipaque|omni|visipaque|isovue|ultravist|optiray|iomeron|imeron|xenetix|accupaque|oxilan"
    r"|gastrografin|io(hexol|pamidol|dixanol|promide|versol|meprol|bitridol))\b"
    r"|контраст\w*|артериальн\w*|венозн\w*|增强|动脉期|静脉期|门脉期|延迟期|造影"
)


def contrast(dataset: Dataset) -> bool | None:
    """Return whether contrast agent was given.

    Args:
        dataset: header of one slice (PS3.3 C.7.6.4 Contrast/Bolus, C.7.3.1 General Series, C.7.2.1
            General Study).

    Returns:
        The first statement among: the description of the series; an agent that was given; a
        protocol with contrast; an agent that was not given, or a protocol without contrast; the
        description of the study. None if there is no statement.
    """
    series, protocol, study = (
        contrast_of_text(header.text(dataset, keyword))
        for keyword in ("SeriesDescription", "ProtocolName", "StudyDescription")
    )
    if series is not None:
        return series
    agent = _agent(dataset)
    if agent or protocol:
        return True
    return study if agent is None and protocol is None else False


def contrast_of_text(text: str) -> bool | None:
    """Return whether a description states contrast (True), denies it (False), or neither (None).

    A text that names images both with and without contrast states it.
    """
    words = _words(text)
    if _BOTH.search(words):
        return True
    rest, denials = _WITHOUT.subn(" ; ", words)
    if _WITH.search(rest):
        return True
    return False if denials else None


def _words(text: str) -> str:
    """Return a text in lower case without accents: words and numbers with one space between."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_FOREIGN_LETTERS))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("_", " ")
    for pattern, words in _SIGNS:
        plain = re.sub(pattern, words, plain)
    return " ".join(re.findall(r"[^\W\d_]+|\d+", plain))


def _agent(dataset: Dataset) -> bool | None:
    """Return whether the Contrast/Bolus Module names an agent, or says that there was none."""
    items = header.value(dataset, "ContrastBolusAgentSequence") or ()
    texts = [_words(header.text(dataset, keyword)) for keyword in _TEXT_AGENT]
    texts += [_words(header.text(item, "CodeMeaning")) or "coded" for item in items]
    stated = [text for text in texts if text]
    if any(not _NO_AGENT.fullmatch(text) for text in stated):
        return True
    if any(_is_positive(header.value(dataset, keyword)) for keyword in _NUMERIC_AGENT):
        return True
    return False if stated else None


def _is_positive(value: object) -> bool:
    """Return whether a number, or one of several, is above zero."""
    several = [value] if isinstance(value, str | int | float) else value
    try:
        return any(float(one) > 0 for one in several or ())  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return False
