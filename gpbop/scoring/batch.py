"""Batches: points to run side by side, chosen one after the other, each as if those before had returned their mean.

A believed point lowers variances and moves no mean, so for every acquisition function that rises with the variance, old
values are upper bounds of new ones (lazy greedy; Minoux 1978). One pass over the source fills a queue with all
candidates whose cheapest bounds reach a value that is foreseen from a sample; all others are at most as good as that.
The next point is the best of the queue, see `gpbop.scoring.queue`, for as long as it is above that value. Then another
pass is made, for more.

`pi` above the incumbent rises where the variance falls, so it takes a pass for each point; so does `thompson`, each
point being the best of a draw of its own.
"""

from dataclasses import replace

import torch
from torch import Tensor

from gpbop.acquisition import Question
from gpbop.scoring.scan import one_core
from gpbop.scoring.search import Found, Search
from gpbop.scoring.top import Certificate

# Candidates that are to reach the value that is foreseen, for each one wanted: variances fall everywhere as points are
# chosen, so by variance alone a queue is soon used up; and how many times as many after it was.
QUEUE_SHARE, LEAST_QUEUE = 16, 512
SHARE_BY_VARIANCE = 256
MORE = 2


def choose_batch(search: Search, question: Question, k: int) -> Found:
    """Choose `k` points greedily.

    Args:
        search: How to pass over the source.
        question: The process and what is asked of it; its pending points count as believed from the start.
        k: How many.
    Returns:
        The points in the order of choice, with their values when they were chosen and the certificate of the first
        pass; it is marked incomplete if any pass was, or if Ctrl-C ended the choice: those chosen by then are returned.
    """
    chosen = _Chosen(question)
    certificate: Certificate | None = None
    share = SHARE_BY_VARIANCE if search.name == "max_variance" else QUEUE_SHARE
    while len(chosen) < k:
        before = len(chosen)
        is_lazy = search.name not in ("pi", "thompson") and k > 1
        try:
            new = _take_lazily(search, chosen, k, share) if is_lazy else None
            if new is None or (new.is_complete and len(chosen) == before):
                new = _take_one(search, chosen)  # what was foreseen was too much, or nothing bounds a queue
        except KeyboardInterrupt:  # not in a pass, which gives what it has
            if certificate is None:
                raise
            new = replace(certificate, is_complete=False)
        certificate, share = certificate or new, share * MORE
        if not new.is_complete:
            certificate = replace(certificate, is_complete=False)
        if len(chosen) == before or not new.is_complete:
            break
    assert certificate is not None, "k is at least 1"
    return chosen.found(certificate)


def _take_one(search: Search, chosen: "_Chosen") -> Certificate:
    """Choose the best of a pass."""
    found = search(chosen.question(search.name), 1, chosen.places())
    if len(found.index):
        chosen.add(int(found.index[0]), found.X[0], float(found.values[0]))
    return found.certificate


def _take_lazily(search: Search, chosen: "_Chosen", k: int, share: int) -> Certificate | None:
    """Choose from what a pass leaves for as long as nothing outside it can be better; None where there is no queue."""
    left = k - len(chosen)
    wanted = max(LEAST_QUEUE, share * left)
    found = search.queue(chosen.question(search.name), wanted, chosen.places(), left)
    if found is None:
        return None
    queue, threshold, certificate = found
    try:
        with one_core(), torch.no_grad():
            for _ in range(min(left, len(queue))):
                place, value = queue.best(lambda: search.value(chosen.question(search.name)))
                if value <= threshold:
                    break
                chosen.add(int(queue.candidates.places[place]), queue.candidates.X[place], value)
                queue.believe(place)
    except KeyboardInterrupt:
        return replace(certificate, is_complete=False)
    return certificate


class _Chosen:
    """The points chosen so far.

    Args:
        question: What was asked at first.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._points: list[tuple[int, Tensor, float]] = []  # one list, for Ctrl-C comes between any two steps

    def __len__(self) -> int:
        return len(self._points)

    def add(self, index: int, x: Tensor, value: float) -> None:
        """Choose a candidate."""
        self._points.append((index, x, value))

    def question(self, name: str) -> Question:
        """Return the question of the next choice."""
        if name == "thompson":
            return replace(self._question, seed=self._question.seed + len(self))
        before = self._question.X_pending
        pending = [*([] if before is None else before.unbind()), *(x for _, x, _ in self._points)]
        return replace(self._question, X_pending=torch.stack(pending) if pending else None)

    def places(self) -> Tensor:
        """Return the positions of the chosen points, on the device of the process."""
        return torch.tensor([index for index, _, _ in self._points], dtype=torch.long, device=self._question.gp.device)

    def found(self, certificate: Certificate) -> Found:
        """Return the chosen points as what was found."""
        X = torch.stack([x for _, x, _ in self._points]) if self._points else self._question.gp.X[:0]
        values = torch.tensor([value for _, _, value in self._points], dtype=torch.float64)
        return Found(self.places().cpu(), X, values, certificate)
