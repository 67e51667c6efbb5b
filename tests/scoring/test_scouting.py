"""The threshold to begin with is reached by k distinct candidates that count."""

from functools import cache
from typing import Any, cast
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Float, Integer, Space, score
from gpbop.acquisition import Question, acquisition
from gpbop.scoring import scouting
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.contenders import Contenders
from gpbop.scoring.criteria import MOMENT_CRITERIA, criterion
from gpbop.scoring.scouting import scout
from gpbop.scoring.sources import Grid, Sample
from gpbop.scoring.sources.observed import skip_observed
from tests.scoring.candidates import InMemory, plain_order, process

SPACE = Space(
    {
        "a": Float(0.0, 1.0, step=0.1),
        "b": Categorical(["x", "y", "z"]),
        "c": Integer(0, 4, when={"b": ["x"]}),
        "d": Float(0.0, 1.0, step=0.25),
    }
)
GP = process(SPACE, 25)
X = SPACE.grid_rows(torch.arange(int(SPACE.size)))


@cache
def plain(name: str) -> tuple[list[int], list[float]]:
    return plain_order(name, Question(GP), X)


def reached(found: Contenders, k: int) -> float:
    """Return what at least `k` candidates are known to reach; minus infinity if there are fewer."""
    return float(found.low.min()) if len(found) >= k else -torch.inf


@settings(max_examples=20)
@given(data=st.data())
def test_enough_candidates_reach_it(data: st.DataObject) -> None:
    name, k = data.draw(st.sampled_from(MOMENT_CRITERIA)), data.draw(st.sampled_from([1, 7, 40]))
    grid = Grid(SPACE, constraint=data.draw(st.sampled_from([None, lambda X: X[:, 0] > 0.45])))
    source, keep = data.draw(st.sampled_from([grid, skip_observed(grid, GP.X)])).unfiltered()
    counts = torch.ones(len(X), dtype=torch.bool) if keep is None else keep(X)
    order, values = plain(name)
    without = data.draw(st.sampled_from([None, torch.tensor(order[:1]), torch.tensor(order[:5])]))
    if without is not None:
        counts[without] = False
    judge = criterion(name, Question(GP))
    bound = data.draw(st.sampled_from([None, Cascade(judge).upper, lambda X: X.sum(1)]))
    with mock.patch.multiple(scouting, SMALLEST=0, SHARE=1, LEAST_COMPUTED=data.draw(st.sampled_from([1, 256]))):
        found = scout(source, judge, k, keep, without, bound)
    threshold = reached(found, k)
    assert len(set(found.index.tolist())) == len(found) <= k
    assert bool(counts[found.index].all())
    assert torch.equal(found.X, X[found.index])
    exact = torch.tensor(values, dtype=torch.float64)
    assert bool((found.low <= exact[found.index]).all())
    assert bool((found.high >= exact[found.index]).all())
    reaching = int((torch.tensor(values)[counts] >= threshold).sum())
    assert reaching >= k or threshold == -torch.inf
    assert threshold > -torch.inf or int(counts.sum()) < 3 * k or bound is not None


@pytest.mark.parametrize("is_bounded", [False, True])
@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_it_is_high_from_the_start(name: str, is_bounded: bool) -> None:
    """Among the best tenth of a grid that was sampled by a fifth."""
    _, values = plain(name)
    judge = criterion(name, Question(GP))
    bound = Cascade(judge).upper if is_bounded else None
    with mock.patch.multiple(scouting, SMALLEST=0, SHARE=2, LEAST_COMPUTED=20):
        threshold = reached(scout(Grid(SPACE), judge, 5, None, None, bound), 5)
    assert sum(value >= threshold for value in values) <= len(values) // 10


def test_nothing_is_known_where_too_few_are_looked_at() -> None:
    judge = criterion("ei", Question(GP))
    assert not len(scout(Grid(SPACE), judge, 7, None, None))
    with mock.patch.multiple(scouting, SMALLEST=0, SHARE=2):
        assert not len(scout(InMemory(SPACE, GP.X.repeat(100, 1)), judge, 5, None, None))
        assert not len(scout(Grid(SPACE), judge, 5, lambda X: torch.zeros(len(X), dtype=torch.bool), None))


def test_a_sample_is_scouted_too() -> None:
    source = Sample(SPACE, 4000, seed=3)
    judge = criterion("ei", Question(GP))
    with mock.patch.multiple(scouting, SMALLEST=0, SHARE=20):
        threshold = reached(scout(source, judge, 4, None, None), 4)
    where: dict[Any, int] = {tuple(row): number for number, row in enumerate(X.tolist())}
    _, values = plain("ei")
    drawn = [values[where[tuple(row)]] for row in source.rows(torch.arange(4000)).tolist()]
    assert sorted(drawn)[-4] >= threshold > -torch.inf


@pytest.mark.parametrize("name", ["ei", "ucb", "max_variance"])
def test_climbing_leads_to_the_best_of_a_fine_grid(name: str) -> None:
    """Of four processes three times or more, where few are looked at: what k reach, few more than k do."""
    space, k, found = Space({x: Float(0.0, 1.0, step=0.02) for x in "abc"}), 20, 0
    for seed in range(4):
        gp, looked_at = process(space, 60, noise=1e-2, lengthscale=0.5, seed=seed), list[int]()
        judge = criterion(name, Question(gp))
        bound = Cascade(judge).upper

        def counted(rows: torch.Tensor, bound: Any = bound, looked_at: list[int] = looked_at) -> torch.Tensor:
            looked_at.append(len(rows))
            return cast(torch.Tensor, bound(rows))

        threshold = reached(scout(Grid(space), judge, k, None, None, counted), k)
        top = score(gp, Grid(space), acquisition=name, k=2 * k, threads=1, skip_observed=False, progress=False)
        with torch.no_grad():
            values = acquisition(name, Question(gp))(space.grid_rows(torch.tensor(top.indices)))
        assert threshold <= float(values[k - 1])
        assert sum(looked_at) < 51**3 / 60
        found += threshold >= float(values[-1])
    assert found >= 3
