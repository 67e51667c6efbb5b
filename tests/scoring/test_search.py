"""What a pass reads: nothing is left out where its first block is cut, and nothing is read twice."""

from collections.abc import Iterator
from unittest import mock

import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Float, Grid, Space
from gpbop.scoring.search import _first_in_parts
from gpbop.scoring.sources import grid
from gpbop.scoring.sources.blocks import Block, Strip


def blocks(sizes: list[int]) -> Iterator[Block]:
    start = 0
    for size in sizes:
        index = torch.arange(start, start + size)
        yield Block(index, index.double().unsqueeze(1))
        start += size


@given(sizes=st.lists(st.integers(0, 100), max_size=4), rows=st.integers(1, 30))
def test_the_first_block_comes_in_parts_and_all_others_whole(sizes: list[int], rows: int) -> None:
    found = list(_first_in_parts(blocks(sizes), rows))
    parts = -(-sizes[0] // rows) if sizes else 0
    assert all(len(part) <= rows for part in found[:parts])
    assert [len(block) for block in found[parts:]] == sizes[1:]
    index = torch.cat([torch.arange(0), *(block.index for block in found)])
    assert torch.equal(index, torch.arange(sum(sizes)))
    assert all(torch.equal(block.X[:, 0], block.index.double()) for block in found)


def test_strips_stay_whole() -> None:
    space = Space({"a": Float(0.0, 1.0, step=0.1), "b": Float(0.0, 1.0, step=0.1)})
    with mock.patch.multiple(grid, LEAST_SECOND=2, MOST_SECOND=5):
        pieces = list(Grid(space).pieces(1000))
    assert all(isinstance(piece, Strip) for piece in pieces)
    found = list(_first_in_parts(iter(pieces), 7))
    assert all(one is other for one, other in zip(found, pieces, strict=True))
