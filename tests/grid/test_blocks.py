"""Blocks: all of the work in them, each piece once, dealt out evenly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxadv as ja
from jaxadv.grid.blocks import Block, blocks_of, cost, deal, missing_parts
from jaxadv.sweeps.work import SweepWork

SWEEP = ja.Sweep(scales=(0.1, 1.0, 10.0), dims=(4, 8), widths=(16,), networks=7)
WORK = SweepWork(SWEEP)


def test_blocks_hold_each_network_of_each_group_once():
    blocks = blocks_of(WORK, 3)
    assert [block.replicates for block in blocks] == [range(3), range(3, 6), range(6, 7)] * 2
    assert [block.cells[0].group.dim for block in blocks] == [4] * 3 + [8] * 3


@pytest.mark.parametrize(
    ("networks", "examples", "expected"),
    [(16, 16, 2), (16, 1, 42), (16, 1000, 1), (10**6, 16, 250)],
)
def test_blocks_are_worth_their_files_and_grow_with_the_root_of_the_sweep(
    networks, examples, expected
):
    assert (
        SweepWork(ja.Sweep(networks=networks, examples=examples)).replicates_per_block == expected
    )


@given(st.integers(0, 2**12 - 1))
def test_parts_are_what_is_missing_each_once(bits):
    complete = np.array([bits >> i & 1 for i in range(12)], bool).reshape(3, 4)
    cells, done = (0.1, 1.0, 10.0), complete.copy()
    parts = missing_parts(Block(cells, range(5, 9)), complete)
    for part in parts:
        for cell in part.cells:
            flags = done[cells.index(cell), part.replicates.start - 5 : part.replicates.stop - 5]
            assert not flags.any()
            flags[:] = True
    assert done.all()
    assert len(parts) <= 4


def test_the_cost_grows_with_the_scale_the_shape_and_the_networks():
    small, large = (SWEEP.cells_of(group) for group in SWEEP.groups)
    one = cost(WORK, [Block(small[:1], range(1))])
    assert cost(WORK, [Block(small[1:2], range(1))]) > 5 * one
    assert cost(WORK, [Block(large[:1], range(1))]) == pytest.approx(2 * one)
    assert cost(WORK, [Block(small[:1], range(2)), Block(small[:1], range(3))]) == pytest.approx(
        5 * one
    )
    assert cost(WORK, []) == 0


@given(st.lists(st.floats(0, 100)), st.integers(1, 5))
def test_every_block_is_dealt_to_one_worker_and_none_has_much_more_than_another(costs, workers):
    hands = deal(costs, workers)
    assert sorted(index for hand in hands for index in hand) == list(range(len(costs)))
    loads = [sum(costs[index] for index in hand) for hand in hands]
    assert max(loads) - min(loads) <= max(costs, default=0) + 1e-9
    for hand in hands:
        of_hand = [costs[index] for index in hand]
        assert of_hand == sorted(of_hand, reverse=True)
