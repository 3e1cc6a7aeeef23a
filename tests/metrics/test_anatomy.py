"""Rules of anatomy on bodies of plain shapes, sound ones and such with a planted fault."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from syda.dicom import pixels, regrid, series, stack
from syda.metrics import anatomy_bands, outline
from syda.metrics.anatomy import Anatomy, measure
from syda.metrics.anatomy_bands import AnatomyBand
from syda.metrics.anatomy_rules import AnatomyRule
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid
from syda.metrics.metric import MetricContext
from syda.metrics.pass_rate import PassRate, RuleResults
from syda.types import Volume
from syda.volume import geometry
from syda.volume.model_space import ModelSpace
from syda.volume.resample import to_spacing
from syda.volume.transforms import encode

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
MakeCohort = Callable[..., Cohort]
SAMPLING = Sampling(0, 10, 200)
ONE_BODY, SPINE, LIVER, CONTINUOUS, VERTEBRAE, BONE, FAT = (
    "anatomy_one_body_r1", "anatomy_spine_r1", "anatomy_liver_right_r1", "anatomy_continuous_r1",
    "anatomy_vertebrae_r1", "anatomy_bone_band_p95", "anatomy_fat_band_p95",
)  # fmt: skip


class Body:
    """A trunk: fat, a wall of muscle, a cavity of fat with liver and spleen, and a spine.

    Its measures are random with a seed, and in the middle of their ranges without.
    """

    def __init__(self, size: int, seed: int | None = None) -> None:
        rng = np.random.default_rng(seed or 0)
        axis = (np.arange(size) + 0.5) * 2 / size - 1
        self.z, self.y, self.x = np.meshgrid(axis, axis, axis, indexing="ij")
        lowest, highest = np.array([[0.78, 0.58, 0.75, 0.11], [0.84, 0.62, 0.91, 0.13]])
        middle = (lowest + highest) / 2
        a, b, self.rim, self.bone = middle if seed is None else rng.uniform(lowest, highest)
        radius = np.hypot(self.x / a, self.y / b)
        trunk = np.abs(self.z) < 0.55
        self.fat = trunk & (radius <= 1)
        self.wall = trunk & (radius <= self.rim)
        self.cavity = trunk & (radius <= self.rim - 0.12)
        self.liver = self.cavity & (self.ball(0.35, 0.1, 0.25, 0.36) < 1)
        self.hu = np.full(self.x.shape, -1000.0)
        self.hu[self.fat] = -100
        self.hu[self.wall] = 50
        self.hu[self.cavity] = -90
        self.hu[self.cavity & (self.ball(-0.45, -0.1, 0.3, 0.14) < 1)] = 50
        self.hu[self.liver] = 55
        self.bones = 330 + 140 * np.cos(2 * np.pi * self.z / 0.16)
        self.hu = np.where(self.spine(-0.33), self.bones, self.hu)
        self.hu += rng.normal(0, 8, self.hu.shape) * self.fat

    def ball(self, x: float, y: float, z: float, radius: float) -> np.ndarray:
        return np.hypot(np.hypot(self.x - x, self.y - y), self.z - z) / radius

    def spine(self, y: float, wider: float = 1) -> np.ndarray:
        column = np.hypot(self.x, self.y - y) <= wider * self.bone
        return column & (np.abs(self.z) < 0.55)


def with_second_body(body: Body) -> np.ndarray:
    second = (body.y > 0.75) & (np.abs(body.x) < 0.5) & (np.abs(body.z) < 0.5)
    return np.where(second, 40, body.hu)


def with_a_crumb(body: Body) -> np.ndarray:
    crumb = (np.abs(body.x + 0.9) < 0.07) & (np.abs(body.y + 0.9) < 0.07) & (body.z > 0.8)
    return np.where(crumb, 40, body.hu)


def spine_removed(body: Body) -> np.ndarray:
    return np.where(body.spine(-0.33, 1.2), 40, body.hu)


def spine_in_front(body: Body) -> np.ndarray:
    return np.where(body.spine(0.33), body.bones, spine_removed(body))


def spine_with_a_gap(body: Body) -> np.ndarray:
    return np.where(np.abs(body.z - 0.15) < 0.1, spine_removed(body), body.hu)


def spine_at_the_side(body: Body) -> np.ndarray:
    aside = np.roll(np.where(body.spine(-0.33), body.bones, -1), len(body.hu) * 7 // 32, axis=2)
    return np.where(aside > 0, aside, spine_removed(body))


def vertebrae_fused(body: Body) -> np.ndarray:
    return np.where(body.spine(-0.33), 330, body.hu)


def mirrored(body: Body) -> np.ndarray:
    return body.hu[:, :, ::-1]


def upside_down(body: Body) -> np.ndarray:
    return body.hu[::-1]


def back_to_front(body: Body) -> np.ndarray:
    return body.hu[:, ::-1]


def liver_removed(body: Body) -> np.ndarray:
    return np.where(body.liver & ~body.spine(-0.33), -900, body.hu)


def low_slice(body: Body) -> int:
    return len(body.hu) * 10 // 32


def slice_shifted(body: Body) -> np.ndarray:
    hu = body.hu.copy()
    k = low_slice(body)
    hu[k] = np.roll(hu[k], len(hu) * 2 // 32, axis=1)
    return hu


def slice_emptied(body: Body) -> np.ndarray:
    hu = body.hu.copy()
    k = low_slice(body)
    hu[k : k + len(hu) // 32] = -1000  # a slice of the coarse grid
    return hu


def slice_frayed(body: Body) -> np.ndarray:
    return np.where((body.z < -0.5) & (body.y > 0.1), -1000, body.hu)


def fat_removed(body: Body) -> np.ndarray:
    return np.where((body.hu < -30) & (body.hu > -500), -20, body.hu)


def bone_doubled(body: Body) -> np.ndarray:
    return np.where(body.spine(-0.33, 1.6), body.bones, body.hu)


def nothing(body: Body) -> np.ndarray:
    return np.full_like(body.hu, -1000)


def a_speck(body: Body) -> np.ndarray:
    return np.where(body.ball(0, 0, 0, 0.2) < 1, 40, -1000)


FAULTS = {
    with_a_crumb: set(),
    with_second_body: {ONE_BODY},
    spine_in_front: {SPINE, VERTEBRAE},
    spine_at_the_side: {SPINE, VERTEBRAE},
    spine_with_a_gap: {SPINE},
    spine_removed: {SPINE, BONE, VERTEBRAE},
    vertebrae_fused: {VERTEBRAE},
    back_to_front: {SPINE, VERTEBRAE},
    mirrored: {LIVER},
    upside_down: {LIVER},
    liver_removed: {LIVER},
    slice_shifted: {CONTINUOUS},
    slice_frayed: {CONTINUOUS},
    slice_emptied: {CONTINUOUS, ONE_BODY},
    fat_removed: {FAT},
    bone_doubled: {BONE},
    a_speck: {ONE_BODY, SPINE, LIVER, CONTINUOUS, VERTEBRAE, BONE, FAT},
    nothing: {ONE_BODY, SPINE, LIVER, CONTINUOUS, VERTEBRAE, BONE, FAT},
}
"""Fault to the rules that it breaks. Without a spine there is less bone; an empty slice parts the
body in two."""


def in_model_range(volumes: list[np.ndarray]) -> np.ndarray:
    return np.clip(np.stack(volumes) / 1000, -1, 1).astype(np.float32)


def metrics(size: int) -> dict[str, AnatomyRule | AnatomyBand]:
    context = MetricContext(VoxelGrid(size, -1000, 1000))
    rules = {spec.key: AnatomyRule(context, spec) for spec in AnatomyRule.SPECS}
    return rules | {spec.key: AnatomyBand(context, spec) for spec in AnatomyBand.SPECS}


@pytest.fixture(scope="module", params=[32, 64])
def real(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """Sound bodies of both splits at two sizes of the cube."""
    bodies = in_model_range([Body(request.param, seed).hu for seed in range(30)])
    return {"train": bodies[:18], "holdout": bodies[18:]}


def test_a_fault_breaks_its_rule_and_no_other(
    real: dict[str, np.ndarray], as_cohort: MakeCohort
) -> None:
    size = real["train"].shape[1]
    faulty = [fault(Body(size)) for fault in FAULTS]
    cohorts = Cohorts(
        as_cohort("synthetic", in_model_range([*faulty, Body(size).hu])),
        {split: as_cohort(split, images) for split, images in real.items()},
    )
    broken: dict[str, set[str]] = {name: set() for name in cohorts.synthetic.names}
    for name, metric in metrics(size).items():
        figures = metric.measure(cohorts, SAMPLING)
        assert figures["holdout"].real.value >= (1 if metric.spec.aim == "higher" else 0.9)
        figure = figures["holdout"]
        assert isinstance(figure, PassRate)
        for volume in figure.detail()["failing"]["synthetic"]:
            broken[volume].add(name)
        share = 1 - len(figure.failing["synthetic"]) / len(broken)
        assert figure.synthetic.value == pytest.approx(share)
    found = dict(
        zip([fault.__name__ for fault in FAULTS] + ["sound"], broken.values(), strict=True)
    )
    assert found == {fault.__name__: rules for fault, rules in FAULTS.items()} | {"sound": set()}


def test_the_mirror_turns_the_balance_round() -> None:
    body = Body(32)
    here, there = measure(body.hu), measure(mirrored(body))
    assert here.liver_balance == -there.liver_balance > 0.8
    assert here.spine_share == there.spine_share == 1


def test_what_is_measured_in_a_trunk() -> None:
    body = Body(64)
    shown = measure(body.hu)
    assert shown.body_share == pytest.approx(body.fat.mean(), rel=0.05)  # on the coarse grid
    assert shown.whole_share == 1
    assert shown.bone_share == pytest.approx(body.spine(-0.33).sum() / body.fat.sum())
    fat = body.fat & ((body.hu >= -190) & (body.hu <= -30))
    assert shown.fat_share == pytest.approx(fat.sum() / body.fat.sum())
    assert shown.area_jump == shown.shift == 0


def test_a_shift_is_measured_in_widths() -> None:
    body = Body(64)
    shown = measure(slice_shifted(body))
    width = np.ptp(np.flatnonzero(body.fat.any(axis=(0, 1)))) + 1
    assert shown.shift == pytest.approx(4 / width)
    assert shown.area_jump == 0
    half = np.where((body.z < -0.5) & (body.y > 0), -1000, body.hu)
    assert measure(half).area_jump == pytest.approx(0.5, abs=0.01)


def test_without_a_body_each_measure_is_the_worst() -> None:
    assert measure(nothing(Body(32))) == Anatomy()
    assert measure(a_speck(Body(32))).body_share < 0.01


def test_the_coarse_grid_is_the_mean_of_blocks() -> None:
    hu = np.random.default_rng(0).normal(size=(64, 64, 64))
    low = outline.downsample(hu)
    assert low.shape == (32, 32, 32)
    assert low[3, 5, 31] == pytest.approx(hu[6:8, 10:12, 62:].mean())
    assert outline.downsample(low) is low


def test_an_outline_holds_what_it_encloses_and_its_largest_piece_alone() -> None:
    hu = np.full((6, 12, 12), -1000.0)
    hu[1:5, 2:9, 2:9] = 40
    hu[1:5, 4:6, 4:6] = -1000
    hu[1:5, 10, 10] = 40
    hu[5, 0, 0] = 40  # a crumb: no slice of the body
    expected = np.zeros(hu.shape, bool)
    expected[1:5, 2:9, 2:9] = True
    assert np.array_equal(outline.outline(hu), expected)
    assert outline.span(expected) == slice(1, 5)
    hu[4] = -1000
    assert not outline.outline(hu).any()  # three slices are no body


@pytest.mark.parametrize("size", [8, 16])
def test_a_cube_that_shows_too_little_has_no_figure(size: int, as_cohort: MakeCohort) -> None:
    images = in_model_range([Body(size, seed).hu for seed in range(12)])
    real = {split: as_cohort(split, images) for split in ("train", "holdout")}
    cohorts = Cohorts(as_cohort("synthetic", images), real)
    assert [metric.measure(cohorts, SAMPLING) for metric in metrics(size).values()] == [{}] * 7


def test_few_training_patients_have_no_band(
    real: dict[str, np.ndarray], as_cohort: MakeCohort
) -> None:
    size = real["train"].shape[1]
    patients = [str(min(n, 10)) for n in range(18)]
    cohorts = Cohorts(
        as_cohort("synthetic", real["holdout"]),
        {"train": as_cohort("train", real["train"], patients)},
    )
    for name, metric in metrics(size).items():
        assert (metric.measure(cohorts, SAMPLING) == {}) == (name in {BONE, FAT})


def test_the_band_by_hand() -> None:
    low, high = anatomy_bands.band(np.array([1.0, np.nan, 2, 3]))
    half = 4.302652729911275 * np.sqrt(4 / 3)  # t of 2 degrees of freedom, deviation 1
    assert (low, high) == pytest.approx((2 - half, 2 + half))


def test_the_band_covers_what_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(2000):
        *values, further = rng.normal(0.04, 0.01, 13)
        low, high = anatomy_bands.band(np.array(values))
        inside.append(low <= further <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_a_training_scan_is_held_against_the_other_patients(
    as_cohort: MakeCohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two scans of one patient with twice the fat: within a band of their own making."""
    shares = [*np.linspace(0.2, 0.3, 11), 0.6, 0.6]
    context = MetricContext(VoxelGrid(32, -1000, 1000))
    monkeypatch.setattr(
        context.anatomy, "of", lambda cohort: [Anatomy(fat_share=s) for s in shares[-len(cohort) :]]
    )
    empty = np.zeros((13, 1, 1, 1), np.float32)
    patients = [*map(str, range(11)), "twice", "twice"]
    real = {"train": as_cohort("train", empty, patients), "holdout": as_cohort("holdout", empty)}
    cohorts = Cohorts(as_cohort("synthetic", empty[:2]), real)
    figures = AnatomyBand(context, AnatomyBand.SPECS[1]).measure(cohorts, SAMPLING)
    assert figures["train"].synthetic.value == figures["holdout"].real.value == 1
    assert figures["train"].real.value == pytest.approx(11 / 13)
    assert set(figures["train"].detail()["failing"]["real"]) == {"train-11", "train-12"}


def test_absent_tissue_is_outside_a_band_that_reaches_below_zero(
    as_cohort: MakeCohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [0.0, None, *np.linspace(0.001, 0.2, 12)]
    context = MetricContext(VoxelGrid(32, -1000, 1000))
    monkeypatch.setattr(
        context.anatomy, "of", lambda cohort: [Anatomy(bone_share=s) for s in shares[: len(cohort)]]
    )
    empty = np.zeros((14, 1, 1, 1), np.float32)
    cohorts = Cohorts(as_cohort("synthetic", empty[:3]), {"train": as_cohort("train", empty)})
    figure = AnatomyBand(context, AnatomyBand.SPECS[0]).measure(cohorts, SAMPLING)["train"]
    failing = figure.detail()["failing"]["synthetic"]
    assert set(failing) == {"synthetic-0", "synthetic-1"}
    assert failing["synthetic-0"]["low"] < 0
    assert failing["synthetic-1"]["share"] is None


def test_a_share_of_all_has_an_interval_and_patients_are_drawn_together(
    as_cohort: MakeCohort,
) -> None:
    """Of n of n, the deviation of Beta(n + 1/2, 1/2)."""
    many = Sampling(0, 10, 20000)
    images = np.zeros((20, 1, 1, 1), np.float32)
    cohort = as_cohort("synthetic", images)
    every = RuleResults(cohort, np.ones(20, bool), [{}] * 20).share(many)
    variance = 20.5 * 0.5 / (21**2 * 22)
    assert (every.value, every.n) == (1, 20)
    assert every.standard_error == pytest.approx(np.sqrt(variance), rel=0.05)
    half = np.arange(20) < 10
    alone = RuleResults(cohort, half, [{}] * 20).share(many)
    pairs = as_cohort("synthetic", images, [str(n // 2) for n in range(20)])
    together = RuleResults(pairs, half, [{}] * 20).share(many)
    assert alone.value == together.value == 0.5
    assert together.standard_error > 1.25 * alone.standard_error


def test_limits_are_those_of_the_edition() -> None:
    """The keys carry the edition: change it with a limit, and this table with both."""
    limits = {rule.key: {**rule.at_least, **rule.at_most} for rule in AnatomyRule.SPECS}
    assert limits == {
        "anatomy_one_body_r1": {"body_share": 0.05, "whole_share": 0.97},
        "anatomy_spine_r1": {"spine_share": 0.8},
        "anatomy_liver_right_r1": {"liver_balance": 0.2, "liver_share": 0.01},
        "anatomy_continuous_r1": {"area_jump": 0.1, "shift": 0.04},
        "anatomy_vertebrae_r1": {"vertebra_regularity": 0.65, "vertebra_contrast": 45.0},
    }


def from_dicom(name: str, folder: Path) -> Volume:
    with tarfile.open(DATA / "abdomen" / f"{name}.tar.xz") as tar:
        tar.extractall(folder)  # a pinned file of the tests; `filter` needs Python 3.11.4
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    stacked = stack.arrange(series.read_slices(files), 16, fill_one_missing_slice=False)
    planes = pixels.Planes(stacked.slices, -1024, 3071)
    return geometry.to_ras(*regrid.to_grid(planes, stacked))


def from_nifti(name: str, _: Path) -> Volume:
    image = nib.load(DATA / "nifti" / f"{name}.nii.gz")
    hu = np.clip(np.asarray(image.dataobj), -1024, 3071).astype(np.int16)
    return geometry.to_ras(hu, image.affine)


@pytest.mark.skipif(
    not (DATA / "abdomen").is_dir(),
    reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/abdomen is missing)",
)
@pytest.mark.parametrize(
    ("read", "name", "without_vertebrae"),
    [
        (from_dicom, "abd-noncontrast-acrin001", {32}),
        (from_dicom, "abd-contrast-crlm1004", set()),
        (from_nifti, "example_ct", {32}),
        (from_nifti, "example_ct_sm", {32, 128}),  # 9 cm: shorter than four vertebrae
    ],
)
def test_real_abdomens_keep_every_rule_and_mirrored_ones_all_but_one(
    read: Callable[[str, Path], Volume], name: str, without_vertebrae: set[int], tmp_path: Path
) -> None:
    """Voxels of 11 and 16 mm show vertebrae of people too weakly."""
    scan = to_spacing(read(name, tmp_path), 1.5)
    for size in (32, 128):
        image = encode(scan, ModelSpace(size, 1.5, -1000, 1000))[0]
        hu = image.astype(np.float64) * 1000
        blind = {VERTEBRAE} if size in without_vertebrae else set()
        assert {rule.key for rule in AnatomyRule.SPECS if not rule.holds(measure(hu))} == blind
        turned = measure(hu[:, :, ::-1])
        failed = {rule.key for rule in AnatomyRule.SPECS if not rule.holds(turned)}
        assert failed == {LIVER} | blind
