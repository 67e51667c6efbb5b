"""A strip is the rows of its pairs: however it is taken, cut or moved."""

from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.scoring.sources import blocks
from gpbop.scoring.sources.blocks import Block, Strip


@st.composite
def strips(draw: st.DrawFn) -> Strip:
    p, q, d = draw(st.integers(1, 6)), draw(st.integers(1, 7)), draw(st.integers(1, 5))
    first, second = 1000 * torch.randperm(p), torch.randperm(q)
    is_second = torch.tensor(draw(st.lists(st.booleans(), min_size=d, max_size=d)))
    axes = ((p, 0),), ((q, None),)
    return Strip(first, second, torch.rand(p, d).double(), torch.rand(q, d).double(), is_second, *axes)


def plain(strip: Strip) -> Block:
    """Return the candidates of a strip by a loop over its pairs, the second half inside."""
    index, rows = [], []
    for i, x in zip(strip.index_first.tolist(), strip.X_first.tolist(), strict=True):
        for j, y in zip(strip.index_second.tolist(), strip.X_second.tolist(), strict=True):
            index.append(i + j)
            rows.append([b if is_b else a for a, b, is_b in zip(x, y, strip.is_second.tolist(), strict=True)])
    return Block(torch.tensor(index), torch.tensor(rows, dtype=torch.float64))


def assert_equal(found: Block, expected: Block) -> None:
    assert torch.equal(found.index, expected.index)
    assert torch.equal(found.X, expected.X)


@given(strips(), st.data())
def test_places_are_pairs_with_the_second_half_inside(strip: Strip, data: st.DataObject) -> None:
    expected = plain(strip)
    assert len(strip) == len(expected)
    assert_equal(strip.block(), expected)
    places = torch.tensor(data.draw(st.lists(st.integers(0, len(strip) - 1))), dtype=torch.int64)
    assert_equal(strip.take(places), expected.take(places))
    moved = strip.to(torch.device("cpu"))
    assert_equal(moved.block(), expected)
    assert (moved.axes_first, moved.axes_second) == (strip.axes_first, strip.axes_second)


@given(strips())
def test_halves_are_all_of_it(strip: Strip) -> None:
    """Down to single candidates, as where memory is short; the first halves are cut before the second."""
    whole = plain(strip)
    expected = dict(zip(whole.index.tolist(), whole.X.tolist(), strict=True))
    left, found = [strip], {}
    while left:
        part = left.pop()
        if len(part) > 1:
            one, other = part.halves()
            assert 0 < len(one) < len(part)
            assert len(one) + len(other) == len(part)
            left += [one, other]
        else:
            found[int(part.block().index)] = part.block().X[0].tolist()
    assert found == expected


@given(strips(), st.integers(1, 30))
def test_parts_within_a_size_are_all_of_it_in_order(strip: Strip, most: int) -> None:
    parts = list(strip.within(most))
    assert all(len(part) <= max(most, len(strip.index_second)) for part in parts)
    assert torch.equal(torch.cat([part.block().index for part in parts]), strip.block().index)
    assert torch.equal(torch.cat([part.block().X for part in parts]), strip.block().X)


@pytest.mark.parametrize("m", [2, 3, 8])
def test_halves_of_a_block(m: int) -> None:
    block = Block(torch.arange(m) + 5, torch.rand(m, 2).double())
    one, other = block.halves()
    assert abs(len(one) - len(other)) <= 1
    assert torch.equal(torch.cat([one.index, other.index]), block.index)
    assert torch.equal(torch.cat([one.X, other.X]), block.X)


@given(strip=strips(), most=st.integers(1, 20), table=st.integers(1, 8))
def test_parts_of_a_strip_hold_every_candidate_once(strip: Strip, most: int, table: int) -> None:
    """Also where the second halves are too many for one table."""
    with mock.patch.object(blocks, "MOST_TABLE", table):
        parts = list(strip.within(most))
    assert all(len(part.index_second) <= table for part in parts)
    assert all(len(part) <= most or len(part.index_first) == 1 for part in parts)
    found = {i: x for part in parts for i, x in zip(part.block().index.tolist(), part.block().X.tolist(), strict=True)}
    expected = plain(strip)
    assert sum(map(len, parts)) == len(strip)
    assert found == dict(zip(expected.index.tolist(), expected.X.tolist(), strict=True))
