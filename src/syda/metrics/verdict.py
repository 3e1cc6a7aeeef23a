"""What the privacy tests say, in sentences with their limits, computed from the figures."""

from collections.abc import Sequence

from syda.metrics.privacy import AUTHENTIC, COPIES, MEMBERSHIP, NEARER, Audit, Finding

RARE = 0.025
"""Probability below which chance is no explanation."""

FAR = 1.2
"""Times the held-out scans' distance to training scans beyond which the absolute tests are weak."""

CLOSE = 0.5
"""Times the closest held-out scan's distance below which a single volume is a sign."""


def sentence(audits: Sequence[Audit]) -> str:
    """Say whether a test found copies, what it could have missed, and what was not tested.

    Args:
        audits: one or more.
    """
    signs = [f"{audit.title}, {sign}" for audit in audits for sign in signs_of_copying(audit)]
    opening = (
        f"There are signs that synthetic volumes repeat training scans ({'; '.join(signs)})."
        if signs
        else "No test found that synthetic volumes repeat training scans, and none excludes it."
    )
    return " ".join([opening, *map(_figures, audits), *_limits(audits)])


def signs_of_copying(audit: Audit) -> list[str]:
    """Tests that found copying; of so many, chance alone makes one do so now and then.

    A relative test does where its figure is above what chance makes of members alone, an absolute
    one where held-out scans would hardly get such a figure. One copy among many volumes would move
    no share, so the closest volume is looked at by itself.
    """
    findings, closest = audit.findings, audit.closest
    found = {
        "nearer to training than to held-out scans": _above_chance(findings[NEARER]),
        "training scans told apart from held-out ones": _above_chance(findings[MEMBERSHIP]),
        "fewer authentic volumes than held-out scans": findings[AUTHENTIC].beside["p"] < RARE,
        "more copies than held-out scans": findings[COPIES].beside["p"] < RARE,
        "a volume much nearer than any held-out scan": (
            closest["synthetic"] < CLOSE * closest["holdout"]
        ),
    }
    return [sign for sign, is_there in found.items() if is_there]


def _above_chance(finding: Finding) -> bool:
    return finding.value > finding.beside["control_high"]


def _figures(audit: Audit) -> str:
    nearer, member = audit.findings[NEARER], audit.findings[MEMBERSHIP]
    copies = audit.findings[COPIES]
    return (
        f"Distances {audit.title}: share of copies {copies.value:.2f} "
        f"(up to {copies.high:.2f} cannot be excluded); share nearer to training than to held-out "
        f"scans {nearer.value:.2f} ({_chance(nearer)}); AUC of the membership test "
        f"{member.value:.2f} (95 % interval {member.low:.2f} to {member.high:.2f}, "
        f"{_chance(member)})."
    )


def _chance(finding: Finding) -> str:
    low, high = finding.beside["control_low"], finding.beside["control_high"]
    return f"by chance {low:.2f} to {high:.2f}"


def _limits(audits: Sequence[Audit]) -> list[str]:
    far = [
        f"{audit.median['synthetic'] / audit.median['holdout']:.1f} times as far ({audit.title})"
        for audit in audits
        if audit.median["synthetic"] > FAR * audit.median["holdout"]
    ]
    weak = (
        "Synthetic volumes lie farther from training scans than held-out scans do, "
        f"{' and '.join(far)}: a copy with the generator's own faults would not count as a copy."
    )
    volumes = audits[0].findings[COPIES].n
    untested = (
        f"This is no proof of privacy: {volumes} volumes were looked at; distances of whole "
        "volumes miss a copied detail and a shifted or mirrored copy; no attack on the weights was "
        "made."
    )
    return [weak, untested] if far else [untested]
