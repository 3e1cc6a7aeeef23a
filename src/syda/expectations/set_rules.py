"""Rules about a set: whole files, enough of them, described, split by patient, nothing twice."""

from dataclasses import dataclass

from syda.expectations.rules import AtLeast, Blank, Different, Readable, Rule, Within


@dataclass(frozen=True)
class Attributes:
    """How complete the facts of the acquisition should be.

    Attributes:
        names: those that each case should have.
        min_share: share of cases that should have all of them, 0 to 1.
    """

    names: tuple[str, ...]
    min_share: float


def readable() -> Rule:
    """Files are whole."""
    return Rule("readable", "Every file can be read.", Readable())


def indexed() -> Rule:
    """Records are whole, and those of the index."""
    return Rule("indexed", "Every record can be read and is what the index says.", Readable())


def described() -> Rule:
    """The pseudonyms and attributes that pack takes from beside a volume."""
    return Rule(
        "described",
        "Beside every volume lies a JSON file with case, patient and attributes, of the same case.",
        Blank("description_fault"),
    )


def complete(attributes: Attributes) -> Rule:
    """The facts of the acquisition that the generator can be asked for are known."""
    share, names = 100 * attributes.min_share, ", ".join(attributes.names)
    return Rule(
        "attributes",
        f"In {share:g} % of the cases or more all of these attributes are known: {names}.",
        Blank("attributes_missing", attributes.min_share),
        "warning",
    )


def at_least(count: int, split: str | None = None) -> Rule:
    """The set, or one split of it, is large enough."""
    where = f"The {split} split" if split else "The set"
    name = f"at_least_in_{split}" if split else "at_least"
    return Rule(name, f"{where} has {count} or more readable volumes.", AtLeast(count, split))


def splits(min_split: int) -> list[Rule]:
    """Both splits are there, and no patient is in both."""
    return [
        at_least(min_split, "train"),
        at_least(min_split, "holdout"),
        Rule(
            "patient_in_one_split",
            "No patient is in both the train and the holdout split.",
            Within(("splits_of_patient",), 1, 1, "per patient"),
        ),
    ]


def different_ids() -> Rule:
    """No id twice."""
    return Rule("unique_case", "No two volumes have the same case id.", Different("case"))


def different_content() -> Rule:
    """No scan twice under two ids."""
    return Rule(
        "unique_content",
        "No two volumes have the same voxels (no scan is in the set twice).",
        Different("sha256"),
    )
