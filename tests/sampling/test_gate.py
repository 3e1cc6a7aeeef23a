import numpy as np
import pytest

from syda.errors import CheckFailed
from syda.params import load
from syda.sampling import gate
from syda.sampling.config import GenerateParams
from syda.sampling.gate import QualityGate
from syda.sampling.gate import RejectionReason as Reason
from syda.sampling.sampler import Sample
from syda.types import Volume

SIDE = 32
X, Y, Z = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 3, indexing="ij")


@pytest.fixture
def rules(repository):
    """Those of the repository's params.yaml."""
    return load(repository).section("generate", GenerateParams).gate


def body(width=0.8, depth=0.6):
    """An ellipse of soft tissue in air with a spine and lungs, over the middle two thirds of k."""
    hu = np.full((SIDE,) * 3, -1000, np.int16)
    scanned = np.abs(Z) < 0.67
    hu[((X / width) ** 2 + (Y / depth) ** 2 < 1) & scanned] = 40
    hu[(X**2 + (Y + 0.35) ** 2 < 0.02) & scanned] = 400
    for side in (-0.35, 0.35):
        hu[((X - side) ** 2 + Y**2 < 0.04) & (Z > 0.3) & scanned] = -850
    return hu


def test_a_body_in_air_passes(rules):
    hu = body()
    assert gate.check(hu, rules) == []
    found = gate.measure(hu)
    assert (found.loose_share, found.open_share, found.air_border_share) == (0, 0, 1)
    assert found.body_share == np.mean(hu > -500)
    assert found.std_hu == pytest.approx(hu.std())


def two_bodies():
    hu = np.roll(body(0.4, 0.6), 8, axis=0)
    return np.maximum(hu, hu[::-1])


def crumbs():
    hu = body()
    hu[1:4, 1:6, 6:22] = 40
    return hu


def hole_to_the_outside():
    """A piece of the body is missing, from its middle to its side."""
    hu = body()
    hu[(X > 0) & (np.abs(Y) < 0.2)] = -1000
    return hu


def against_the_rim():
    return body(1.3, 1.3)


def saturated():
    hu = body()
    hu[hu > -500] = 1000
    return hu


def no_air():
    return np.maximum(body(), np.int16(-100))


def filled(value):
    return np.full((SIDE,) * 3, value, np.int16)


@pytest.mark.parametrize(
    ("hu", "expected"),
    [
        (two_bodies(), {Reason.PIECES}),
        (crumbs(), {Reason.PIECES}),
        (hole_to_the_outside(), {Reason.OPEN}),
        (against_the_rim(), {Reason.BORDER}),
        (saturated(), {Reason.HU_RANGE}),
        (no_air(), {Reason.HU_RANGE, Reason.BORDER}),
        (filled(-1000), {Reason.HU_RANGE, Reason.CONSTANT, Reason.NO_BODY}),
        (filled(0), {Reason.HU_RANGE, Reason.CONSTANT, Reason.BORDER}),
        (body(0.2, 0.2), {Reason.NO_BODY}),
        (np.random.default_rng(0).integers(-1000, 1000, (SIDE,) * 3, np.int16), {Reason.HU_RANGE}),
    ],
    ids=["two bodies", "crumbs", "hole", "rim", "saturated", "no air", "air", "water", "small",
         "noise"],
)  # fmt: skip
def test_faults_are_named(hu, expected, rules):
    found = set(gate.check(hu, rules))
    assert expected <= found
    if expected != {Reason.HU_RANGE} or hu.std() < 500:  # noise breaks others, too
        assert found == expected


def test_gas_and_lungs_inside_are_no_way_out(rules):
    hu = body()
    hu[12:20, 14:18, 10:20] = -1000
    assert gate.measure(hu).open_share == 0
    assert gate.check(hu, rules) == []


def test_a_hole_is_measured_by_what_the_body_spans():
    """A 4 x 4 body with an open notch of 2 x 1 in its side: body in front and behind."""
    hu = np.full((6, 6, 2), -1000, np.int16)
    hu[1:5, 1:5, 0] = 40
    hu[3:5, 3, 0] = -1000  # from the middle to the right
    assert gate.measure(hu).open_share == pytest.approx(2 / 16)


def test_a_volume_cropped_to_the_body_needs_other_rules(rules):
    hu = body(1.3, 1.3)[6:-6, 6:-6]
    hu[:2] = -300  # skin
    loose = rules.model_copy(update={"min_air_border_share": 0, "p0_5_hu": [-1000, 0]})
    assert Reason.BORDER in gate.check(hu, rules)
    assert gate.check(hu, loose) == []


def draws(bad):
    """A generator whose volumes of some seeds are faulty, and the seeds that it was seeds for."""
    seeds = []

    def draw(seed):
        seeds.append(seed)
        return Sample(seed, 32, {}, Volume(two_bodies() if seed in bad else body(), np.eye(4)))

    return draw, seeds


def test_the_seeds_that_follow_stand_in_for_rejected_ones(rules):
    draw, seeds = draws({1, 4})
    quality_gate = QualityGate(rules.model_copy(update={"max_rejected_share": 0.5}))
    assert [sample.seed for sample in quality_gate.passing(draw, [0, 1, 2, 3])] == [0, 5, 2, 3]
    assert seeds == [0, 1, 4, 5, 2, 3]
    assert quality_gate.counts() == {
        "drawn": 6,
        "rejected": 2,
        "reasons": {
            "hu_range": 0,
            "constant": 0,
            "no_body": 0,
            "pieces": 2,
            "open": 0,
            "border": 0,
            "copy": 0,
        },
        "rejected_seeds": {"1": ["pieces"], "4": ["pieces"]},
        "copy_check": {"checked": False, "why": gate.NO_COPY_CHECK},
    }
    assert quality_gate.describe() == "the gate rejected 2 of 6 volumes (pieces 2)"


def test_a_volume_counts_for_each_rule_that_it_breaks(rules):
    quality_gate = QualityGate(rules.model_copy(update={"max_rejected_share": 0.5}))
    draw = {0: filled(-1000), 1: body()}
    volumes = (Sample(seed, 32, {}, Volume(hu, np.eye(4))) for seed, hu in draw.items())
    assert len(list(quality_gate.passing(lambda _: next(volumes), [0]))) == 1
    counts = quality_gate.counts()
    assert (counts["drawn"], counts["rejected"], sum(counts["reasons"].values())) == (2, 1, 3)


class KnownScan:
    """Finds the volumes that have a voxel of 123 HU."""

    def is_copy(self, hu):
        return bool((hu == 123).any())

    def detail(self):
        return {"checked": True}

    def describe(self):
        return "copy check: known"


def test_a_copy_is_rejected_and_counted_beside_other_faults(rules):
    scan, both = body(), two_bodies()
    scan[16, 16, 16] = both[8, 16, 16] = 123
    volumes = {0: scan, 1: both, 2: body()}
    quality_gate = QualityGate(rules.model_copy(update={"max_rejected_share": 0.7}), KnownScan())
    draw = lambda seed: Sample(seed, 32, {}, Volume(volumes[seed], np.eye(4)))  # noqa: E731
    assert [sample.seed for sample in quality_gate.passing(draw, [0])] == [2]
    counts = quality_gate.counts()
    assert counts["rejected_seeds"] == {"0": ["copy"], "1": ["pieces", "copy"]}
    assert (counts["reasons"]["copy"], counts["reasons"]["pieces"]) == (2, 1)
    assert counts["copy_check"] == {"checked": True}
    assert quality_gate.copy_check == "passed"
    assert QualityGate(rules).copy_check == gate.NO_COPY_CHECK


def test_too_many_copies_fail(rules):
    quality_gate = QualityGate(rules.model_copy(update={"max_rejected_share": 0.25}), KnownScan())
    scan = body()
    scan[16, 16, 16] = 123
    volumes = (Sample(0, 32, {}, Volume(scan, np.eye(4))) for _ in range(9))
    with pytest.raises(CheckFailed, match=r"rejected 2 of 2 volumes \(copy 2\)"):
        list(quality_gate.passing(lambda _: next(volumes), [0, 1, 2]))


@pytest.mark.parametrize(
    ("share", "bad", "enough"),
    [(0.2, {0, 4}, False), (0.2, {0}, True), (0.0, {3}, False), (0.0, set(), True)],
)
def test_a_share_of_all_drawn_may_be_rejected(share, bad, enough, rules):
    draw, _ = draws(bad)
    quality_gate = QualityGate(rules.model_copy(update={"max_rejected_share": share}))
    passing = quality_gate.passing(draw, [0, 1, 2, 3])
    if enough:
        assert len(list(passing)) == 4
    else:
        message = (
            rf"gate rejected {len(bad)} of .* \(pieces {len(bad)}\).*share of {share:g} may be"
        )
        with pytest.raises(CheckFailed, match=message):
            list(passing)
