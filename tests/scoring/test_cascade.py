"""Which candidates may go around the first stage, and what stages are tried on."""

from unittest import mock

import pytest
import torch
from torch import Tensor

from gpbop import Float, Space
from gpbop.acquisition import Question
from gpbop.scoring import cascade, early
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.criteria import criterion
from gpbop.scoring.early import EarlyStages
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.screens import screen_of
from gpbop.scoring.sources.blocks import Block
from tests.scoring.candidates import process

pytest.importorskip("numba", reason="Numba is not installed")
SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Float(0.0, 1.0)})
GP = process(SPACE, 600, noise=1e-2)


def points(m: int) -> Tensor:
    return torch.rand(m, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "believes", "extent", "may"),
    [
        ("max_variance", 0, None, True),  # nobody knows how many come
        ("max_variance", 0, 10**9, True),
        ("max_variance", 0, 256 * 600 - 1, False),  # too few to tell which points matter to them
        ("max_variance", 7, 10, True),  # for a queue always
        ("ei", 0, 10**9, False),  # the first stage reads the whole mean
        ("ei", 7, 10**9, False),
    ],
)
def test_by_variance_many_candidates_may_go_around_the_first_stage(
    name: str, believes: int, extent: int | None, may: bool
) -> None:
    assert cascade.WORTH_WEIGHTS == 256
    stages = Cascade(criterion(name, Question(GP), believes), extent=extent)._early
    assert (stages.after is not None) == may


def stages_of(believes: int = 0) -> EarlyStages:
    judge = criterion("max_variance", Question(GP), believes)
    projection = Projection.of(judge.factor, 256)
    first = screen_of(judge, projection, 256, torch.float64, True)
    found = EarlyStages(judge, projection, first, Cascade(judge)._later.levels[0])
    found.expect(points(2000))
    return found


def test_only_bounds_as_good_as_those_of_the_first_stage_go_around_it() -> None:
    stages = stages_of()
    assert {name for i, name in enumerate(stages.names) if not stages.ends(i)} == {
        f"{r} pivots, float{bits}" for r in early.FEW for bits in (32, 64)
    }
    in_queue = stages_of(believes=3)
    assert all(map(in_queue.ends, range(len(in_queue))))


def test_stages_are_tried_on_candidates_of_a_few_neighbourhoods_that_are_among_those_given() -> None:
    stages, X = stages_of(), points(20_000)
    work = Block(torch.arange(len(X)), X)
    assert len(stages.some(work, 500, 0)) == 500
    with mock.patch.object(early, "LOCAL_FROM", 0):
        stages.see(1, X)
    near = stages._near()
    groups = set()
    for seed in range(20):
        some = stages.some(work, 1000, seed)
        assert torch.equal(X[some.index], some.X)
        assert 500 < len(some) < 2000
        _, ends = near.sorted(some.X)
        sizes = ends.diff(prepend=ends.new_zeros(1))
        assert int((sizes > 0).sum()) <= -(-len(ends) // early.ONE_OF)
        groups |= set(sizes.nonzero()[:, 0].tolist())
    assert len(groups) > 0.9 * len(ends)
    alone = Block(torch.arange(300), X[:1].expand(300, -1))
    assert all(len(stages.some(alone, 100, seed)) > 0 for seed in range(20)), "of a source that is sorted, all are near"
