"""The seven Cs of FDA's scorecard: what each asks, and what the metrics do not show.

Source: Zamzmi et al., arXiv:2406.11143; Communications Engineering 4:130, 2025. Precision and
density stand with congruence: they ask whether volumes lie among scans, and know no rule.
"""

from dataclasses import dataclass

from syda.errors import CorruptData
from syda.metrics import registry


@dataclass(frozen=True)
class Criterion:
    """One of the seven.

    Attributes:
        number: of its section.
        title: its name.
        question: what it asks, in plain words.
        limits: what the figures below it do not show.
    """

    number: str
    title: str
    question: str
    limits: str


SEVEN = (
    Criterion(
        "D.1", "Congruence",
        "Are the synthetic volumes distributed as the scans are?",
        "Features of a network for photographs, HU and texture are not what a radiologist looks "
        "for, and a figure of whole volumes hides a small part that is wrong.",
    ),
    Criterion(
        "D.2", "Coverage",
        "Do they show the variety of the scans, and not a few of them over and over?",
        "The variety is that of the training scans at best. Anatomy, findings and scanners that "
        "these lack are missing without any figure saying so.",
    ),
    Criterion(
        "D.3", "Constraint",
        "Do they keep the rules of anatomy, physics and geometry?",
        "A rule sees what it was written for. Volumes that broke a rule of the gate were replaced, "
        "so the rejected share alone tells how often the generator breaks one.",
    ),
    Criterion(
        "D.4", "Completeness",
        "Is everything there that a volume needs to be used?",
        "That a volume and its files are whole says nothing of the organs in it.",
    ),
    Criterion(
        "D.5", "Compliance",
        "Are law, privacy and the forms of the field respected?",
        "No figure decides what the law asks for. The privacy tests exclude nothing.",
    ),
    Criterion(
        "D.6", "Comprehension",
        "Can a reader tell from this card how the data were made, and what they are for?",
        "A value that is there need not be understood; whether the card can be read is for its "
        "readers to say.",
    ),
    Criterion(
        "D.7", "Consistency",
        "Is the quality the same wherever one looks?",
        "The two splits are patients by chance. What holds for both need not hold for one sex, one "
        "age or one scanner, of which no figure tells.",
    ),
)  # fmt: skip

REQUIRED_ANSWERS = (
    ("how the data are made", "4.1", "loss"),
    ("which weights made them", "1", "weights_digest"),
    ("hyper-parameters", "4.4", "parameters"),
    ("seeds", "4.2", "seed"),
    ("the data behind them", "2.1", "version"),
    ("preprocessing", "4.2", "spacing"),
    ("a first evaluation", "5", "checklist"),
    ("what they are for", "6", "intended_use"),
    ("what they are not for", "6", "out_of_scope"),
    ("how privacy was looked at", "8", "privacy_method"),
    ("where the code is", "1", "repository"),
    ("libraries and their versions", "4.3", "python"),
)
"""The paper's list of what a reader must be told, and the field of this card that tells it."""

LAW_AND_PRIVACY = (
    ("consent", "9", "consent"),
    ("licence of the code", "10", "code_license"),
    ("terms of the data", "10", "data_license"),
    ("terms of the weights", "10", "weights_terms"),
    ("privacy status of the weights", "10", "privacy_status"),
    ("duty to mark synthetic images", "10", "marking_duty"),
    ("whether volumes repeat training scans", "8", "copies"),
)
"""What law and privacy ask, and the field of this card that answers."""


def criterion_of(key: str) -> Criterion:
    """Return the C of a metric, as its spec in ``metrics`` says.

    Raises:
        CorruptData: no metric has the key.
    """
    spec = registry.spec_of(key)
    if spec is None:
        raise CorruptData(f"no metric has the key {key} (metrics/registry.py): evaluate again")
    return next(one for one in SEVEN if one.title == spec.criterion)
