"""Neither a sieve nor a pool loses anybody that counts, and nobody counts twice."""

from unittest import mock

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop.scoring import contenders
from gpbop.scoring.contenders import Contenders, Pool, Sieve
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


@given(data=st.data())
def test_a_pool_gives_the_order_of_values_computed_alone(data: st.DataObject) -> None:
    """Whatever the intervals around them, in whatever blocks they come, and be they one row or the same row again."""
    size, k = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 12))
    rows = torch.tensor(data.draw(st.lists(st.integers(0, 15), min_size=size, max_size=size)))
    exact = torch.tensor(data.draw(st.lists(st.integers(0, 9), min_size=16, max_size=16)), dtype=torch.float64)
    under, over = (
        torch.tensor(data.draw(st.lists(st.sampled_from([0.0, 0.1, 1.0, 30.0]), min_size=size, max_size=size)))
        for _ in range(2)
    )
    alone: list[float] = []

    def values(X: Tensor) -> Tensor:
        """Off by a little where several are computed."""
        if len(X) == 1:
            alone.append(float(X[0, 0]))
        return exact[X[:, 0].long()] + (0.01 * X[:, 0] if len(X) > 1 else 0.0)

    pool = Pool(k, 1, values, CPU)
    with mock.patch.object(contenders, "SPARE", data.draw(st.sampled_from([0, 100]))):
        for part in data.draw(st.permutations(range(size))), data.draw(st.permutations(range(size)))[: size // 2]:
            for start in range(0, len(part), 7):
                index = torch.tensor(part[start : start + 7])
                low, high = exact[rows[index]] - under[index], exact[rows[index]] + over[index]
                pool.add(Contenders(index, rows[index].unsqueeze(1).double(), low, high))
    best, found = pool.best()
    order = sorted(range(size), key=lambda index: (-exact[rows[index]], index))
    assert best.index.tolist() == order[:k]
    assert torch.equal(best.X[:, 0].long(), rows[best.index])
    assert found.tolist() == sorted(found.tolist(), reverse=True)
    torch.testing.assert_close(found, exact[rows[best.index]], rtol=0.0, atol=0.2)


def test_a_pool_computes_alone_only_what_intervals_leave_open() -> None:
    alone: list[float] = []

    def values(X: Tensor) -> Tensor:
        if len(X) == 1:
            alone.append(float(X[0, 0]))
        return -X[:, 0]

    pool = Pool(4, 1, values, CPU)
    X = torch.tensor([0.0, 1.0, 2.0, 2.5, 3.5, 3.5, 9.0], dtype=torch.float64).unsqueeze(1)
    width = torch.tensor([0.1, 0.1, 0.3, 0.3, 0.2, 0.2, 0.5], dtype=torch.float64)
    pool.add(Contenders(torch.arange(7), X, -X[:, 0] - width, torch.minimum(-X[:, 0] + width, torch.tensor(-0.0))))
    best, found = pool.best()
    assert best.index.tolist() == [0, 1, 2, 3]
    assert found.tolist() == [0.0, -1.0, -2.0, -2.5]
    assert sorted(alone) == [2.0, 2.5]


def test_equal_rows_are_in_order_without_a_value_of_each() -> None:
    asked: list[int] = []

    def values(X: Tensor) -> Tensor:
        asked.append(len(X))
        return X[:, 0]

    pool = Pool(3, 1, values, CPU)
    ones = torch.ones(5, dtype=torch.float64)
    pool.add(Contenders(torch.tensor([8, 3, 5, 1, 9]), ones.unsqueeze(1), 0.5 * ones, 2.0 * ones))
    best, found = pool.best()
    assert best.index.tolist() == [1, 3, 5]
    assert found.tolist() == [1.0, 1.0, 1.0]
    assert asked == [1]


def test_a_candidate_that_comes_twice_at_once_counts_once() -> None:
    """As where a block waited for the later stages, and came again for want of memory."""
    pool = Pool(2, 1, lambda X: -X[:, 0], CPU)
    index = torch.tensor([5, 5, 1])
    values = torch.tensor([3.0, 3.0, 2.0], dtype=torch.float64)
    pool.add(Contenders(index, -values.unsqueeze(1), values, values))
    assert pool.threshold == 2.0
    best, found = pool.best()
    assert (best.index.tolist(), found.tolist()) == ([5, 1], [3.0, 2.0])
