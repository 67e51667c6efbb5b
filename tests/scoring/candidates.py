"""Processes with given hyperparameters, candidates held in memory, and the plain answer that scoring must give."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from gpbop import GaussianProcess, Space
from gpbop.acquisition import Question, acquisition
from gpbop.errors import NumericalWarning
from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.continuous import Smoothness
from gpbop.scoring import cascade, descent, early, later, local, refining
from gpbop.scoring.sources.base import Block, Source
from gpbop.scoring.sources.blocks import Strip
from gpbop.scoring.trials import StageTrial
from gpbop.surrogate.columns import columns_of


class InMemory(Source):
    """Encoded rows that are all there, in blocks that may come in any order."""

    def __init__(self, space: Space, X: Tensor, *, backwards: bool = False) -> None:
        self._space, self._X, self._backwards = space, X, backwards

    @property
    def space(self) -> Space:
        return self._space

    @property
    def size(self) -> int:
        return len(self._X)

    def blocks(self, rows: int, *, device: Any = None) -> Iterator[Block]:
        starts = range(0, len(self._X), rows)
        for first in reversed(starts) if self._backwards else starts:
            last = min(first + rows, len(self._X))
            yield Block(torch.arange(first, last, device=device), self._X[first:last].to(device or "cpu"))

    def configs(self, index: Sequence[int]) -> list[dict[str, Any]]:
        return self._space.decode(self._X[list(index)])


def process(
    space: Space,
    n: int,
    *,
    noise: float = 1e-2,
    lengthscale: float = 1.0,
    outputscale: float = 1.0,
    smoothness: Smoothness = "matern52",
    seed: int = 0,
    repeats: int = 0,
) -> GaussianProcess:
    """Condition a process with hyperparameters around the given ones on a smooth function with noise."""
    generator = torch.Generator().manual_seed(seed)
    form = ClosedForm(columns_of(space), smoothness)
    theta = 0.3 * torch.randn(form.layout.size + 1, generator=generator, dtype=torch.float64)
    theta[form.layout.numeric] += torch.tensor(lengthscale).log()
    theta[form.layout.outputscale] = torch.tensor(outputscale, dtype=torch.float64).log()
    theta[-1] = torch.tensor(noise, dtype=torch.float64).log()
    X = space.from_unit(torch.rand(n, space.d, generator=generator, dtype=torch.float64))
    X = torch.cat([X, X[:repeats]])
    wave = torch.randn(space.d, generator=generator, dtype=torch.float64)
    y = (X @ wave * 3.0).sin() + noise**0.5 * torch.randn(len(X), generator=generator, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)  # jitter, where the noise is tiny
        return GaussianProcess.fit(space, space.decode(X), y.tolist(), hyperparameters=theta, smoothness=smoothness)


@contextmanager
def all_stages(chosen: int = -1, waiting: int = 1) -> Iterator[None]:
    """Use what pays for large sources only: all cells, the bits of `chosen` of the early stages, later ones at once."""

    def path(trial: StageTrial, work: Any, *_: Any) -> tuple[int, ...]:
        stages = trial._stages
        numbers = [i for i in range(len(stages.costs)) if chosen >> i & 1 and stages.is_ready(i)]
        while numbers and isinstance(work, Strip) and not stages.takes_strips(numbers[0]):
            numbers.pop(0)
        return tuple(numbers)

    nearby = {"EARLY": (2, 7), "EARLY_BY_WEIGHT": (2, 7)}
    few = mock.patch.multiple(early, FEW=(1, 3, 9, 20, 60), LOCAL_FROM=0, LEAST_KNOWN=1, **nearby)
    many = mock.patch.object(cascade, "WORTH_WEIGHTS", 10**9 if chosen & 2 else 0)
    near = mock.patch.multiple(refining, BUILDING=0.0, BUILDING_LOCAL=0.0, LATER=(4, 11))
    some = mock.patch.object(local, "CENTRES", 5)
    soon = mock.patch.object(later, "WAITING", dict.fromkeys(("cpu", "cuda"), waiting))
    deep = mock.patch.multiple(descent, WORTH_IT=1e9, TRIED_FROM=1e9, LEAST_FIRSTS=1, LEAST_COVARIANCES=0)
    with few, many, near, some, soon, deep, mock.patch.object(StageTrial, "chosen", path):
        yield


def plain_order(name: str, question: Question, X: Tensor) -> tuple[list[int], list[float]]:
    """Return all candidates by their dense values, each computed alone, ties by index; and these values."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        value = acquisition(name, question)
        values = [float(value(x.unsqueeze(0))[0]) for x in X]
    torch.set_num_threads(threads)
    return sorted(range(len(X)), key=lambda i: (-values[i], i)), values
