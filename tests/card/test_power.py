import numpy as np
import pytest
from scipy import stats

from syda.card import power


def test_the_smallest_difference_is_found_with_the_power_that_it_claims():
    generator = np.random.default_rng(7)
    first, second = 20, 30
    shift = power.smallest_difference(first, second)
    a = generator.normal(size=(4000, first))
    b = generator.normal(loc=shift, size=(4000, second))
    found = stats.ttest_ind(a, b, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("volumes", "held_out", "nearer"), [(96, 21, 1), (40, 12, 0)])
def test_one_copy_fewer_would_not_have_been_found(volumes, held_out, nearer):
    count = round(power.smallest_share_of_copies(volumes, held_out, nearer) * volumes)
    law = stats.nhypergeom(volumes + held_out, volumes, nearer + 1)
    assert law.sf(count - 1) < 0.025 <= law.sf(count - 2)


def test_a_loss_of_authentic_volumes_is_the_smallest_that_is_found():
    loss = power.smallest_loss_of_authentic(96, 21, 10)
    count = round((10 / 21 - loss) * 96)
    p = [
        stats.fisher_exact([[n, 96 - n], [10, 11]], alternative="less").pvalue
        for n in (count, count + 1)
    ]
    assert p[0] < 0.025 <= p[1]
    assert power.smallest_loss_of_authentic(2, 2, 1) == np.inf
