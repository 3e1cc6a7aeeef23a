"""The card as CHAI applied model card, version 0.2 (XML).

The frame ``chai`` of the crosswalk lists the elements in the order of the schema; its fields are
the content. An element that the schema asks for and the card cannot fill says why.
"""

import json
import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from syda.card.exports.crosswalk import Frame, FrameItem
from syda.card.exports.values import CardValues, words
from syda.card.facts import BANNER, Fact, row_names

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"

OPTIONAL = {
    "ReleaseInfo/EHRCompatibility",
    "ReleaseInfo/RegulatoryApproval",
    "TrustIngredients/AISystemFacts/FoundationModels",
    "TrustIngredients/AISystemFacts/Security",
    "TrustIngredients/AISystemFacts/Transparency",
    "TrustIngredients/TransparencyInformation/ThirdPartyInformation",
    "Resources/EvaluationReferences",
    "Resources/ClinicalTrial",
    "Resources/ReimbursementStatus",
    "Signature",
}
"""Elements that the schema does not ask for: left out where no field answers."""

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no place for (section 2.2)."""


def document(frame: Frame, values: CardValues) -> bytes:
    """Return the XML.

    Args:
        frame: ``chai`` of the crosswalk; an id is the path of an element.
        values: of the card.
    """
    root = Element("AppliedModelCard", {"xmlns": NAMESPACE})
    for item in frame.items:
        if item.fields or item.id not in OPTIONAL:
            _fill(_at(root, item.id), item, values)
    indent(root)
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _at(root: Element, path: str) -> Element:
    """The element at a path, made with its parents where it is not there yet."""
    element = root
    for name in path.split("/"):
        found = element.find(name)
        element = SubElement(element, name) if found is None else found
    return element


def _fill(element: Element, item: FrameItem, values: CardValues) -> None:
    if element.tag == "Keywords":
        for field in item.fields:
            SubElement(element, "Keyword").text = _clean(values.text(field))
    elif element.tag == "Results":
        for label, value in _results(item, values):
            result = SubElement(element, "MetricResult")
            SubElement(result, "Label").text = _clean(label)
            SubElement(result, "ValueJson").text = json.dumps(value, ensure_ascii=True)
    else:
        text = _text(item, values)
        is_summary = item.id == "ModelSummary/Summary"
        element.text = _clean(f"{BANNER}\n{text}" if is_summary else text)


def _text(item: FrameItem, values: CardValues) -> str:
    if not item.fields:
        return item.reason
    first, *more = item.fields
    if not more and first not in values.tables and not item.partly:
        return values.text(first)
    lines = [line for field in item.fields for line in values.lines(field)]
    return "\n".join([*lines, item.reason] if item.partly else lines)


def _results(item: FrameItem, values: CardValues) -> list[tuple[str, object]]:
    """Label and value of each fact, and of each row of a table."""
    found: list[tuple[str, object]] = []
    for field in item.fields:
        if fact := values.facts.get(field):
            label = f"{fact.label}, {fact.unit}" if fact.unit else fact.label
            found.append((label, _plain(fact)))
        rows = values.tables.get(field, ())
        for name, row in zip(row_names(rows), rows, strict=True):
            cells = {column: _plain(cell) for column, cell in row.items() if cell != ""}
            found.append((f"{field}.{name}", cells))
    return found


def _plain(cell: Fact | str) -> object:
    """The raw value of a cell, or what is missing in words."""
    return cell.value if isinstance(cell, Fact) and not cell.missing else words(cell)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
