"""What scoring must answer: dense float64 values, each candidate computed by itself, ties by index.

Nothing here knows a bound of `gpbop.scoring`. With many candidates each is computed in a block first, and by itself if
it came near the k-th value: nearer than a multiple of the greatest difference between the two computations that was
seen, among those near and among others throughout the order.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition, MomentAcquisition, Question, acquisition
from gpbop.scoring.scan import one_core

# Rows of a block that suit the cache.
BLOCK = 256
# Candidates that are computed by themselves at least, besides twice those wanted; one in so many of the others is too.
LEAST_ALONE, OTHERS = 32, 100
# How many times the greatest difference that was seen the others must be away.
TIMES = 100.0

Best = Callable[[Acquisition, Tensor, Tensor, int], list[int]]


def best_alone(value: Acquisition, _: Tensor, X: Tensor, k: int) -> list[int]:
    """Return the best k of all candidates, each computed by itself."""
    values = [float(value(x.unsqueeze(0))[0]) for x in X]
    return sorted(range(len(X)), key=lambda i: (-values[i], i))[:k]


def best_near(value: Acquisition, rough: Tensor, X: Tensor, k: int) -> list[int]:
    """Return the best k of all candidates, of which those were computed by themselves whose `rough` value is near."""
    order = rough.argsort(descending=True, stable=True).tolist()
    approximate = rough.tolist()
    alone: dict[int, float] = {}
    of_row: dict[tuple[float, ...], float] = {}  # equal rows are computed once

    def of(i: int) -> float:
        row = tuple(X[i].tolist())
        if row not in of_row:
            of_row[row] = float(value(X[i : i + 1])[0])
        return of_row[row]

    near, k = 2 * k + LEAST_ALONE, min(k, len(X))
    while True:
        new = {*order[:near], *order[near :: max(1, len(order) // OTHERS)]} - alone.keys()
        alone |= {i: of(i) for i in new}
        best = sorted(alone, key=lambda i: (-alone[i], i))[:k]
        # Values far from the best are large numbers, and differ by more.
        off = max(abs(alone[i] - approximate[i]) / (1.0 + abs(approximate[i])) for i in alone)
        assert math.isfinite(off), "values are finite"
        if near >= len(order):
            return best
        next_ = approximate[order[near]]
        if alone[best[-1]] - next_ > TIMES * off * (1.0 + abs(next_)):
            return best
        near *= 2


def best_of_each(names: Iterable[str], question: Question, X: Tensor, k: int, best: Best) -> dict[str, list[int]]:
    """Return the best k candidates under each acquisition function."""
    with one_core(), torch.no_grad():  # with more of them points are believed with other roundings
        values = {name: acquisition(name, question) for name in names}
        rough = in_blocks(values, X) if best is best_near else dict.fromkeys(names, X[:0, 0])
        return {name: best(values[name], rough[name], X, k) for name in names}


def batch_of_each(names: Iterable[str], question: Question, X: Tensor, k: int, best: Best) -> dict[str, list[int]]:
    """Return k candidates under each acquisition function, each the best given that those before return their mean."""
    first, chosen = best_of_each(names, question, X, 1, best), {}
    for name in names:
        chosen[name] = first[name]
        for number in range(1, min(k, len(X))):
            asked = replace(question, X_pending=X[chosen[name]])
            if name == "thompson":  # a draw for each point
                asked = replace(question, seed=question.seed + number)
            order = best_of_each((name,), asked, X, number + 1, best)[name]
            chosen[name] = [*chosen[name], next(index for index in order if index not in chosen[name])]
    return chosen


def in_blocks(values: Mapping[str, Acquisition], X: Tensor) -> dict[str, Tensor]:
    """Compute the values of all candidates, block by block.

    The moments are computed once for all functions that read those of the same process.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in values}
    for block in X.split(BLOCK):
        moments: dict[int, tuple[Tensor, Tensor]] = {}
        for name, value in values.items():
            if isinstance(value, MomentAcquisition):
                key = id(value.factor)
                mean, variance = (
                    moments[key] if key in moments else moments.setdefault(key, value.factor.moments(block))
                )
                found[name].append(value.utility(value.sign * mean, variance.sqrt())[0])
            else:
                found[name].append(value(block))
    return {name: torch.cat(parts) for name, parts in found.items()}
