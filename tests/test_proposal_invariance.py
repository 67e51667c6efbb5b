"""What proposals do not depend on, what failures do to them, and what making them leaves alone."""

import math
import random
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Optimizer
from gpbop import proposal as proposal_module
from gpbop.acquisition import ACQUISITIONS
from gpbop.errors import (
    GpbopWarning,
    NoTrialsError,
    NumericalError,
)
from tests.searches import GRID, SQUARE, loss, play
from tests.spaces import NETWORK, same

# Units and directions.

SYMMETRIC = ("ei", "ucb", "pi", "max_variance", "integrated_variance")


@pytest.mark.parametrize("acquisition", SYMMETRIC)
def test_maximizing_is_minimizing_the_negative(acquisition: str) -> None:
    down = Optimizer(NETWORK, acquisition=acquisition, initial=3)
    up = Optimizer(NETWORK, acquisition=acquisition, initial=3, direction="maximize")
    assert play(down, 8) == play(up, 8, sign=-1.0)
    assert down.best.number == up.best.number


@given(power=st.integers(-900, 900))
@settings(max_examples=8)
def test_powers_of_two_as_units_change_no_ask(power: int) -> None:
    assert play(Optimizer(NETWORK, initial=3), 5) == play(Optimizer(NETWORK, initial=3), 5, sign=2.0**power)


@pytest.mark.parametrize(
    "transform", [lambda v: v * 1e-300, lambda v: v * 1e300, lambda v: v + 1e6, lambda v: 3.0 - v / 7]
)
def test_units_change_no_ask_on_a_grid(transform: Any) -> None:
    plain, other = Optimizer(GRID), Optimizer(GRID, direction="maximize" if transform(1) < transform(0) else "minimize")
    for _ in range(10):
        config = plain.ask()
        assert other.ask() == config
        plain.tell(config, loss(GRID, config))
        other.tell(config, transform(loss(GRID, config)))
    mean, std = other.predict([config])
    assert bool(torch.isfinite(mean).all() & torch.isfinite(std).all() & (std > 0).all())


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300, 1e-300])
def test_a_constant_objective_is_searched_on(value: float) -> None:
    optimizer = Optimizer(NETWORK, initial=1)
    for _ in range(5):
        optimizer.tell(optimizer.ask(), value)
    assert optimizer.best.number == 0
    mean, std = optimizer.predict(NETWORK.sample(3, seed=0))
    assert mean.tolist() == pytest.approx([value] * 3)
    assert bool(torch.isfinite(std).all())


# Failures.

ACTIVE_LEARNING = ("max_variance", "integrated_variance")


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_the_search_leaves_a_failing_region(acquisition: str) -> None:
    """Two thirds of the square fail, the best point is well inside the rest."""
    optimizer = Optimizer(SQUARE, acquisition=acquisition)
    failed = []
    for _ in range(26):
        config = optimizer.ask()
        failed.append(config["x"] > 1 / 3)
        optimizer.tell(config, None if failed[-1] else (config["x"] - 0.15) ** 2 + (config["y"] - 0.6) ** 2)
    assert sum(failed[:6]) >= 2, "the first experiments must meet failures for the law to say something"
    assert sum(failed[10:]) / 16 < 1 / 2
    assert acquisition in ACTIVE_LEARNING or sum(failed[10:]) / 16 < 1 / 5


def test_where_all_has_failed_the_search_goes_elsewhere() -> None:
    optimizer = Optimizer(SQUARE, initial=1)
    optimizer.tell_many([{"x": 0.2 + 0.1 * i, "y": 0.1 + 0.1 * j} for i in range(3) for j in range(3)], [None] * 9)
    asked = SQUARE.encode(optimizer.ask(4))
    told = SQUARE.encode([trial.config for trial in optimizer.trials[:9]])
    assert float(torch.cdist(asked, told).min()) > 0.3
    assert float(torch.pdist(asked).min()) > 0.2


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_an_objective_that_always_fails_breaks_nothing(value: float | None) -> None:
    optimizer = Optimizer(GRID, initial=2)
    asked = {same(config) for config in optimizer.ask(3)}
    for trial in optimizer.trials:
        optimizer.tell(trial.config, value)
    for _ in range(5):
        config = optimizer.ask()
        asked.add(same(config))
        optimizer.tell(config, value, reason="diverged")
    assert len(asked) == 8
    assert {trial.state for trial in optimizer.trials} == {"failed"}
    with pytest.raises(NoTrialsError, match=r"got 8 trials, 8 failed, the last because: diverged\. Tell a value first"):
        _ = optimizer.best
    with pytest.raises(NoTrialsError, match="diverged"):
        optimizer.predict([{"a": 0, "b": 0}])


def test_one_success_among_failures_is_a_model() -> None:
    optimizer = Optimizer(GRID, initial=1)
    optimizer.tell_many([{"a": a, "b": 0} for a in range(5)], [None, None, 2.5, None, None])
    assert {optimizer.ask()["b"] for _ in range(3)} != {0}
    assert optimizer.best.config == {"a": 2, "b": 0}
    assert optimizer.predict([{"a": 2, "b": 0}]).mean.item() == pytest.approx(2.5)


def test_failures_keep_their_reasons() -> None:
    optimizer = Optimizer(GRID)
    told = [(None, None), (math.nan, None), (math.inf, None), (None, "out of memory"), (1.0, "ignored")]
    for a, (value, reason) in enumerate(told):
        optimizer.tell({"a": a, "b": 0}, value, reason=reason)
    reasons = [trial.reason for trial in optimizer.trials]
    assert reasons == ["no value", "the value was nan", "the value was inf", "out of memory", None]


def test_a_model_that_fails_numerically_is_replaced_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise NumericalError("no factor")

    optimizer = Optimizer(GRID, initial=1)
    play(optimizer, 2)
    monkeypatch.setattr(proposal_module, "maximize_acquisition", fail)
    with pytest.warns(GpbopWarning, match="the model failed, so a quasi-random config is proposed: no factor"):
        config = optimizer.ask()
    assert config not in [trial.config for trial in optimizer.trials[:2]]


# A good guest.


def global_state() -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "python": random.getstate(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "device": torch.get_default_device(),
    }


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_no_global_state_is_changed(acquisition: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        before = global_state()
        optimizer = Optimizer(NETWORK, acquisition=acquisition, initial=2)
        play(optimizer, 3)
        optimizer.tell(optimizer.ask(), None)
        optimizer.ask(2)
        optimizer.predict(NETWORK.sample(2, seed=0))
        assert global_state() == before
    finally:
        torch.set_num_threads(threads)


def test_one_thread_works_while_matrices_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    original, seen = proposal_module.maximize_acquisition, []

    def watched(*args: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return original(*args, **options)

    monkeypatch.setattr(proposal_module, "maximize_acquisition", watched)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        play(Optimizer(GRID, initial=1), 2)
    finally:
        torch.set_num_threads(threads)
    assert seen == [1]


@pytest.mark.parametrize("acquisition", ["ei", "thompson"])
def test_a_memory_cap_reaches_the_factor_and_changes_no_ask(acquisition: str) -> None:
    free, capped = (Optimizer(GRID, acquisition=acquisition, initial=2, memory=memory) for memory in (None, 4096))
    assert play(free, 6) == play(capped, 6)
    assert capped.gp.factor.block_bytes == 4096
    assert capped.gp.factor.block_rows() < free.gp.factor.block_rows()
    configs = list(GRID.grid())
    torch.testing.assert_close(free.predict(configs).mean, capped.predict(configs).mean, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("acquisition", ["ei", "thompson", "integrated_variance"])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(acquisition: str, context: Any) -> None:
    expected = play(Optimizer(NETWORK, acquisition=acquisition, initial=2), 3)
    with context():
        assert play(Optimizer(NETWORK, acquisition=acquisition, initial=2), 3) == expected


def test_bookkeeping_of_thousands_of_trials_is_quick() -> None:
    """Generous: a tell that goes through all trials takes minutes here."""
    sample = NETWORK.sample(4000, seed=0)
    optimizer, bulk = Optimizer(NETWORK, initial=1), Optimizer(NETWORK, initial=1)
    start = time.perf_counter()
    for config in sample:
        optimizer.tell(config, 1.0)
    bulk.tell_many(sample, [1.0] * len(sample))
    X, observations = optimizer._ledger.X, optimizer._ledger.observations()
    assert time.perf_counter() - start < 20.0
    assert torch.equal(X, NETWORK.encode(sample))
    assert len(observations) == len(sample)
    assert bulk.trials == optimizer.trials
