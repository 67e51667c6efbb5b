"""A sieve loses nobody that counts, and nobody counts twice."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.scoring.contenders import Sieve
from gpbop.scoring.held import Held

CPU = torch.device("cpu")


@given(
    parts=st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=8),
    most=st.integers(1, 30),
    threshold=st.integers(0, 60),
    without=st.sets(st.integers(0, 40), max_size=5),
)
def test_a_sieve(parts: list[list[int]], most: int, threshold: int, without: set[int]) -> None:
    """The bound of a candidate is a function of its index, with ties; blocks may come again."""
    high = torch.arange(41, dtype=torch.float64) * 7 % 60 // 3 * 3
    sieve = Sieve(float(threshold), most, 2, 1, CPU, torch.tensor(sorted(without), dtype=torch.long))
    for part in parts:
        index = torch.tensor(part, dtype=torch.long)
        X = index.unsqueeze(1).expand(-1, 2).double()
        sieve.add(Held(index, X, X[:, :1], X[:, 1:], high[index]))
    held, reached = sieve.contenders()
    kept, seen = held.places.tolist(), {index for part in parts for index in part} - without
    assert len(set(kept)) == len(kept) <= most
    assert set(kept) <= seen
    assert reached >= threshold
    assert all(high[index] <= reached for index in seen - set(kept))
    assert torch.equal(held.upper, high[held.places])
    assert torch.equal(held.X[:, 0].long(), held.places)
