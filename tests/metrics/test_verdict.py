from dataclasses import replace

import pytest

from syda.metrics import verdict
from syda.metrics.privacy_results import (
    AUTHENTIC,
    COPIES,
    MEMBERSHIP,
    NEARER,
    RATIO,
    Audit,
    Finding,
)

CHANCE = {"control": 0.5, "control_low": 0.32, "control_high": 0.67}
RANGE = {"control": 1.0, "control_low": 0.8, "control_high": 1.25}
FINDINGS = {
    RATIO: Finding(0.91, 0.7, 1.1, 32, RANGE),
    NEARER: Finding(0.55, 0.2, 0.9, 32, CHANCE),
    MEMBERSHIP: Finding(0.53, 0.38, 0.68, 64, CHANCE),
    AUTHENTIC: Finding(0.5, 0.32, 0.68, 32, {"real": 0.45, "p": 0.7}),
    COPIES: Finding(0.03, 0.0, 0.16, 32, {"real": 0.05, "p": 0.6}),
}
NEAR = {"synthetic": 50.0, "holdout": 55.0}
CLEAN = Audit("rms_hu", "voxel by voxel", "HU", FINDINGS, 41.0, NEAR, NEAR, (), {}, "32 draws")


def test_no_sign_is_no_proof() -> None:
    text = verdict.sentence([CLEAN])
    assert text.startswith(
        "No test found signs of copying, but at this sample size none can exclude copies."
    )
    assert "share of copies 0.03 (up to 0.16 cannot be excluded)" in text
    assert "AUC of the membership test 0.53 (95 % interval 0.38 to 0.68, by chance 0.32" in text
    assert "0.91 times as far as that of held-out scans (95 % interval 0.70 to 1.10, by" in text
    assert "no proof of privacy: 32 draws were looked at" in text
    assert "farther" not in text


@pytest.mark.parametrize(
    ("name", "finding", "sign"),
    [
        (RATIO, Finding(0.7, 0.6, 0.8, 32, RANGE), "volumes nearer to training scans than"),
        (NEARER, Finding(0.7, 0.4, 1.0, 32, CHANCE), "nearer to training"),
        (MEMBERSHIP, Finding(0.7, 0.4, 0.9, 64, CHANCE), "told apart"),
        (AUTHENTIC, Finding(0.2, 0.1, 0.4, 32, {"real": 0.45, "p": 0.02}), "fewer authentic"),
        (COPIES, Finding(0.2, 0.08, 0.4, 32, {"real": 0.05, "p": 0.02}), "more copies"),
    ],
)
def test_each_test_alone_is_a_sign(name: str, finding: Finding, sign: str) -> None:
    spoilt = replace(CLEAN, findings=FINDINGS | {name: finding})
    text = verdict.sentence([CLEAN, spoilt])
    assert text.startswith("There are signs that synthetic volumes repeat training scans (voxel")
    assert sign in text
    assert "No copies" not in text
    assert "no proof of privacy" in text


def test_where_all_is_far_away_nothing_is_passed() -> None:
    far_away = FINDINGS | {
        name: replace(FINDINGS[name], testable=False) for name in (RATIO, AUTHENTIC, COPIES)
    }
    far = replace(CLEAN, findings=far_away, title="perceptual")
    text = verdict.sentence([far])
    assert text.startswith("Copies are not testable by distance: every volume lies farther")
    assert "No copies" not in text
    assert "share of copies not testable" in text
    one_of_two = verdict.sentence([far, CLEAN])
    assert one_of_two.startswith("No test found signs of copying, but")
    assert "share of copies not testable" in one_of_two


def test_volumes_far_from_scans_weaken_the_verdict() -> None:
    far = replace(CLEAN, median={"synthetic": 80.0, "holdout": 50.0})
    assert "1.6 times as far (voxel by voxel)" in verdict.sentence([far])
