"""Batches: points to run side by side, chosen one after the other, each as if those before had returned their mean.

A believed point lowers variances and moves no mean, so for every acquisition function that rises with the variance, old
values are upper bounds of new ones: a queue by old values is re-scored at its head alone, until the head is up to date
(lazy greedy; Minoux 1978). One pass over the source fills the queue with more candidates than are wanted; all others
are at most as good as its worst was then. When the head falls to that value another pass is made.

`pi` above the incumbent rises where the variance falls, so it takes a pass for each point; so does `thompson`, each
point being the best of a draw of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from heapq import heapify, heappop, heappush

import torch
from torch import Tensor

from gpbop.acquisition import Question
from gpbop.scoring.scan import one_core
from gpbop.scoring.search import Found, Search

# Candidates in the queue, for each one wanted and at least.
QUEUE_SHARE, LEAST_QUEUE = 4, 512
# Share of |value| + 1 by which rounding may lift a value although its variance fell.
LIFT = 1e-8


def choose_batch(search: Search, question: Question, k: int) -> Found:
    """Choose `k` points greedily.

    Args:
        search: How to pass over the source.
        question: The process and what is asked of it; its pending points count as believed from the start.
        k: How many.
    Returns:
        The points in the order of choice, with their values when they were chosen and the certificate of the first
        pass; it is marked incomplete if any pass was.
    """
    chosen = _Chosen(question)
    is_lazy = search.name not in ("pi", "thompson")
    first: Found | None = None
    while len(chosen.index) < k:
        wanted = max(QUEUE_SHARE * (k - len(chosen.index)), LEAST_QUEUE) if is_lazy else 1
        asked = chosen.question(search.name)
        found = search(asked, wanted, torch.tensor(chosen.index, dtype=torch.long, device=question.gp.device))
        first = first or found
        if not found.certificate.is_complete:
            first = replace(first, certificate=replace(first.certificate, is_complete=False))
        with one_core(), torch.no_grad():
            if is_lazy:
                _take_lazily(chosen, found, k, len(found.index) < wanted, search.value)
            elif len(found.index):
                chosen.add(int(found.index[0]), found.X[0], float(found.values[0]))
        if not len(found.index) or not found.certificate.is_complete:
            break
    assert first is not None, "k is at least 1"
    return chosen.found(first)


class _Chosen:
    """The points chosen so far.

    Args:
        question: What was asked at first.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self.index: list[int] = []
        self._X: list[Tensor] = []
        self._values: list[float] = []

    def add(self, index: int, x: Tensor, value: float) -> None:
        """Choose a candidate."""
        self.index.append(index)
        self._X.append(x)
        self._values.append(value)

    def question(self, name: str) -> Question:
        """Return the question of the next choice."""
        if name == "thompson":
            return replace(self._question, seed=self._question.seed + len(self.index))
        before = self._question.X_pending
        pending = [*([] if before is None else before.unbind()), *self._X]
        return replace(self._question, X_pending=torch.stack(pending) if pending else None)

    def found(self, first: Found) -> Found:
        """Return the chosen points as what was found."""
        X = torch.stack(self._X) if self._X else first.X[:0]
        index = torch.tensor(self.index, dtype=torch.long)
        return Found(index, X, torch.tensor(self._values, dtype=torch.float64), first.certificate)


def _take_lazily(
    chosen: _Chosen,
    found: Found,
    k: int,
    is_everything: bool,
    value_of: Callable[[Question], Callable[[Tensor], float]],
) -> None:
    """Choose from what was found for as long as nothing outside it can be better."""
    values = found.values.tolist()
    floor = -torch.inf if is_everything else _lifted(values[-1])
    # Entries: minus the value or its upper bound, the index, the place in what was found, and whether it is up to date.
    queue = [
        (-value, index, place, True)
        for place, (value, index) in enumerate(zip(values, found.index.tolist(), strict=True))
    ]
    begun = len(chosen.index)
    value = value_of(chosen.question(""))
    heapify(queue)
    while queue and len(chosen.index) < k:
        bound, index, place, is_fresh = heappop(queue)
        if not is_fresh:
            heappush(queue, (-value(found.X[place : place + 1]), index, place, True))
            continue
        if -bound <= floor and len(chosen.index) > begun:
            return
        chosen.add(index, found.X[place], -bound)
        value = value_of(chosen.question(""))
        # Every value is out of date now, but still bounds the new one.
        queue = [(-_lifted(-old) if fresh else old, other, at, False) for old, other, at, fresh in queue]
        heapify(queue)


def _lifted(value: float) -> float:
    return value + LIFT * (abs(value) + 1.0)
