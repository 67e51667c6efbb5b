"""Batches are those of plain greedy choice: re-score everything after each point, take the best, believe it."""

from dataclasses import replace
from unittest import mock

import pytest
import torch
from torch import Tensor

from gpbop import Categorical, Float, Space
from gpbop.acquisition import Question
from gpbop.scoring import batch, score
from gpbop.scoring.criteria import MOMENT_CRITERIA
from tests.scoring.candidates import InMemory, plain_order, process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])})


def points(m: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return SPACE.from_unit(torch.rand(m, SPACE.d, generator=generator, dtype=torch.float64))


def plain_greedy(name: str, question: Question, X: Tensor, k: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(min(k, len(X))):
        asked = replace(question, X_pending=X[chosen] if chosen else None)
        order, _values = plain_order(name, asked, X)
        chosen.append(next(index for index in order if index not in chosen))
    return chosen


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
@pytest.mark.parametrize("queue", [1, 5, 512])
def test_lazy_greedy_is_greedy(name: str, queue: int) -> None:
    gp, X = process(SPACE, 25, noise=1e-2, lengthscale=0.5), points(80)
    expected = plain_greedy(name, Question(gp), X, 8)
    with mock.patch.multiple(batch, QUEUE_SHARE=1, LEAST_QUEUE=queue):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=8, batch=True, threads=1)
    assert top.indices == expected
    assert top.certificate.is_complete


@pytest.mark.parametrize("name", ["ei", "max_variance", "ucb"])
def test_copies_of_one_point_are_chosen_as_greedy_chooses_them(name: str) -> None:
    gp, X = process(SPACE, 25, noise=1e-1), points(6).repeat(3, 1)
    expected = plain_greedy(name, Question(gp), X, 10)
    assert score(gp, InMemory(SPACE, X), acquisition=name, k=10, batch=True, threads=2).indices == expected


def test_a_batch_of_all_candidates_and_more() -> None:
    gp, X = process(SPACE, 25), points(6)
    for name in (*MOMENT_CRITERIA, "thompson"):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=9, batch=True, threads=1)
        assert sorted(top.indices) == list(range(6))
        assert "only 6 candidates" in top.certificate.note


def test_a_thompson_batch_takes_a_draw_for_each_point() -> None:
    gp, X = process(SPACE, 25), points(60)
    top = score(gp, InMemory(SPACE, X), acquisition="thompson", k=4, batch=True, threads=1, seed=5)
    chosen: list[int] = []
    for number in range(4):
        order, _values = plain_order("thompson", Question(gp, seed=5 + number), X)
        chosen.append(next(index for index in order if index not in chosen))
    assert top.indices == chosen
