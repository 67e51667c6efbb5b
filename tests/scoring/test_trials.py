"""What is tried on some candidates is chosen where it spares work, and only there."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from gpbop import Float, Space
from gpbop.acquisition import Question
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.criteria import criterion
from gpbop.scoring.screening import Bounds
from gpbop.scoring.sources.blocks import Block, Strip
from gpbop.scoring.trials import TRY_AGAIN, WORTH_TRYING, StageTrial
from tests.scoring.candidates import process

SPACE = Space({"a": Float(0.0, 1.0)})
GP = process(SPACE, 30)
JUDGE = Judge(criterion("max_variance", Question(GP)))
ROWS = WORTH_TRYING // 30 + 1


class Stages:
    """Stages that leave the candidates below a number, so that stronger ones leave part of what weaker ones do."""

    scattered = 2.5
    weak: tuple[int, ...] = ()

    def __init__(self, shares: Sequence[float], costs: Sequence[float], after: float | None = None) -> None:
        self.shares, self.costs, self.after, self.asked = shares, costs, after, 0

    def takes_strips(self, _: int) -> bool:
        return True

    def is_ready(self, _: int) -> bool:
        return True

    def ends(self, number: int) -> bool:
        return number not in self.weak

    def some(self, work: Block | Strip, count: int, seed: int) -> Block:
        return work.take(torch.randint(len(work), (count,), generator=torch.Generator().manual_seed(seed)))

    def bounds(self, number: int, work: Block | Strip) -> tuple[Tensor | None, Bounds]:
        assert isinstance(work, Block)
        self.asked += 1
        reaches = work.X[:, 0] < self.shares[number]
        nothing = reaches.new_empty(len(work), 0).double()
        order = torch.arange(len(work)).flip(0)
        return order, Bounds(nothing, nothing, reaches.double().flip(0))


def block(rows: int = ROWS) -> Block:
    generator = torch.Generator().manual_seed(0)
    return Block(torch.arange(rows), torch.rand(rows, 1, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize(
    ("shares", "costs", "path"),
    [
        ((0.1,), (0.05,), (0,)),  # cheap, and leaves little
        ((0.1,), (0.95,), ()),  # costs more than it spares
        ((1.0,), (0.05,), ()),  # leaves everything
        ((0.01, 0.3), (0.2, 0.02), (1, 0)),  # the cheaper first
        ((0.3, 0.3), (0.02, 0.03), (0,)),  # the same once
        ((), (), ()),
    ],
)
def test_the_cheapest_path_is_chosen(shares: Any, costs: Any, path: Any) -> None:
    trial = StageTrial(JUDGE, Stages(shares, costs))
    assert trial.chosen(block(), 0.5) == path
    assert (trial.cost < 1.0) == bool(path)


def test_expected_costs_are_those_of_the_path() -> None:
    trial = StageTrial(JUDGE, Stages((0.5, 0.25), (0.01, 0.1)))
    assert trial.chosen(block(), 0.5) == (0, 1)
    assert trial.cost == pytest.approx(0.01 + 0.5 * 0.1 + 0.25, abs=0.05)


@pytest.mark.parametrize(
    ("shares", "costs", "after", "path"),
    [
        ((1.0, 0.1), (0.05, 1.0), 0.5, (0,)),  # what comes next costs little
        ((1.0, 0.1), (0.05, 1.0), 5.0, (1,)),  # it costs much: better the first stage itself, the last of these
        ((0.5, 0.1), (0.05, 1.0), 5.0, (0, 1)),
        ((1.0, 1.0), (0.05, 1.0), 5.0, (0,)),  # nothing settles anything: what costs least
        ((), (), 5.0, ()),
    ],
)
def test_where_the_first_stage_may_be_left_out_what_comes_next_counts(
    shares: Any, costs: Any, after: float, path: Any
) -> None:
    trial = StageTrial(JUDGE, Stages(shares, costs, after))
    assert trial.chosen(block(), 0.5) == path


@pytest.mark.parametrize(("share", "stays"), [(0.5, True), (1.0, True), (1.5, False)])
def test_what_comes_next_counts_for_what_is_given_up_too(share: float, stays: bool) -> None:
    """0.9 + 2 share beside the first stage and what comes next, 1 + 2."""
    trial = StageTrial(JUDGE, Stages((0.5,), (0.9,), 2.0))
    path = trial.chosen(block(), 0.5)
    trial.note(block(), path, (share,))
    assert trial.path == (path if stays else ())
    assert trial.cost == pytest.approx(0.9 + 2 * 0.5 if stays else 3.0, abs=0.1)


def test_few_candidates_are_not_worth_a_trial() -> None:
    stages = Stages((0.1,), (0.05,))
    trial = StageTrial(JUDGE, stages)
    assert trial.chosen(block(ROWS // 2), 0.5) == ()
    assert trial.chosen(block(), -torch.inf) == ()
    assert stages.asked == 0


def test_trials_become_rare() -> None:
    stages = Stages((0.1,), (0.05,))
    trial = StageTrial(JUDGE, stages)
    for _ in range(TRY_AGAIN**4):
        trial.chosen(block(), 0.5)
    assert stages.asked == 5


@pytest.mark.parametrize(
    ("shares", "stays"),
    [
        ((0.5, 0.25), True),  # as it was tried
        ((1.0, 1.0), False),  # neither settles anything
        ((1.0, 0.85), True),  # 0.01 + 0.1 + 0.85: hardly worth it, but still
        ((1.0, 0.95), False),
    ],
)
def test_a_path_that_spares_nothing_is_given_up_until_it_is_tried_again(shares: Any, stays: bool) -> None:
    trial = StageTrial(JUDGE, Stages((0.5, 0.25), (0.01, 0.1)))
    path = trial.chosen(block(), 0.5)
    trial.note(block(), path, shares)
    assert trial.path == (path if stays else ())
    assert (trial.cost < 1.0) == stays
    for _ in range(TRY_AGAIN):
        again = trial.chosen(block(), 0.5)
    assert again == path


def test_what_another_path_did_changes_nothing() -> None:
    trial = StageTrial(JUDGE, Stages((0.5, 0.25), (0.01, 0.1)))
    path = trial.chosen(block(), 0.5)
    trial.note(block(), (0,), (1.0,))
    assert trial.path == path
