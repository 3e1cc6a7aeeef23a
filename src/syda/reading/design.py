"""Design of a reader study: which volumes, in which order for each reader, and which twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from syda.errors import UsageError

VolumeKind = Literal["real", "synthetic"]

MAX_READERS = 50


@dataclass(frozen=True)
class StudyDesign:
    """Size of a study.

    Attributes:
        readers: number of them.
        volumes: number of them, half of them real.
        repeats: volumes that each reader sees a second time.
        seed: of the selection and of the orders.
    """

    readers: int = 3
    volumes: int = 40
    repeats: int = 8
    seed: int = 7

    def check(self) -> None:
        """Check the sizes.

        Raises:
            UsageError: they allow no study.
        """
        if not 1 <= self.readers <= MAX_READERS:
            raise UsageError(f"reader-study: --readers {self.readers}: give 1 to {MAX_READERS}")
        if self.volumes < 4 or self.volumes % 2:
            raise UsageError(
                f"reader-study: --volumes {self.volumes}: give an even number of 4 or more, half "
                "of the volumes are real"
            )
        if not 0 <= self.repeats <= self.volumes // 3:
            raise UsageError(
                f"reader-study: --repeats {self.repeats}: give 0 to {self.volumes // 3}, only "
                "volumes of the first third are repeated"
            )
        if self.seed < 0:
            raise UsageError(f"reader-study: --seed {self.seed}: give 0 or more")


@dataclass(frozen=True)
class Showing:
    """A volume at one point of a reader's order.

    Attributes:
        volume: its number in the study, from 0.
        repeat: the reader has seen it before.
    """

    volume: int
    repeat: bool


def choose(names: Sequence[str], count: int, seed: int, kind: VolumeKind) -> list[str]:
    """Choose volumes at random, without replacement.

    Args:
        names: of all volumes of the kind.
        count: number to choose.
        seed: of the study.
        kind: of the volumes; each kind has random numbers of its own.

    >>> choose(["a", "b", "c"], 2, 7, "real") == choose(["c", "b", "a"], 2, 7, "real")
    True

    Raises:
        UsageError: there are not so many.
    """
    if len(names) < count:
        raise UsageError(
            f"reader-study: {len(names)} {kind} volumes are here, the study needs {count}: give "
            f"--volumes {2 * len(names)} or fewer"
        )
    stream = 0 if kind == "real" else 1
    chosen = np.random.default_rng([seed, stream]).choice(sorted(names), count, replace=False)
    return [str(name) for name in chosen]


def order(design: StudyDesign, reader: int) -> list[Showing]:
    """Order of the volumes for one reader.

    A repeated volume is one of the first third, and is shown again in the second half: at least a
    sixth of the volumes lie between.

    Args:
        design: of the study.
        reader: number of the reader, from 1.

    Returns:
        ``volumes + repeats`` showings.
    """
    generator = np.random.default_rng([design.seed, 2, reader])
    volumes = generator.permutation(design.volumes)
    again = generator.permutation(volumes[: design.volumes // 3])[: design.repeats]
    half = design.volumes // 2
    first = [Showing(int(volume), repeat=False) for volume in volumes[:half]]
    second = [Showing(int(volume), repeat=False) for volume in volumes[half:]]
    second += [Showing(int(volume), repeat=True) for volume in again]
    return first + [second[at] for at in generator.permutation(len(second))]
