import dataclasses

import numpy as np
import pytest

from syda.phantom import cohort, scanner

PROTOCOL = cohort.SCANNERS["base"].protocol


def noise_of(protocol, side=128, slices=12, girth=1.0):
    empty = np.zeros((slices, side, side))
    return scanner.reconstruct(
        empty, 390 / protocol.matrix, protocol, girth, np.random.default_rng(5)
    )


def test_noise_is_zero_mean_and_of_the_stated_strength():
    noise = noise_of(PROTOCOL)
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(PROTOCOL.noise, rel=0.03)
    assert noise_of(PROTOCOL, girth=1.2).std() == pytest.approx(1.44 * PROTOCOL.noise, rel=0.03)


@pytest.mark.parametrize("group", ["base", "added"])
def test_noise_is_correlated_in_plane_and_not_across_slices(group):
    noise = noise_of(cohort.SCANNERS[group].protocol)
    variance = (noise**2).mean()
    for axis in (1, 2):
        assert (noise * np.roll(noise, 1, axis)).mean() / variance > 0.2
    assert abs((noise[1:] * noise[:-1]).mean() / variance) < 0.03


def test_the_sharp_kernel_has_finer_noise():
    def neighbour(group):
        noise = noise_of(cohort.SCANNERS[group].protocol)
        return (noise * np.roll(noise, 1, 2)).mean() / (noise**2).mean()

    assert neighbour("added") < neighbour("base")


def test_noise_power_falls_towards_zero_frequency():
    power = (np.abs(np.fft.fft2(noise_of(PROTOCOL))) ** 2).mean(axis=0)
    assert power[0, 1:3].mean() < 0.1 * power[0, 15:25].mean()


def test_kernel_keeps_the_mean_and_blurs_an_edge():
    quiet = dataclasses.replace(PROTOCOL, noise=0.0, blur=1.5)
    step = np.zeros((1, 64, 64))
    step[:, :, 16:48] = 100
    seen = scanner.reconstruct(step, 2.0, quiet, 1.0, np.random.default_rng(0))
    assert seen.mean() == pytest.approx(50)
    assert seen[0, 32, 32] == pytest.approx(100, abs=0.5)
    assert 5 < seen[0, 32, 15] < 45


def test_scan_geometry(supine):
    subject, volume = supine
    assert volume.hu.shape == (192, 192, 40)
    assert volume.hu.dtype == np.int16
    assert volume.spacing == pytest.approx((PROTOCOL.pixel(subject),) * 2 + (5.0,))
    middle = volume.affine @ [95.5, 95.5, 19.5, 1]
    assert np.abs(middle[:3]).max() < 15


def test_the_body_fills_the_field(supine):
    subject, volume = supine
    field = volume.spacing[0] * 192
    assert 0.78 < 2 * subject.half_width / field < 0.96
    body = (volume.hu > -300).mean(axis=(1, 2))
    assert body[0] < 0.1
    assert body[-1] < 0.1


def test_same_generator_same_bytes_and_another_differs():
    tiny = dataclasses.replace(PROTOCOL, matrix=48, spacing=30.0)
    drawn = cohort.sample_subject(np.random.default_rng(1), "HFS")
    once, again, other = (
        scanner.scan(drawn, tiny, 6, np.random.default_rng(seed)).hu for seed in (1, 1, 2)
    )
    assert np.array_equal(once, again)
    assert (once != other).mean() > 0.3
