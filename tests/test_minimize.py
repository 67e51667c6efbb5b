"""Laws of the whole loop: it ends cleanly, loses nothing, and reports what failed."""

import math
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from gpbop import Categorical, Float, GpbopWarning, Integer, Optimizer, Space, maximize, minimize
from gpbop.errors import AcquisitionError, ArgumentError, NoTrialsError, ObjectiveError
from gpbop.stopping import (
    Budget,
    ExpectedImprovement,
    Patience,
    ProbableImprovement,
    RemainingError,
    StoppingRule,
    Target,
)

GRID = Space({"a": Integer(0, 9), "b": Integer(0, 9)})


def bowl(config: dict[str, Any]) -> float:
    return float((config["a"] - 3) ** 2 + (config["b"] - 7) ** 2)


class Sequence:
    """An objective that returns, or raises, one thing after another."""

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.seen: list[dict[str, Any]] = []

    def __call__(self, config: dict[str, Any]) -> Any:
        self.seen.append(dict(config))
        result = self.results.pop(0)
        config.clear()  # an objective may spoil what it is given
        if isinstance(result, BaseException):
            raise result
        return result


def test_it_finds_the_best_and_keeps_every_trial() -> None:
    result = minimize(bowl, GRID, trials=16)
    assert result.config == {"a": 3, "b": 7}
    assert result.value == result.best.value == 0.0
    assert result.reason == "All 16 experiments were made."
    assert [trial.number for trial in result.trials] == list(range(16))
    assert all(trial.value == bowl(trial.config) for trial in result.trials)


def test_maximizing_is_minimizing_the_negative() -> None:
    down, up = minimize(bowl, GRID, trials=8), maximize(lambda config: -bowl(config), GRID, trials=8)
    assert [trial.config for trial in down.trials] == [trial.config for trial in up.trials]
    assert down.value == -up.value


def test_it_is_the_loop_of_ask_and_tell() -> None:
    optimizer = Optimizer(GRID, seed=4, acquisition="ucb", design="random", initial=3)
    for _ in range(7):
        config = optimizer.ask()
        optimizer.tell(config, bowl(config))
    result = minimize(bowl, GRID, 7, seed=4, acquisition="ucb", design="random", initial=3)
    assert result.optimizer.to_dict() == optimizer.to_dict()


def test_failures_are_kept_reported_and_do_not_end_it() -> None:
    results = (None, 1.0, math.nan, -math.inf, ValueError("bad\nluck"), ZeroDivisionError(), "0.3", 0.5)
    objective = Sequence(*results)
    with pytest.warns(GpbopWarning) as warned:
        result = minimize(objective, GRID, trials=8)
    reasons = [trial.reason for trial in result.trials]
    assert reasons[:6] == [
        "no value",
        None,
        "the value was nan",
        "the value was -inf",
        "ValueError: bad\nluck",
        "ZeroDivisionError",
    ]
    assert reasons[6] is not None
    assert reasons[6].startswith("`value` must be a number, or None for a failed experiment; got '0.3' of type str.")
    assert result.value == 0.5
    assert [trial.config for trial in result.trials] == objective.seen
    messages = [str(warning.message) for warning in warned]
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert messages == [f"experiment {t.number} failed with {t.config}: {t.reason}" for t in failed]
    assert {warning.filename for warning in warned} == {__file__}


def test_when_all_fail_the_answer_names_the_last_reason() -> None:
    with pytest.warns(GpbopWarning):
        result = maximize(Sequence(*[RuntimeError(f"no {i}") for i in range(6)]), GRID, trials=6, initial=2)
    assert len({tuple(trial.config.items()) for trial in result.trials}) == 6
    for answer in ("best", "config", "value"):
        with pytest.raises(NoTrialsError, match="6 failed, the last because: RuntimeError: no 5"):
            getattr(result, answer)


@pytest.mark.parametrize("first", [[], [None]])
def test_a_value_that_is_no_number_is_a_mistake_while_there_is_nothing_to_lose(first: list[None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GpbopWarning)
        with pytest.raises(ObjectiveError, match=r"`value` must be a number, .* got \{'loss': 1\.0\} of type dict"):
            minimize(Sequence(*first, {"loss": 1.0}), GRID)


def test_ctrl_c_returns_what_it_has() -> None:
    objective = Sequence(3.0, 2.0, KeyboardInterrupt())
    with pytest.warns(GpbopWarning, match="interrupted after 2 of 9 experiments") as warned:
        result = minimize(objective, GRID, trials=9)
    assert result.reason == "Interrupted after 2 of 9 experiments."
    assert result.value == 2.0
    assert [trial.state for trial in result.trials] == ["complete", "complete", "pending"]
    assert [trial.config for trial in result.trials] == objective.seen
    assert warned[0].filename == __file__
    assert result.optimizer.ask() not in objective.seen


def test_other_ways_out_are_left_open() -> None:
    with pytest.raises(SystemExit):
        minimize(Sequence(1.0, SystemExit()), GRID)


def test_a_space_that_is_used_up_ends_it() -> None:
    space = Space({"on": Categorical([False, True]), "n": Integer(0, 1, when={"on": [True]})})
    result = minimize(lambda config: float(config.get("n", 2)), space, trials=40)
    assert result.reason == "All 3 configs were tried."
    assert result.config == {"on": True, "n": 0}
    assert len(result.trials) == 3


def test_a_nested_search_that_runs_dry_is_a_failure_of_the_objective() -> None:
    one = Space({"c": Categorical(["a"])})

    def nested(config: dict[str, Any]) -> float:
        inner = Optimizer(one)
        inner.ask()
        inner.ask()
        return 0.0

    with pytest.warns(GpbopWarning, match="SpaceExhausted"):
        result = minimize(nested, Space({"x": Float(0.0, 1.0)}), trials=2)
    assert result.reason == "All 2 experiments were made."


@pytest.mark.parametrize("trials", [0, -3, 2.5, "4", True, None])
def test_bad_number_of_trials(trials: Any) -> None:
    objective = Sequence()
    with pytest.raises(ArgumentError, match=r"`trials` must be a whole number of at least 1; got .* Say how many"):
        minimize(objective, GRID, trials=trials)
    assert objective.seen == []


def test_bad_objective_and_options() -> None:
    with pytest.raises(
        ObjectiveError, match=r"`objective` must be a function of a config; got 1\.0\. Pass it uncalled\."
    ):
        minimize(1.0, GRID)  # type: ignore[arg-type]
    with pytest.raises(AcquisitionError, match=r"`acquisition` must be one of"):
        minimize(bowl, GRID, acquisition="best")
    with pytest.raises(TypeError, match="sed"):
        minimize(bowl, GRID, sed=3)


def test_the_progress_bar_counts_and_shows_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    minimize(bowl, GRID, trials=5, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "5/5" in shown.err
    assert "best" in shown.err
    minimize(bowl, GRID, trials=2)  # the tests' standard error is no terminal
    minimize(bowl, GRID, trials=2, progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_closed_whatever_ends_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        minimize(Sequence(SystemExit()), GRID, progress=True)
    assert "0/40" in capsys.readouterr().err


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["minimize", "maximize"])
def test_a_rule_ends_it_and_says_why(sign: float) -> None:
    search = minimize if sign > 0 else maximize
    full = search(lambda config: sign * bowl(config), GRID, trials=30)
    values = [sign * trial.value for trial in full.trials if trial.value is not None]
    target = min(values[:10])
    stopped = search(lambda config: sign * bowl(config), GRID, trials=30, stop=[Patience(30), Target(sign * target)])
    ended = len(stopped.trials)
    assert [trial.config for trial in stopped.trials] == [trial.config for trial in full.trials[:ended]]
    assert ended == values.index(target) + 1
    assert stopped.reason == Target(sign * target).check(stopped.optimizer)
    assert full.reason == "All 30 experiments were made."


def test_rules_that_ask_the_model_do_not_change_the_search() -> None:
    rules = [RemainingError(1e-12), ExpectedImprovement(1e-12), ProbableImprovement(1e-12)]
    asked = [minimize(bowl, GRID, 14, stop=stop).optimizer.to_dict() for stop in (rules, [], None)]
    assert asked[0] == asked[1] == asked[2]
    stopped = minimize(bowl, GRID, 60, stop=ExpectedImprovement(0.01))
    assert stopped.config == {"a": 3, "b": 7}
    assert len(stopped.trials) < 60
    assert stopped.reason.startswith("The largest expected improvement of the ")


def test_time_runs_from_the_first_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100, 200))
    clock = SimpleNamespace(monotonic=lambda: float(next(now)))
    monkeypatch.setattr(sys.modules["gpbop.minimize"], "time", clock)  # gpbop.minimize itself is the function
    result = minimize(bowl, GRID, stop=Budget(seconds=4.0))
    assert result.reason == "The budget of 4 seconds is used up: 4.0 seconds, 4 experiments."
    assert len(result.trials) == 4


@pytest.mark.parametrize("stop", [Target, 0.1, "ei", [Target(1.0), 2], {"target": 1.0}])
def test_bad_stop(stop: Any) -> None:
    objective = Sequence()
    with pytest.raises(ArgumentError, match=r"`stop` must be a stopping rule or a list of them; got .* Write stop="):
        minimize(objective, GRID, stop=stop)
    assert objective.seen == []


def test_ctrl_c_while_a_rule_looks_counts_what_was_made() -> None:
    class Interrupted(StoppingRule):
        def check(self, optimizer: Optimizer, seconds: float = 0.0) -> None:
            if len(optimizer.trials) == 3:
                raise KeyboardInterrupt

    with pytest.warns(GpbopWarning, match="interrupted after 3 of 9 experiments"):
        result = minimize(bowl, GRID, trials=9, stop=Interrupted())
    assert result.reason == "Interrupted after 3 of 9 experiments."
