"""With many observations and next to no noise too, the answer is that of dense scoring, one candidate at a time."""

import warnings
from typing import Any

import pytest
import torch

from benchmarks.one_by_one import batch_of_each, best_alone, best_of_each
from benchmarks.questions.exactness import answers, grid_of, process, scattered
from gpbop.acquisition import Question
from gpbop.errors import NumericalWarning
from gpbop.scoring import as_source
from gpbop.scoring.job import SCORED

CASES = [
    {"space": "floats", "d": 3, "kernel": "matern52", "n": 1000, "noise": 1e-6, "reach": 4.0},
    {"space": "conditional", "d": 6, "kernel": "rbf", "n": 1000, "noise": 1e-4, "reach": 0.5},
    {"space": "mixed", "d": 2, "kernel": "rbf", "n": 200, "noise": 1e-6, "reach": 4.0},
    {"space": "many choices", "d": 12, "kernel": "matern32", "n": 100, "noise": 1e-4, "reach": 0.1},
    {"space": "floats", "d": 20, "kernel": "rbf", "n": 60, "noise": 1e-6, "reach": 4.0},
]


def name(case: dict[str, Any]) -> str:
    return f"{case['space']} {case['d']}, n = {case['n']}, noise {case['noise']}"


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)  # jitter, where the noise is tiny
        yield


@pytest.mark.parametrize("case", [CASES[0], *CASES[2:]], ids=name)
def test_the_best_of_scattered_candidates(case: dict[str, Any]) -> None:
    asked = Question(process(case))
    X = scattered(asked, 80, 0)
    found = {name: top.indices for name, top in answers(asked, as_source(asked.gp.space, X), SCORED, 20).items()}
    assert found == best_of_each(SCORED, asked, X, 20, best_alone)


@pytest.mark.parametrize("case", CASES[1:], ids=name)
def test_the_best_of_a_grid(case: dict[str, Any]) -> None:
    asked = Question(process(case), "maximize")
    grid = grid_of(asked.gp.space, 250)
    found = {name: top.indices for name, top in answers(asked, grid, SCORED, 20).items()}
    assert found == best_of_each(SCORED, asked, grid.rows(torch.arange(grid.extent)), 20, best_alone)


@pytest.mark.parametrize("case", CASES[2::2], ids=name)
def test_batches(case: dict[str, Any]) -> None:
    asked = Question(process(case))
    X = scattered(asked, 20, 0)
    tops = answers(asked, as_source(asked.gp.space, X), SCORED, 3, is_batch=True)
    assert {name: top.indices for name, top in tops.items()} == batch_of_each(SCORED, asked, X, 3, best_alone)
