"""The verdict of the privacy tests, in sentences with their limits, computed from the values."""

from collections.abc import Sequence

from syda.metrics.privacy_results import (
    AUTHENTIC,
    COPIES,
    MEMBERSHIP,
    NEARER,
    RATIO,
    Audit,
    Finding,
)

RARE = 0.025
"""Probability below which chance does not explain a value."""

FAR_RATIO = 1.2
"""Times the held-out scans' distance to training scans: beyond it the absolute tests are weak."""

MORE_COPIES = "more copies than held-out scans"
MUCH_NEARER = "a volume much nearer than any held-out scan"
"""Findings of the absolute tests."""

CLOSE = 0.5
"""Times the closest held-out scan's distance: below it a single volume is a sign of copying."""


def sentence(audits: Sequence[Audit]) -> str:
    """Return whether a test found copies, what it can miss, and what was not tested.

    Args:
        audits: one or more.
    """
    signs = [f"{audit.title}, {sign}" for audit in audits for sign in signs_of_copying(audit)]
    if signs:
        opening = (
            f"There are signs that synthetic volumes repeat training scans ({'; '.join(signs)})."
        )
    elif not any(audit.testable for audit in audits):
        opening = (
            "Copies are not testable by distance: every volume lies farther from the training "
            "scans than any held-out scan."
        )
    else:
        opening = "No test found signs of copying, but at this sample size none can exclude copies."
    return " ".join([opening, *map(_figures, audits), *_limits(audits)])


def copies_found(audits: Sequence[Audit]) -> list[str]:
    """The absolute tests that found copies, in words; a release is refused for them.

    A relative test says that the weights know their training scans. These say that a volume is one.

    Args:
        audits: one or more.
    """
    return [
        f"{audit.title}: {sign}"
        for audit in audits
        for sign in signs_of_copying(audit)
        if sign in (MORE_COPIES, MUCH_NEARER)
    ]


def signs_of_copying(audit: Audit) -> list[str]:
    """Tests that found copying; among so many, one does so by chance now and then.

    A relative test finds copying where its value is above what chance gives for members alone; an
    absolute one where held-out scans would hardly get such a value. One copy among many volumes
    moves no share, so the closest volume is tested by itself.
    """
    findings, closest = audit.findings, audit.closest
    ratio = findings[RATIO]
    found = {
        "volumes nearer to training scans than held-out scans are": (
            ratio.value < ratio.reference["control_low"]
        ),
        "nearer to training than to held-out scans": _above_chance(findings[NEARER]),
        "training scans told apart from held-out ones": _above_chance(findings[MEMBERSHIP]),
        "fewer authentic volumes than held-out scans": findings[AUTHENTIC].reference["p"] < RARE,
        MORE_COPIES: findings[COPIES].reference["p"] < RARE,
        MUCH_NEARER: (closest["synthetic"] < CLOSE * closest["holdout"]),
    }
    return [sign for sign, is_there in found.items() if is_there]


def _above_chance(finding: Finding) -> bool:
    return finding.value > finding.reference["control_high"]


def _figures(audit: Audit) -> str:
    nearer, member = audit.findings[NEARER], audit.findings[MEMBERSHIP]
    copies, ratio = audit.findings[COPIES], audit.findings[RATIO]
    share = (
        f"share of copies {copies.value:.2f} (up to {copies.high:.2f} cannot be excluded)"
        if audit.testable
        else "share of copies not testable, since every volume is farther away than any held-out "
        "scan"
    )
    return (
        f"Distances {audit.title}: the nearest training scan is {ratio.value:.2f} times as far as "
        f"that of held-out scans (95 % interval {ratio.low:.2f} to {ratio.high:.2f}, "
        f"{_chance(ratio)}); {share}; share nearer to training than to held-out "
        f"scans {nearer.value:.2f} ({_chance(nearer)}); AUC of the membership test "
        f"{member.value:.2f} (95 % interval {member.low:.2f} to {member.high:.2f}, "
        f"{_chance(member)})."
    )


def _chance(finding: Finding) -> str:
    low, high = finding.reference["control_low"], finding.reference["control_high"]
    return f"by chance {low:.2f} to {high:.2f}"


def _limits(audits: Sequence[Audit]) -> list[str]:
    far = [
        f"{audit.median['synthetic'] / audit.median['holdout']:.1f} times as far ({audit.title})"
        for audit in audits
        if audit.median["synthetic"] > FAR_RATIO * audit.median["holdout"]
    ]
    weak = (
        "Synthetic volumes lie farther from training scans than held-out scans do, "
        f"{' and '.join(far)}: a copy with the generator's own faults would not count as a copy."
    )
    untested = (
        f"This is no proof of privacy: {audits[0].volumes} were looked at; distances of whole "
        "volumes miss a copied detail and a shifted or mirrored copy; no attack on the weights was "
        "made."
    )
    return [weak, untested] if far else [untested]
