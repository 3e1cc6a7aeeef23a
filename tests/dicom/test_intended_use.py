"""The counts of a report are in tests/stages/test_convert_cohort.py."""

from dataclasses import replace

import pytest

from syda.dicom import intended_use
from syda.dicom.description import BODY_PARTS
from syda.dicom.facts import CohortFacts

FACTS = CohortFacts(
    *("c0123456789abcdef", "p1"),
    slices=20, modality="CT", spacing_mm=5.0, length_mm=200.0, oblique_degrees=0.0,
)  # fmt: skip


def test_the_terms_of_the_abdomen_are_defined_terms():
    assert intended_use.ABDOMINAL < BODY_PARTS


@pytest.mark.parametrize(
    ("part", "other"),
    [
        *((part, False) for part in ("ABDOMEN", "CHESTABDPELVIS", "PANCREAS", "SPLEEN", "COLON")),
        *((part, True) for part in ("CHEST", "PELVIS", "HEAD", "LSPINE", "THORACICAORTA", "ARM")),
    ],
)
def test_a_body_part_is_of_the_abdomen_or_not(part, other):
    assert intended_use.is_other_region(replace(FACTS, body_part=part)) is other
