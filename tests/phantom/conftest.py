from functools import cache

import pytest

from syda.phantom import cohort, scanner
from syda.phantom.subject import Subject, sample_subject
from syda.types import Volume

SEED = 20261122


@cache
def scan(group, index, position):
    """A scan of a cohort member in a position of the test's choice."""
    member = cohort.Member(SEED, group, index)
    rng = member.generator()
    subject = sample_subject(rng, position)
    volume = scanner.scan(subject, cohort.SCANNERS[group].protocol, 40, rng)
    return subject, volume


@pytest.fixture(scope="session")
def supine() -> tuple[Subject, Volume]:
    return scan("base", 0, "HFS")


@pytest.fixture(scope="session")
def prone() -> tuple[Subject, Volume]:
    return scan("added", 0, "HFP")
