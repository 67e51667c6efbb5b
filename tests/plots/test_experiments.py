import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Integer, Optimizer, Space
from gpbop.acquisition import Direction
from gpbop.plots.experiments import Experiments, thinned

values = st.lists(st.tuples(st.integers(0, 3), st.none() | st.floats(-1e6, 1e6)), min_size=1, max_size=12)


@given(values, st.sampled_from(["minimize", "maximize"]))
def test_best_so_far_is_the_best_that_the_optimizer_had(told: list[tuple[int, float | None]], way: Direction) -> None:
    optimizer = Optimizer(Space({"n": Integer(0, 3)}), direction=way, device="cpu")
    bests = []
    for n, value in told:
        optimizer.tell({"n": n}, value)
        finished = any(trial.state == "complete" for trial in optimizer.trials)
        bests.append(optimizer.best.value if finished else math.nan)
    experiments = Experiments.of(optimizer, need_values=False)
    assert experiments.best_so_far().tolist() == pytest.approx(bests, nan_ok=True)
    assert experiments.finished.tolist() == [value is not None for _, value in told]
    if bool(experiments.finished.any()):
        assert experiments.trials[experiments.best_index()].config == optimizer.best.config


def test_pending_trials_are_left_out_but_keep_their_numbers() -> None:
    optimizer = Optimizer(Space({"n": Integer(0, 9)}), device="cpu")
    configs = optimizer.ask(3)
    optimizer.tell(configs[2], 1.0)
    experiments = Experiments.of(optimizer)
    assert experiments.numbers.tolist() == [3]
    torch.testing.assert_close(experiments.X, optimizer.space.encode([configs[2]]))


@given(st.integers(1, 200), st.integers(1, 50), st.data())
def test_thinned_keeps_order_ends_and_the_one_that_matters(n: int, most: int, data: st.DataObject) -> None:
    keep = data.draw(st.integers(0, n - 1))
    kept = thinned(torch.arange(n), most, keep).tolist()
    assert len(kept) == min(n, most)
    assert kept == sorted(set(kept))
    assert keep in kept
