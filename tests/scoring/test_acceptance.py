"""The table of needed means drops no candidate whose upper bound reaches the threshold."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, Space
from gpbop.acquisition import Question
from gpbop.scoring import acceptance
from gpbop.scoring.acceptance import BINS, Acceptance
from gpbop.scoring.criteria import Criterion, criterion
from gpbop.scoring.screening import Bounds
from tests.scoring.candidates import process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])})
GP = process(SPACE, 30)
NAMES = ("ei", "pi", "ucb")


def judged(name: str, direction: Any, best_f: float | None = None) -> tuple[Criterion, Acceptance, Tensor, float]:
    judge = criterion(name, Question(GP, direction, best_f=best_f))
    least = judge.factor.L.new_tensor(judge.dense.least(judge.least_variance))
    most = float(judge.factor.outputscale + judge.dense.variance(judge.factor.outputscale))
    return judge, Acceptance(judge, least, most), least, most


def random_bounds(most: float, m: int, seed: int, wide: float) -> Bounds:
    """Return bounds all over the range, variances of many sizes, some negative or the largest there is."""
    generator = torch.Generator().manual_seed(seed)
    one, two, three = torch.rand(3, m, generator=generator, dtype=torch.float64)
    mean = wide * torch.randn(m, 1, generator=generator, dtype=torch.float64)
    high = most * one * 10.0 ** (-6.0 * two * (three > 0.5))
    high[:3] = torch.tensor([most, -1e-12, 0.0])
    return Bounds(mean, 10.0 ** (-9.0 * three.unsqueeze(1)), high)


@given(
    name=st.sampled_from(NAMES),
    direction=st.sampled_from(["minimize", "maximize"]),
    best_f=st.sampled_from([None, -1e3, 0.3, 1e3]),
    seed=st.integers(0, 10**6),
    rank=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    wide=st.sampled_from([0.1, 3.0, 100.0]),
)
def test_nothing_that_reaches_is_dropped(
    name: str, direction: Any, best_f: float | None, seed: int, rank: float, wide: float
) -> None:
    """Also where the threshold is the bound of a candidate itself."""
    judge, accepts, least, most = judged(name, direction, best_f)
    bounds = random_bounds(most, 3000, seed, wide)
    upper = judge.upper(bounds.mean, bounds.delta, least, bounds.high)
    threshold = float(upper.sort().values[int(rank * (len(upper) - 1))])
    kept = accepts(bounds, threshold)
    assert kept is not None
    reaching = (upper >= threshold).nonzero()[:, 0]
    assert set(reaching.tolist()) <= set(kept.tolist())


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", NAMES)
def test_most_of_the_others_are_dropped(name: str, direction: Any) -> None:
    """Of those that do not reach, only those within a bin of one that does are kept."""
    judge, accepts, least, most = judged(name, direction)
    bounds = random_bounds(most, 20_000, 0, 3.0)
    upper = judge.upper(bounds.mean, bounds.delta, least, bounds.high)
    threshold = float(upper.sort().values[-200])
    kept = accepts(bounds, threshold)
    assert kept is not None
    edge = ((bounds.high.clamp_min(0.0).sqrt() / most**0.5 * BINS).floor() + 1.0) / BINS * most**0.5
    roomier = judge.upper(bounds.mean, bounds.delta + 1e-6, least, edge.mul(1.0 + 1e-6).square())
    assert bool((roomier[kept] >= threshold).all())
    assert len(kept) <= 1.3 * int((upper >= threshold).sum())


def test_without_a_threshold_nothing_is_known() -> None:
    _, accepts, _, most = judged("ei", "minimize")
    assert accepts(random_bounds(most, 10, 0, 1.0), -torch.inf) is None


@pytest.mark.parametrize("name", NAMES)
def test_threads_with_thresholds_in_any_order(name: str) -> None:
    """What reaches the highest threshold that was asked for is kept by all of them."""
    judge, accepts, least, most = judged(name, "minimize")
    bounds = random_bounds(most, 2000, 1, 3.0)
    upper = judge.upper(bounds.mean, bounds.delta, least, bounds.high)
    thresholds = upper.sort().values[torch.linspace(0, 1900, 40).long()].tolist()
    reaching = set((upper >= thresholds[-1]).nonzero()[:, 0].tolist())
    with ThreadPoolExecutor(4) as threads:
        kept = list(threads.map(lambda threshold: accepts(bounds, threshold), [*thresholds, *thresholds[::-1]]))
    assert all(which is None or reaching <= set(which.tolist()) for which in kept)
    assert sum(which is not None for which in kept) > 40


@pytest.mark.parametrize("name", NAMES)
def test_many_means_at_a_time_find_what_halving_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, accepts, _, most = judged(name, "minimize")
    bounds = random_bounds(most, 500, 0, 3.0)
    threshold = float(judge.upper(bounds.mean, bounds.delta, accepts._least, bounds.high).median())
    halved = accepts._tabulated(threshold)
    monkeypatch.setitem(acceptance.TRIED, "cpu", 63)
    monkeypatch.setitem(acceptance.TIMES, "cpu", 5)
    at_once = accepts._tabulated(threshold)
    assert torch.equal(halved.isinf(), at_once.isinf())
    torch.testing.assert_close(at_once, halved, rtol=0.0, atol=4.0 * acceptance.FARTHEST * 2.0**-30)
