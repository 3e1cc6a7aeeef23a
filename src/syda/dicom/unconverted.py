"""What a run did not convert, in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from syda.dicom.outcome import Outcome
from syda.dicom.reject import Reason


def summary(outcomes: Sequence[Outcome], ignored: Mapping[Reason, int], hint: str) -> str:
    """Return what was not converted, for the line of a successful run."""
    excluded = sum(one.excluded for one in outcomes)
    rejected = sum(one.reason is not None for one in outcomes) - excluded
    left_out = sum(one.left_out for one in outcomes)
    parts = [f"{rejected} rejected"]
    parts += [f"{excluded} excluded"] * bool(excluded)
    parts += [f"{left_out} images left out"] * bool(left_out)
    files = sum(ignored.values())
    parts += [f"{files} files ignored ({listed(ignored)})"] * bool(files)
    return ", ".join(parts) + hint


def hint_of_single_images(
    groups: Mapping[str, Sequence[Path]], series: Sequence[Sequence[Outcome]], min_slices: int
) -> str:
    """Return a note if many series hold one image each, or an empty text.

    Args:
        groups: files of each series, by SeriesInstanceUID.
        series: outcomes of each series, ordered by UID.
        min_slices: fewer such series are no sign of lost UIDs.
    """
    single = sum(
        len(groups[uid]) == 1 and all(one.reason is Reason.TOO_FEW_SLICES for one in outcomes)
        for uid, outcomes in zip(sorted(groups), series, strict=True)
    )
    if single < min_slices:
        return ""
    return (
        f"; {single} series hold one image each: their slices seem to have lost the common "
        "SeriesInstanceUID, so restore it"
    )


def listed(counts: Mapping[Any, int | str]) -> str:
    """Return counts as text, sorted by name."""
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
