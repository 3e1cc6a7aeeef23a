"""The body: its largest piece and what it encloses, drawn by hand and against flood fills."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from syda.volume.body import Mask, filled, largest_piece

MASKS = arrays.arrays(bool, st.tuples(*[st.integers(1, 4)] * 3))


def drawn(*slices: str) -> Mask:
    """Slices ``[k, j, i]``, rows divided by blanks, # for tissue."""
    return np.array([[[c == "#" for c in row] for row in one.split()] for one in slices])


def reached(free: Mask, steps: list[tuple[int, int, int]], start: set[tuple[int, ...]]) -> Mask:
    """What a walk in single steps over free voxels reaches, written without a library's labels."""
    found = np.zeros_like(free)
    edge = {voxel for voxel in start if free[voxel]}
    while edge:
        for voxel in edge:
            found[voxel] = True
        neighbours = {tuple(np.add(voxel, step)) for voxel in edge for step in steps}
        edge = {
            voxel
            for voxel in neighbours
            if all(0 <= x < n for x, n in zip(voxel, free.shape, strict=True))
            and free[voxel]
            and not found[voxel]
        }
    return found


FACES = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]


def test_gas_belongs_to_the_body_where_a_slice_closes_round_it() -> None:
    ring = "##### #...# #.#.# #...# #####"
    gap = "##### #...# #.#.. #...# #####"
    body = drawn(ring, gap)
    expected = np.stack([np.ones((5, 5), bool), body[1]])
    assert np.array_equal(filled(body), expected)


def test_air_does_not_leak_over_a_corner() -> None:
    assert filled(drawn(".#. #.# .#."))[0].sum() == 5


def test_a_slice_without_the_body_encloses_nothing() -> None:
    assert not filled(np.zeros((2, 3, 4), bool)).any()


def test_a_cut_by_the_field_encloses_nothing() -> None:
    body = drawn("#..# #..# ####")
    assert np.array_equal(filled(body), body)


def test_pieces_that_touch_by_an_edge_are_two() -> None:
    mask = drawn("##.. ##.. ..##")
    assert np.array_equal(largest_piece(mask), drawn("##.. ##.. ...."))


@pytest.mark.parametrize("shape", [(3, 3, 3), (1, 1, 1)])
def test_nothing_has_no_piece(shape: tuple[int, int, int]) -> None:
    assert not largest_piece(np.zeros(shape, bool)).any()


@given(MASKS)
@settings(deadline=None)
def test_the_piece_is_one_walk_and_no_walk_is_longer(mask: Mask) -> None:
    walks: list[Mask] = []
    for voxel in map(tuple, np.argwhere(mask)):
        if not any(walk[voxel] for walk in walks):
            walks.append(reached(mask, FACES, {voxel}))
    piece = largest_piece(mask)
    if walks:
        assert any(np.array_equal(piece, walk) for walk in walks)
    assert piece.sum() == max((walk.sum() for walk in walks), default=0)


@given(MASKS)
@settings(deadline=None)
def test_outside_is_what_a_walk_from_the_rim_of_the_slice_reaches(body: Mask) -> None:
    rim = np.ones_like(body)
    rim[:, 1:-1, 1:-1] = False
    outside = reached(~body, FACES[2:], {tuple(voxel) for voxel in np.argwhere(rim)})
    assert np.array_equal(filled(body), ~outside)
