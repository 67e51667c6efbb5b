"""The question of exactness covers what it says, and a wrong answer would be seen."""

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest
import torch

from benchmarks.harness.question import Setting, Side
from benchmarks.one_by_one import batch_of_each, best_alone, best_near, best_of_each
from benchmarks.questions.exactness import QUESTION, answers, compared, grid_of, process, scattered, sides, space_of
from gpbop import Grid
from gpbop.acquisition import Question
from gpbop.scoring import as_source
from gpbop.scoring.job import SCORED
from tests.benchmarks.rows import row

PAIRED = ("space", "kernel", "d", "n", "noise", "reach", "direction", "k")
CASE = QUESTION.cases["smoke"][0]


def test_every_value_of_a_size_meets_every_value_of_every_other() -> None:
    cases = QUESTION.cases["full"][:25]
    values = {name: {case[name] for case in cases} for name in PAIRED}
    for first, second in combinations(PAIRED, 2):
        assert {(case[first], case[second]) for case in cases} == set(product(values[first], values[second]))
    assert (min(values["noise"]), max(values["noise"])) == (1e-6, 1.0)
    assert (min(values["n"]), max(values["n"]), min(values["d"]), max(values["d"])) == (10, 2000, 2, 20)
    batched = " ".join(SCORED if case["batched"] == "all" else case["batched"] for case in cases if case["n"] == 2000)
    assert set(batched.split()) == set(SCORED)


@pytest.mark.parametrize("kind", ["floats", "mixed", "many choices", "conditional"])
@pytest.mark.parametrize("d", [2, 7])
def test_grids_are_nearly_as_large_as_was_asked_for(kind: str, d: int) -> None:
    space = space_of(kind, d)
    assert space.d == d
    assert 100 < grid_of(space, 300).extent <= 300


def test_no_answer_of_the_smallest_case_is_wrong() -> None:
    for side in sides(Setting(CASE, "cpu", 1, 0, False)):
        assert isinstance(side, Side)
        assert side.values is not None
        found = side.values(side.work(), 1.0)
        assert (found["wrong"], found["wrong_in"]) == (0, [])


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_wrong_answer_is_seen(is_batch: bool) -> None:
    asked = Question(process(CASE))
    X = scattered(asked, 30, 0)
    tops = answers(asked, as_source(asked.gp.space, X), ["ei", "ucb", "thompson"], 4, is_batch=is_batch)
    tops["ucb"] = replace(tops["ucb"], indices=[*tops["ucb"].indices[:2], *tops["ucb"].indices[:1:-1]])
    found = compared(asked, X, 4, tops, is_batch=is_batch)
    assert (found["answers"], found["wrong"], found["wrong_in"]) == (3, 1, ["ucb"])


@pytest.mark.parametrize("case", QUESTION.cases["smoke"], ids=lambda case: case["space"])
def test_what_is_computed_alone_near_the_best_suffices(case: dict[str, Any]) -> None:
    asked = Question(process(case))
    X = scattered(asked, 400, 0)
    assert best_of_each(SCORED, asked, X, 7, best_near) == best_of_each(SCORED, asked, X, 7, best_alone)
    few = X[:40]
    assert batch_of_each(["ei"], asked, few, 3, best_near) == batch_of_each(["ei"], asked, few, 3, best_alone)


def test_values_far_off_in_blocks_are_computed_alone() -> None:
    """The k-th value is not trusted to be what it is in blocks: the differences that are seen decide."""
    asked = Question(process(CASE))
    X = scattered(asked, 400, 0)

    def value(x: torch.Tensor) -> torch.Tensor:
        return x.sum(-1)

    rough = value(X) + 0.1 * torch.rand(len(X), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert best_near(value, rough, X, 5) == best_alone(value, rough, X, 5)  # type: ignore[arg-type]


def test_the_summary_counts_answers_and_wrong_ones() -> None:
    rows = [row(count=30, values={"answers": 6, "wrong": wrong}) for wrong in (0, 2)]
    assert QUESTION.summary is not None
    assert QUESTION.summary(rows) == "12 answers were compared with dense scoring, over 60 candidates in all: 2 wrong."


def test_grids_hold_every_choice() -> None:
    grid = grid_of(space_of("mixed", 2), 30)
    assert isinstance(grid, Grid)
    assert set(grid.rows(torch.arange(grid.extent))[:, 1].tolist()) == {0.0, 1.0, 2.0}
