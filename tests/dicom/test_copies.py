import numpy as np

from syda.dicom import copies
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Reason


def case(number, fingerprint, patient="p1"):
    facts = CohortFacts(f"c{number}", patient, 20, fingerprint=fingerprint)
    return Outcome(facts.case, patient, attributes={}, facts=facts)


def test_the_copy_whose_id_sorts_first_is_taken():
    rejected = Outcome("s7", reason=Reason.NOT_HU)
    given = [case(3, "a"), rejected, case(2, "b"), case(1, "a"), case(4, "a", "p2")]
    found = copies.exclude(given)
    assert [one.label for one in found] == [one.label for one in given]
    assert [(one.label, one.detail) for one in found if one.reason is Reason.SAME_VOXELS] == [
        ("c3", ""),
        ("c4", "of another patient"),
    ]
    assert copies.exclude(given[::-1]) == found[::-1]


def test_a_fingerprint_depends_on_voxels_shape_and_size_alone():
    grid = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    same = copies.fingerprint(grid, (1.0, 0.976, 0.976))
    assert copies.fingerprint(np.asfortranarray(grid), (1.0, 0.9765, 0.9761)) == same
    assert copies.fingerprint(grid, (1.0, 0.9, 0.9)) != same
    assert copies.fingerprint(grid.reshape(3, 2, 4), (1.0, 0.976, 0.976)) != same
    assert copies.fingerprint(grid + (grid == 5), (1.0, 0.976, 0.976)) != same
