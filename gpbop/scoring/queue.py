"""Candidates whose variances fall as points are believed, each computed only when it may be the best.

Notation:
    V       L^-1 k(X, x) of a candidate, for the process before any point of the queue was believed
    w_t     what the t-th believed point p_t adds:   w_t = (k(p_t, x) - V_p'V - sum_u w_u(p_t) w_u) / d_t,
            d_t^2 = v_t(p_t) + noise; it is the row that a Cholesky factor grows by
    v       s - |V|^2 - sum_t w_t^2

Values only fall, so an old upper bound holds, be it from the pass that found the candidate or from an earlier choice;
those with the highest are bounded by points nearby, which are chosen anew as more are believed, or by more pivots, and
what that leaves is brought up to date, until one is found that no other can exceed (lazy greedy). They are computed
side by side, by matrix products whose last digits depend on that; so values come with bounds on their errors, and where
these leave several different candidates, each is computed by itself.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from gpbop.kernels.features import Features
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.held import Held
from gpbop.scoring.memory import queue_room
from gpbop.scoring.refining import Refinement
from gpbop.scoring.scan import cores

# Candidates with the highest bounds that are brought up to date first, and at most at a time where not all are needed.
FIRST, MOST = 64, 4096
# Candidates that a stage, or any after it, bounds along with those it is asked for: what may be chosen falls, so they
# would be asked for soon, and few are bounded no faster than many.
ALONG = 8192, 2048
# Candidates that are looked through for the highest bounds, until others may have higher ones.
HEAD = 8192


class Queue:
    """Contenders for the next place in a batch.

    Args:
        criterion: The acquisition function; it believes `most` points.
        contenders: The candidates, with upper bounds of their values.
        most: How many may be chosen.
        refinement: Stages of bounds for the process before any point of the queue was believed, if any.
        threads: Number of CPU threads.
    """

    def __init__(
        self,
        criterion: Criterion,
        contenders: Held,
        most: int,
        refinement: Refinement | None = None,
        threads: int = 1,
    ) -> None:
        self._criterion, self._refinement, self._threads = criterion, refinement, threads
        self.candidates, self._size = contenders, FIRST
        # Places of candidates with high bounds, and what the bounds of all others do not exceed.
        self._head, self._beyond = contenders.places[:0], torch.inf
        factor = criterion.factor
        zeros, self._means = factor.L.new_zeros, factor.alpha[:1].numel()
        each = 8 * (len(factor.L) + most + self._means + 2)
        self._room = min(len(contenders), max(2 * FIRST, queue_room(factor.L.device) // each))
        self._uppers, self._is_left = contenders.upper.clone(), torch.ones_like(contenders.places, dtype=torch.bool)
        self._features = factor.form.features(contenders.X)
        # Candidates that were looked at have a slot, with all that is computed of them.
        self._slot, self._taken = torch.full_like(contenders.places, -1), 0
        self._level = torch.zeros_like(contenders.places)
        # How many points were believed when a bound was brought up to date; it stays so where its slot is given up.
        self._seen = torch.full_like(contenders.places, -1)
        empty, room = factor.L.new_empty, self._room
        self._place, self._known = empty(room, dtype=torch.long), empty(room, dtype=torch.long)
        self._mean, self._variance = empty(room, self._means), empty(room)
        self._V, self._W = empty(room, len(factor.L)), empty(room, most)
        self._chosen: list[int] = []
        self._own_V, self._own_L = zeros(most, len(factor.L)), zeros(most, most)
        self._alone: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        # Both this computation and the one that counts may be off, each its own way.
        self._delta, self._rounding = 2.0 * criterion.dense.mean, criterion.dense

    def __len__(self) -> int:
        return len(self.candidates)

    def best(self, alone: Callable[[], Callable[[Tensor], float]] | None = None) -> tuple[int, float]:
        """Return the place and the value of the best candidate; of equal ones that with the lowest index.

        Args:
            alone: Makes the function that gives the value that counts of one candidate, `1 x d`; asked where bounds
                leave several different ones. If absent, what the queue computes of each by itself counts.
        """
        places = self._highest()
        rows, inverse = torch.unique(self.candidates.X[places], dim=0, return_inverse=True)
        if alone is None or len(rows) == 1:
            values = [self._value(place) for place in places.tolist()]
        else:
            value = alone()
            of_rows = [value(row.unsqueeze(0)) for row in rows]
            values = [of_rows[row] for row in inverse.tolist()]
        index = self.candidates.places[places].tolist()
        best, _, place = min((-v, i, place) for v, i, place in zip(values, index, places.tolist(), strict=True))
        return place, -best

    def believe(self, place: int) -> None:
        """Condition on a candidate as if it had returned its mean."""
        t = len(self._chosen)
        _, V, w = self._by_itself(place)
        scale = (self._variance_of(V, w) + self._criterion.factor.noise).sqrt()
        self._own_V[t], self._own_L[t, :t], self._own_L[t, t] = V, w, scale
        self._chosen.append(place)
        self._is_left[place], self._uppers[place] = False, -torch.inf

    def _highest(self) -> Tensor:
        """Bring candidates up to date, those with the highest bounds first, and return those that may be the best."""
        reached, size = -torch.inf, self._size
        while True:
            highest = self._with_highest_bounds(size)
            highest = highest[(self._uppers[highest] >= reached) & self._is_left[highest]]
            behind = highest[self._seen[highest] < len(self._chosen)]
            if len(behind):
                reached = max(reached, self._refreshed(self._left_by_bounds(behind)))
                size = min(2 * size, MOST)
            elif len(highest) < size:
                self._size = max(FIRST, size // 4)
                return highest
            else:
                size *= 2

    def _with_highest_bounds(self, size: int) -> Tensor:
        """Return so many candidates, or all, whose bounds none of the others exceeds."""
        top = self._uppers[self._head].topk(min(size, len(self._head)))
        if len(self._head) < len(self) and (len(top.values) < size or float(top.values[-1]) < self._beyond):
            top = self._uppers.topk(min(max(HEAD, 2 * size), len(self)))
            self._head, self._beyond = top.indices, float(top.values[-1])
            return self._head[:size]
        return self._head[top.indices]

    def _left_by_bounds(self, places: Tensor) -> Tensor:
        """Bound some candidates by the next stage of each, and return those for which there is none."""
        has_no_slot, refinement = self._slot[places] < 0, self._refinement
        is_bounded, last = torch.zeros_like(has_no_slot), len(refinement or ()) - 1
        if refinement:
            passed = int(((self._level[places] > last) & has_no_slot).sum())
            if refinement.renews(passed, len(self._chosen)):
                before, self._level = self._level, self._level.clamp(max=last)
                if not refinement.renew(self.candidates.X[self._chosen], self.candidates.X[self._next_at(last)]):
                    self._level = before
        level = self._level[places]
        for number in range(last + 1):
            at = (level == number) & has_no_slot
            if not bool(at.any()):
                continue
            assert refinement is not None, "it has this stage"
            if refinement.pays(number, int(at.sum())):
                is_bounded |= at
                self._bound(torch.unique(torch.cat([places[at], self._next_at(number)])), number, refinement)
            else:
                level = level + at  # on to the next stage
        return places[~is_bounded]

    def _bound(self, places: Tensor, level: int, refinement: Refinement) -> None:
        """Bound some candidates by one of the stages."""
        if not len(places):
            return
        bounded = refinement(replace(self.candidates.take(places), places=places), level)
        self._uppers[bounded.places] = torch.minimum(self._uppers[bounded.places], bounded.upper)
        self._level[places] = level + 1

    def _next_at(self, level: int) -> Tensor:
        """Return those with the highest bounds of all that have come as far as one of the stages, and no further."""
        there = ((self._level == level) & (self._slot < 0) & self._is_left).nonzero()[:, 0]
        most = ALONG[min(level, len(ALONG) - 1)]
        return there if len(there) <= most else there[self._uppers[there].topk(most).indices]

    def _refreshed(self, places: Tensor) -> float:
        """Bring some candidates up to date, and return the greatest of the lower bounds of their values."""
        reached = -torch.inf
        with cores(self._threads):  # the bounds of their errors hold for any number
            for some in torch.split(places, max(1, self._room // 4)):
                if len(some):
                    reached = max(reached, self._brought_up(some))
        return reached

    def _brought_up(self, places: Tensor) -> float:
        self._look_at(places)
        slots = self._slot[places]
        behind = len(self._chosen) - self._known[slots]
        self._catch_up(places[behind == 1])
        self._catch_up(places[behind > 1])
        variance = self._variance[slots]
        error = self._rounding.between(variance.clamp_min(0.0))
        moments = self._mean[slots], self._delta, variance - error, variance + error
        is_left = self._is_left[places]
        self._uppers[places] = torch.where(is_left, self._criterion.upper(*moments), -torch.inf)
        self._seen[places] = len(self._chosen)
        return float(torch.where(is_left, self._criterion.lower(*moments), -torch.inf).max())

    def _look_at(self, places: Tensor) -> None:
        """Give candidates a slot that have none, for the process before any point was believed."""
        factor, new = self._criterion.factor, places[self._slot[places] < 0]
        if self._taken + len(new) > self._room:
            self._make_room(places)
        for some in torch.split(new, factor.block_rows()):
            slots = slice(self._taken, self._taken + len(some))
            mean, V = factor.solve_rows(self.candidates.X[some])
            self._mean[slots], self._V[slots] = mean.reshape(len(some), self._means), V.mT
            self._variance[slots] = factor.outputscale - V.square().sum(0)
            self._place[slots], self._known[slots], self._taken = some, 0, slots.stop
            self._slot[some] = torch.arange(slots.start, slots.stop, device=some.device)

    def _make_room(self, places: Tensor) -> None:
        """Give up half of the slots, not those of some candidates; bounds stay, all else is computed anew when asked.

        Those with the highest bounds, which are looked at next, are kept.
        """
        own = self._slot[places]
        last = self._uppers[self._place[: self._taken]]
        last[own[own >= 0]] = torch.inf
        kept = last.topk(self._room // 2).indices
        self._slot[self._place[: self._taken]] = -1
        for part in (self._place, self._known, self._mean, self._variance, self._V, self._W):
            part[: len(kept)] = part[kept]
        self._taken = len(kept)
        self._slot[self._place[: self._taken]] = torch.arange(self._taken, device=kept.device)

    def _catch_up(self, places: Tensor) -> None:
        """Add what the believed points add that candidates do not know of yet."""
        if not len(places):
            return
        slots, t = self._slot[places], len(self._chosen)
        since = int(self._known[slots].min())
        new = self._covariances(self._chosen[since:], places) - self._own_V[since:t] @ self._V[slots].mT
        new -= self._own_L[since:t, :since] @ self._W[slots, :since].mT
        W = torch.linalg.solve_triangular(self._own_L[since:t, since:t], new, upper=False)
        # Some may know part of it: that is computed once more, and counted once.
        is_new = torch.arange(since, t, device=slots.device).unsqueeze(1) >= self._known[slots]
        self._variance[slots] -= (W * is_new).square_().sum(0)
        self._W[slots, since:t] = W.mT
        self._known[slots] = t

    def _value(self, place: int) -> float:
        """Compute the value of one candidate by itself."""
        mean, V, w = self._by_itself(place)
        return float(self._criterion(mean, self._variance_of(V, w).reshape(1)))

    def _variance_of(self, V: Tensor, w: Tensor) -> Tensor:
        factor = self._criterion.factor
        return (factor.outputscale - V.square().sum() - w.square().sum()).clamp_min(factor.smallest_variance)

    def _by_itself(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, V and w of one candidate: numbers that depend on it and the chosen points alone."""
        t = len(self._chosen)
        if place not in self._alone:
            mean, V = self._criterion.factor.solve_rows(self.candidates.X[place : place + 1])
            self._alone[place] = mean.reshape(1, -1), V[:, 0], V[:0, 0]
        mean, V, w = self._alone[place]
        if len(w) < t:
            prior = self._covariances(self._chosen, [place])[:, 0] - self._own_V[:t] @ V
            w = torch.linalg.solve_triangular(self._own_L[:t, :t], prior.unsqueeze(1), upper=False)[:, 0]
            self._alone[place] = mean, V, w
        return mean, V, w

    def _covariances(self, some: list[int], others: Tensor | list[int]) -> Tensor:
        """Return the prior covariances of candidates with others."""
        factor = self._criterion.factor
        one, other = (Features(*(part[places] for part in self._features)) for places in (some, others))
        return factor.form.evaluate(factor.theta.unsqueeze(0), one, other).covariance[0]
