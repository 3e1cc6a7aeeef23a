import dataclasses

import numpy as np
import pytest
from ruamel.yaml import YAML

from syda.errors import CheckFailed
from syda.sampling import gate
from syda.sampling.gate import Fault, Gate, Rules
from syda.sampling.sampler import Sample
from syda.types import Volume

SIDE = 32
X, Y, Z = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 3, indexing="ij")


@pytest.fixture
def rules(repository):
    """Those of the repository's params.yaml."""
    document = YAML(typ="safe").load((repository / "params.yaml").read_text(encoding="utf-8"))
    told = document["generate"]["gate"]
    told.pop("max_rejected_share")
    return Rules(**told)


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
    assert gate.faults(hu, rules) == []
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
        (two_bodies(), {Fault.PIECES}),
        (crumbs(), {Fault.PIECES}),
        (hole_to_the_outside(), {Fault.OPEN}),
        (against_the_rim(), {Fault.BORDER}),
        (saturated(), {Fault.HU_RANGE}),
        (no_air(), {Fault.HU_RANGE, Fault.BORDER}),
        (filled(-1000), {Fault.HU_RANGE, Fault.CONSTANT, Fault.NO_BODY}),
        (filled(0), {Fault.HU_RANGE, Fault.CONSTANT, Fault.BORDER}),
        (body(0.2, 0.2), {Fault.NO_BODY}),
        (np.random.default_rng(0).integers(-1000, 1000, (SIDE,) * 3, np.int16), {Fault.HU_RANGE}),
    ],
    ids=["two bodies", "crumbs", "hole", "rim", "saturated", "no air", "air", "water", "small",
         "noise"],
)  # fmt: skip
def test_faults_are_named(hu, expected, rules):
    found = set(gate.faults(hu, rules))
    assert expected <= found
    if expected != {Fault.HU_RANGE} or hu.std() < 500:  # noise breaks others, too
        assert found == expected


def test_gas_and_lungs_inside_are_no_way_out(rules):
    hu = body()
    hu[12:20, 14:18, 10:20] = -1000
    assert gate.measure(hu).open_share == 0
    assert gate.faults(hu, rules) == []


def test_a_hole_is_measured_by_what_the_body_spans():
    """A 4 x 4 body with an open notch of 2 x 1 in its side: body in front and behind."""
    hu = np.full((6, 6, 2), -1000, np.int16)
    hu[1:5, 1:5, 0] = 40
    hu[3:5, 3, 0] = -1000  # from the middle to the right
    assert gate.measure(hu).open_share == pytest.approx(2 / 16)


def test_a_volume_cropped_to_the_body_needs_other_rules(rules):
    hu = body(1.3, 1.3)[6:-6, 6:-6]
    hu[:2] = -300  # skin
    loose = dataclasses.replace(rules, min_air_border_share=0, p0_5_hu=[-1000, 0])
    assert Fault.BORDER in gate.faults(hu, rules)
    assert gate.faults(hu, loose) == []


def draws(bad):
    """A generator whose volumes of some seeds are faulty, and the seeds that it was asked for."""
    asked = []

    def draw(seed):
        asked.append(seed)
        return Sample(seed, 32, {}, Volume(two_bodies() if seed in bad else body(), np.eye(4)))

    return draw, asked


def test_the_seeds_that_follow_stand_in_for_rejected_ones(rules):
    draw, asked = draws({1, 4})
    kept = Gate(rules, 0.5)
    assert [sample.seed for sample in kept.passing(draw, [0, 1, 2, 3])] == [0, 5, 2, 3]
    assert asked == [0, 1, 4, 5, 2, 3]
    assert kept.counts() == {
        "drawn": 6,
        "rejected": 2,
        "reasons": {
            "hu_range": 0,
            "constant": 0,
            "no_body": 0,
            "pieces": 2,
            "open": 0,
            "border": 0,
        },
        "rejected_seeds": {"1": ["pieces"], "4": ["pieces"]},
    }
    assert kept.told() == "the gate rejected 2 of 6 volumes (pieces 2)"


def test_a_volume_counts_for_each_rule_that_it_breaks(rules):
    kept = Gate(rules, 0.5)
    draw = {0: filled(-1000), 1: body()}
    volumes = (Sample(seed, 32, {}, Volume(hu, np.eye(4))) for seed, hu in draw.items())
    assert len(list(kept.passing(lambda _: next(volumes), [0]))) == 1
    counts = kept.counts()
    assert (counts["drawn"], counts["rejected"], sum(counts["reasons"].values())) == (2, 1, 3)


@pytest.mark.parametrize(
    ("share", "bad", "enough"),
    [(0.2, {0, 4}, False), (0.2, {0}, True), (0.0, {3}, False), (0.0, set(), True)],
)
def test_a_share_of_all_drawn_may_be_rejected(share, bad, enough, rules):
    draw, _ = draws(bad)
    passing = Gate(rules, share).passing(draw, [0, 1, 2, 3])
    if enough:
        assert len(list(passing)) == 4
    else:
        told = rf"gate rejected {len(bad)} of .* \(pieces {len(bad)}\).*share of {share:g} may be"
        with pytest.raises(CheckFailed, match=told):
            list(passing)
