"""How a cohort compares with what it is intended to be: counts for the report, and warnings.

The counts are of patients, and go through statistical disclosure control. Nothing is excluded here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from syda import disclosure_control
from syda.dicom import cross_section, enhancement
from syda.dicom.config import SelectParams
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.selection import contrast_differs

ABDOMINAL = frozenset(
    {"ABDOMEN", "ABDOMENPELVIS", "CHESTABDOMEN", "CHESTABDPELVIS"}
    | {"NECKCHESTABDOMEN", "NECKCHESTABDPELV"}
    | {"EPIGASTRIC", "FLANK", "LHYPOCHONDRIAC", "LLQ", "LLUMBAR", "LUQ", "RETROPERITONEUM"}
    | {"RHYPOCHONDRIAC", "RLQ", "RLUMBAR", "RUQ", "UMBILICAL"}
    | {"ADRENAL", "APPENDIX", "BILEDUCT", "BILIARYTRACT", "COMMONBILEDUCT", "GALLBLADDER", "KIDNEY"}
    | {"LIVER", "MORISONSPOUCH", "PANCBILEDUCT", "PANCREAS", "PANCREATICDUCT", "SPLEEN"}
    | {"UPRURINARYTRACT", "URETER"}
    | {"ASCENDINGCOLON", "COLON", "DESCENDINGCOLON", "DUODENUM", "ILEUM", "JEJUNUM"}
    | {"LARGEINTESTINE", "SMALLINTESTINE", "STOMACH", "TRANSVERSECOLON"}
    | {"ABDOMINALAORTA", "AORTA", "CELIACA", "GASTRICV", "HEPATICA", "HEPATICV", "INFMESA"}
    | {"INFVENACAVA", "LHEPATICV", "LPORTALV", "MESENTRICA", "MESENTRICV", "MIDHEPATICV"}
    | {"PORTALV", "RENALA", "RENALV", "RHEPATICV", "RPORTALV", "SMA", "SPLENICA", "SPLENICV"}
)
"""Terms of Body Part Examined for scans that hold the abdomen."""

_STATED = {True: "given", False: "not given", None: "not stated"}
_SHOWN = {True: "enhanced", False: "not enhanced", None: "unclear"}


def is_other_region(facts: CohortFacts) -> bool:
    """Return whether a scan is not of the abdomen: by its header, or else by its cross-section."""
    if facts.body_part is not None:
        return facts.body_part not in ABDOMINAL
    return cross_section.is_narrow(facts.cross_section_mm2)


def shows_contrast(facts: CohortFacts) -> bool:
    """Return whether voxels show contrast agent or, where these are unclear, the header states it.

    A header that denies it is not believed against the voxels.
    """
    shown = enhancement.is_enhanced(facts.enhanced_share)
    return bool(facts.contrast if shown is None else shown or facts.contrast)


def counts(cases: Sequence[Outcome], params: SelectParams) -> dict[str, Any]:
    """Count the patients of converted cases by body part and contrast agent, as far as told.

    Args:
        cases: outcomes of converted cases.
        params: rules and intention of the cohort.
    """
    scans = [one.facts for one in cases if one.facts is not None]
    everyone = {facts.patient for facts in scans}

    def part(chosen: Sequence[CohortFacts]) -> int | str:
        return disclosure_control.count_part(everyone, {facts.patient for facts in chosen})

    def table(values: Sequence[str]) -> disclosure_control.CellCounts:
        pairs = zip((facts.patient for facts in scans), values, strict=True)
        return disclosure_control.count_patients(pairs)

    region, agent = _not_intended(scans, params)
    return {
        "body_part": table([disclosure_control.cell_name(f.body_part) for f in scans]),
        "contrast": table([_STATED[f.contrast] for f in scans]),
        "enhancement": table(
            [_SHOWN[enhancement.is_enhanced(f.enhanced_share)] for f in scans]
        ),
        "burned_in_annotation": table([f.burned_in or "not stated" for f in scans]),
        "recognizable_features": table([f.recognizable or "not stated" for f in scans]),
        "synthetic_data": table([f.synthetic or "not stated" for f in scans]),
        "contrast_differs": part([f for f in scans if contrast_differs(f, params)]),
        "derived": part([f for f in scans if f.derived]),
        "not_intended": {
            "region": part(region), "contrast": part(agent), "patients": part([*region, *agent]),
        },
    }  # fmt: skip


def warnings(cases: Sequence[Outcome], params: SelectParams) -> Iterator[str]:
    """Yield a line for each way in which converted cases are not what they should be."""
    scans = [one.facts for one in cases if one.facts is not None]
    region, agent = _not_intended(scans, params)
    differing = [f for f in scans if contrast_differs(f, params)]
    for found, what in (
        (region, f"are not of the {params.intended_region}, by header or size of the body"),
        (agent, "show or state contrast agent, which convert.select.intended_contrast excludes"),
        (differing, "have voxels that show contrast agent otherwise than header or rule say"),
    ):
        if found:
            yield f"{len(found)} of {len(scans)} cases {what}: .syda/cases-*.json names them"


def _not_intended(
    scans: Sequence[CohortFacts], params: SelectParams
) -> tuple[list[CohortFacts], list[CohortFacts]]:
    """Return the cases of another region, and those with contrast agent, against the intention."""
    region = params.intended_region == "abdomen"
    contrast = params.intended_contrast == "without"
    return (
        [facts for facts in scans if region and is_other_region(facts)],
        [facts for facts in scans if contrast and shows_contrast(facts)],
    )
