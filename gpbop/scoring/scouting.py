"""Candidates to begin with: good ones of a source, whose values are the first threshold.

A pass drops nothing before it has seen k candidates, and little before it has seen good ones. Where any candidate can
be made from its index, some are therefore looked at beforehand, and then the neighbours of the best of them, and those
of the best of these, and so on: of a grid that often finds the best k themselves. What k of them reach is a bound, so
the answer does not depend on them. They are contenders themselves, for a pass may be stopped before it comes to any as
good.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gpbop.scoring.contenders import Contenders
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.sources.base import Indexed, Keep, Source

# One candidate in so many is looked at beforehand, at least so many times as many as are wanted, and at most so many.
SHARE, LEAST, MOST = 500, 8, 12_500
# Of those the ones with the highest bounds are computed: so many times as many as are wanted, or at least so many.
COMPUTED, LEAST_COMPUTED = 4, 256
# Then neighbours of the best are looked at: for each one wanted so many times as many as it has, or at least so many,
# and no more than one in so many of all; of an eighth of those wanted at a time, or of so few that they have this many
# neighbours; and of these so many are computed, or half as many as are wanted.
CLIMBED, LEAST_CLIMBED, CLIMBED_SHARE = 3, 1500, 8
PARTS, LEAST_AT_A_TIME, LEAST_BETTER = 8, 256, 64
ROUNDS = 100
# Sources of fewer candidates, for each one that is looked at, are passed without.
SMALLEST = 8
# Candidates from which a value is foreseen: so many that this number of them is to reach it, but no more than the last.
REACHING, FORESEEN = 64, 4096
# Levels to go along each parameter; past its last level such a step leads somewhere else, which does no harm.
STEPS = (1, -1, 5, -5)


def scout(
    source: Source,
    criterion: Criterion,
    k: int,
    keep: Keep | None,
    without: Tensor | None,
    bound: Callable[[Tensor], Tensor] | None = None,
) -> Contenders:
    """Return candidates of which the best `k` are good ones; none if the source is small, or gives no row by its index.

    Args:
        source: The candidates.
        criterion: The acquisition function.
        k: How many are wanted.
        keep: Which candidates count; None: all.
        without: Positions of candidates that do not count.
        bound: Bounds the values of `m x d` rows from above, cheaply; those with the highest bounds are computed. If
            absent, all are.
    """
    device = criterion.factor.L.device
    if not isinstance(source, Indexed) or source.extent < SMALLEST * LEAST * k:
        return Contenders.none(source.space.d, device)
    steps = torch.tensor([step * stride for stride in source.strides for step in STEPS], device=device)
    sampled = max(LEAST * k, min(source.extent // SHARE, MOST))
    climbed = min(max(CLIMBED * k * len(steps), LEAST_CLIMBED), source.extent // CLIMBED_SHARE)
    budget, at_a_time = sampled + climbed, max(k // PARTS, LEAST_AT_A_TIME // max(len(steps), 1), 1)
    generator = torch.Generator().manual_seed(0)
    index = _distinct(torch.randint(source.extent, (sampled,), generator=generator).to(device))
    most, reached = max(COMPUTED * k, LEAST_COMPUTED), -torch.inf
    seen, known, low, high = index[:0], index[:0], index[:0].double(), index[:0].double()
    is_climbed = known.bool()
    for _ in range(ROUNDS):
        index = index[~torch.isin(index, seen)][: max(budget, 0)]
        seen, budget = torch.cat([seen, index]), budget - len(index)
        if keep is not None and len(index):
            index = index[keep(source.rows(index))]
        if without is not None:
            index = index[~torch.isin(index, without)]
        if bound is not None and len(index):
            upper = bound(source.rows(index)).topk(min(most, len(index)))
            index = index[upper.indices[upper.values >= reached]]
        known, around = torch.cat([known, index]), criterion.around(source.rows(index))
        low, high = (torch.cat(parts) for parts in zip((low, high), around, strict=True))
        is_climbed = torch.cat([is_climbed, torch.zeros_like(index, dtype=torch.bool)])
        best = low.topk(min(k, len(low)))
        some = best.indices[~is_climbed[best.indices]][:at_a_time]
        if len(low) < k or budget <= 0 or not len(some):
            break
        most, reached = max(k // 2, LEAST_BETTER), float(best.values[-1])
        is_climbed[some] = True
        index = _distinct((known[some].unsqueeze(1) + steps).flatten())
        index = index[(index >= 0) & (index < source.extent)]
    order = low.argsort(descending=True)[:k]
    return Contenders(known[order], source.rows(known[order]), low[order], high[order])


def foresee(source: Source, criterion: Criterion, wanted: int, keep: Keep | None) -> float:
    """Return a value that about as many candidates reach as are wanted, from a sample; minus infinity if all may.

    Args:
        source: The candidates.
        criterion: The acquisition function.
        wanted: How many.
        keep: Which candidates count; None: all.
    """
    extent = source.extent
    if extent is None or extent <= wanted:
        return -torch.inf
    rows, device = min(math.ceil(REACHING * extent / wanted), FORESEEN), criterion.factor.L.device
    if isinstance(source, Indexed):
        generator = torch.Generator().manual_seed(0)
        X = source.rows(torch.randint(extent, (rows,), generator=generator).to(device))
    else:  # the first ones, which may be better or worse than the others: then there are more or fewer than wanted
        X = next(source.blocks(rows, device=device)).X
    if keep is not None:
        X = X[keep(X)]
    place = math.ceil(len(X) * wanted / extent)
    return float(criterion.around(X)[0].topk(place).values[-1]) if 0 < place < len(X) else -torch.inf


def _distinct(index: Tensor) -> Tensor:
    distinct: Tensor = torch.unique(index)
    return distinct
