"""The answer for a grid, taken in strips and cells, is that of dense scoring of its rows, one by one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Integer, Space
from gpbop.acquisition import Question
from gpbop.scoring import descent, score, scouting, screens
from gpbop.scoring.criteria import MOMENT_CRITERIA
from gpbop.scoring.early import EarlyStages
from gpbop.scoring.search import Search
from gpbop.scoring.sources import Grid, SourceError, grid
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.scoring.sources.observed import Observed
from tests.scoring.candidates import all_stages, plain_order, process
from tests.spaces import spaces

SPACE = Space(
    {
        "a": Float(0.0, 1.0, step=0.125),
        "b": Categorical(["x", "y", "z"]),
        "c": Integer(0, 3, when={"b": ["x", "y"]}),
        "d": Categorical(["u", "v"]),
        "e": Float(0.0, 1.0, step=0.125),
    }
)
ALL = (*MOMENT_CRITERIA, "thompson")
GP = process(SPACE, 45, lengthscale=0.7)
X = SPACE.grid_rows(torch.arange(int(SPACE.size)))


@contextmanager
def small_strips(least: int = 8, most: int = 30, share: int = 1) -> Iterator[None]:
    """Make strips of small grids, and know a threshold before them, as for large ones."""
    scouts = mock.patch.multiple(scouting, SMALLEST=0, SHARE=share)
    with mock.patch.multiple(grid, LEAST_SECOND=least, MOST_SECOND=most), scouts:
        yield


@cache
def plain(name: str, direction: Any) -> list[int]:
    return plain_order(name, Question(GP, direction), X)[0]


def indices(piece: Block | Strip) -> Tensor:
    return piece.index if isinstance(piece, Block) else piece.block().index


def low(X: Tensor) -> Tensor:
    return (X[:, 0] + X[:, 4] < 0.7) & (X[:, 1] != 2)


def test_grids_are_taken_in_strips() -> None:
    with small_strips():
        pieces = list(Grid(SPACE).pieces(20))
    assert len(pieces) > 3
    assert all(isinstance(piece, Strip) for piece in pieces)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", ALL)
def test_the_best_of_a_grid(name: str, direction: Any) -> None:
    for least, most, k in ((8, 30, 5), (2, 9, 40), (40, 200, 1)):
        with small_strips(least, most):
            top = score(GP, Grid(SPACE), acquisition=name, direction=direction, k=k, skip_observed=False, threads=2)
        assert top.indices == plain(name, direction)[:k]
        assert_counts_add_up(top.certificate, len(X))
    with small_strips(), all_stages():
        again = score(GP, Grid(SPACE), acquisition=name, direction=direction, k=5, skip_observed=False, threads=1)
    assert again.indices == plain(name, direction)[:5]
    assert_counts_add_up(again.certificate, len(X))


def assert_counts_add_up(certificate: Any, candidates: int) -> None:
    """Every candidate is settled by one stage, and enters no stage after it."""
    assert certificate.is_complete
    assert certificate.candidates == candidates
    assert sum(stage.settled for stage in certificate.stages) == candidates
    assert all(0 <= stage.settled <= stage.entered <= candidates for stage in certificate.stages)


@pytest.mark.parametrize("name", ALL)
def test_observed_rows_and_a_constraint(name: str) -> None:
    order = plain(name, "minimize")
    allowed, new = low(X).tolist(), (~Observed(GP.X).mask(X)).tolist()
    for constraint, skips in ((low, False), (None, True), (low, True)):
        with small_strips():
            top = score(GP, Grid(SPACE, constraint=constraint), acquisition=name, k=12, skip_observed=skips, threads=1)
        expected = [i for i in order if (allowed[i] or constraint is None) and (new[i] or not skips)]
        assert top.indices == expected[:12]


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_fixed_parameters(name: str) -> None:
    source = Grid(SPACE, {"a": [0.875, 0.125, 0.5], "b": ["x", "z"], "d": "v"})
    rows = source.rows(torch.arange(source.extent))
    order, _ = plain_order(name, Question(GP), rows)
    with small_strips(4, 20):
        assert any(isinstance(piece, Strip) for piece in source.pieces(16))
        top = score(GP, source, acquisition=name, k=20, skip_observed=False, threads=1)
    assert top.indices == order[:20]


@settings(max_examples=15)
@given(data=st.data())
def test_the_best_of_any_grid(data: st.DataObject) -> None:
    space = data.draw(spaces(finite=True, most=5).filter(lambda space: space.size <= 300))
    gp = process(
        space,
        data.draw(st.integers(1, 30)),
        noise=data.draw(st.sampled_from([1e-6, 1e-2, 1.0])),
        lengthscale=data.draw(st.sampled_from([0.05, 1.0, 10.0])),
        outputscale=data.draw(st.sampled_from([0.01, 1.0, 600.0])),
        smoothness=data.draw(st.sampled_from(["matern52", "matern32", "rbf"])),
        seed=data.draw(st.integers(0, 10**6)),
    )
    name, k = data.draw(st.sampled_from(MOMENT_CRITERIA)), data.draw(st.integers(1, 20))
    rows = space.grid_rows(torch.arange(int(space.size)))
    order, _ = plain_order(name, Question(gp), rows)
    with small_strips(data.draw(st.integers(1, 20)), data.draw(st.sampled_from([1, 3, 10, 60]))):
        top = score(gp, Grid(space), acquisition=name, k=k, skip_observed=False, threads=1)
        with all_stages(data.draw(st.integers(1, 2**15 - 1)), data.draw(st.sampled_from([1, 1000]))):
            again = score(gp, Grid(space), acquisition=name, k=k, skip_observed=False, threads=1)
    assert top.indices == again.indices == order[:k]


def test_what_cells_rule_out_is_not_among_the_candidates_that_neighbourhoods_are_made_for() -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    space = Space({name: Float(0.0, 1.0, step=1 / 16) for name in "abc"})
    gp, see, seen = process(space, 60, lengthscale=1.0), EarlyStages.see, list[tuple[int, int]]()

    def noted(self: EarlyStages, candidates: int, some: Tensor) -> None:
        seen.append((candidates, len(some)))
        see(self, candidates, some)

    sizes = mock.patch.multiple(descent, LEAST_COVARIANCES=1, LEAST_FIRSTS=1)
    with small_strips(17, 289), sizes, mock.patch.object(EarlyStages, "see", noted):
        top = score(gp, Grid(space), acquisition="ucb", k=3, skip_observed=False, threads=1, block_rows=2000)
    settled = {stage.name: stage.settled for stage in top.certificate.stages}
    assert settled["cells"] > 1000
    assert len(seen) > 1
    assert all(count <= sum(size for _, size in seen[:number]) for number, (count, _) in enumerate(seen))
    assert seen[-1][0] > 0


def search(name: str, source: Any = None, **options: Any) -> Search:
    settings = {"threads": 1, "block_rows": 16, "is_shown": False} | options
    return Search(name, source or Grid(SPACE), **settings)


@pytest.mark.parametrize("name", ALL)
def test_several_devices(name: str) -> None:
    """A second cascade takes its share, and the certificate adds up both."""
    with small_strips():
        found = search(name, devices=(torch.device("cpu"), torch.device("cpu")))(Question(GP), 15)
    assert found.index.tolist() == plain(name, "minimize")[:15]
    assert_counts_add_up(found.certificate, len(X))


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_without_a_compiler(name: str) -> None:
    with mock.patch.object(screens, "backend", return_value=None), small_strips():
        top = score(GP, Grid(SPACE), acquisition=name, k=15, skip_observed=False, threads=2)
    assert top.indices == plain(name, "minimize")[:15]
    assert_counts_add_up(top.certificate, len(X))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("after", [0, 3])
def test_ctrl_c_between_strips(threads: int, after: int) -> None:
    """What was found before it is there, be it by the pass or by scouts ahead of it, and marked incomplete."""

    class Interrupted(Grid):
        def pieces(self, rows: int, **options: Any) -> Any:
            for number, piece in enumerate(super().pieces(rows, **options)):
                if number == after:
                    raise KeyboardInterrupt
                yield piece

    with small_strips(share=500):
        top = score(GP, Interrupted(SPACE), k=5, skip_observed=False, threads=threads)
        seen = [indices(piece) for _, piece in zip(range(after), Grid(SPACE).pieces(20), strict=False)]
    assert not top.certificate.is_complete
    assert top.certificate.candidates <= sum(map(len, seen))
    order = plain("ei", "minimize")
    ranks = [order.index(index) for index in top.indices]
    assert len(ranks) == 5
    assert ranks == sorted(ranks)
    if threads == 1:  # all strips before it were passed
        assert {index for part in seen for index in part.tolist() if order.index(index) < ranks[-1]} <= set(top.indices)


@pytest.mark.parametrize("name", ALL)
def test_where_nothing_is_left(name: str) -> None:
    """A constraint that lets nothing through is named; that everything was observed is no mistake."""
    with small_strips(), pytest.raises(SourceError, match="`constraint` must let a config through"):
        score(GP, Grid(SPACE, constraint=lambda X: X[:, 0] > 2.0), acquisition=name, k=3, threads=1)
    some = Grid(SPACE, {"a": 0.5, "e": 0.5, "b": "z"})
    gp = GaussianProcess.fit(SPACE, some.configs([0, 1]), [0.0, 1.0], hyperparameters=GP.fit_state.theta)
    top = score(gp, some, acquisition=name, k=3, skip_observed=True, threads=1)
    assert not top.indices
    assert "only 0 candidates" in top.certificate.note


def test_a_constraint_that_lets_one_of_many_through() -> None:
    """Whatever few rows it is asked about, it may keep none of them."""
    one = len(X) - 1
    with small_strips():
        top = score(GP, Grid(SPACE, constraint=lambda rows: (rows == X[one]).all(1)), k=3, threads=1)
    assert top.indices == [one]


def test_a_constraint_is_never_asked_about_nothing() -> None:
    """One that stacks its answers for single rows cannot be."""

    def by_row(rows: Tensor) -> Tensor:
        return torch.stack([row[0] > 0.5 for row in rows])

    expected = [index for index in plain("ei", "minimize") if float(X[index, 0]) > 0.5]
    with small_strips():
        top = score(GP, Grid(SPACE, constraint=by_row), k=3, threads=1, skip_observed=False)
    assert top.indices == expected[:3]
