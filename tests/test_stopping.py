"""Laws of the stopping rules: each speaks exactly when its condition, computed here again, holds; with its numbers."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Float, Integer, Optimizer, Space
from gpbop.acquisition import Question, acquisition
from gpbop.errors import ArgumentError, NumericalError
from gpbop.scoring import score_all
from gpbop.stopping import (
    AnyOf,
    Budget,
    ExpectedImprovement,
    Patience,
    ProbableImprovement,
    RemainingError,
    StoppingRule,
    Target,
    improvement,
    modelled,
)
from gpbop.surrogate import GaussianProcess
from tests.searches import GRID, SMALL, SQUARE, loss

TREE = Space(
    {"n": Integer(0, 20), "kind": Categorical(["a", "b"]), "p": Float(0.0, 1.0, step=0.25, when={"kind": ["b"]})}
)
MODELLED: list[Callable[[float], StoppingRule]] = [RemainingError, ExpectedImprovement, ProbableImprovement]
SIGNS = {"minimize": 1.0, "maximize": -1.0}


def search(space: Space, rounds: int, direction: Any = "minimize", **options: Any) -> Optimizer:
    """Return a search on a scaled smooth loss."""
    optimizer = Optimizer(space, direction=direction, **options)
    for _ in range(rounds):
        config = optimizer.ask()
        optimizer.tell(config, SIGNS[direction] * 50.0 * loss(space, config))
    return optimizer


def told(values: list[float | None], direction: Any = "minimize", initial: int = 1) -> Optimizer:
    """Return a search that was told values for configs one after another."""
    optimizer = Optimizer(GRID, direction=direction, initial=initial)
    for config, value in zip(GRID.grid(), values, strict=False):
        optimizer.tell(config, value)
    return optimizer


def numbers(sentence: str | None) -> list[float]:
    """Return the numbers of a sentence, which is one."""
    assert sentence is not None
    assert re.fullmatch(r"[A-Z][^\n]*[a-z0-9]\.", sentence)
    return [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]\d+)?(?!\w)", sentence)]


def dense(name: str, optimizer: Optimizer, best_f: float | None = None) -> float:
    """Return the largest value at an untried config: every config scored, those tried found by comparing dicts."""
    tried = [trial.config for trial in optimizer.trials]
    blocks = score_all(optimizer.gp, optimizer.space, acquisition=name, direction=optimizer.direction, best_f=best_f)
    values = torch.cat([block.values for block in blocks]).exp().tolist()
    untried = [config not in tried for config in optimizer.space.grid()]
    return max(value for value, is_new in zip(values, untried, strict=True) if is_new)


def holds_from(rule: Callable[[float], StoppingRule], value: float, optimizer: Optimizer) -> list[float]:
    """Check that a rule is silent at a tolerance just under a value and speaks just over it; return its numbers."""
    assert rule(value * (1.0 - 1e-6)).check(optimizer) is None
    return numbers(rule(value * (1.0 + 1e-6)).check(optimizer))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("space", [GRID, TREE], ids=["grid", "tree"])
@pytest.mark.parametrize("rounds", [6, 14])
def test_model_rules_are_exact_over_finite_spaces(space: Space, direction: str, rounds: int) -> None:
    optimizer = search(space, rounds, direction, seed=3)
    gp, values = optimizer.gp, [trial.value for trial in optimizer.trials if trial.value is not None]
    observed, left = max(values) - min(values), int(space.size) - rounds
    error = float(optimizer.predict(list(space.grid())).std.mean())
    ei, pi = dense("ei", optimizer), dense("pi", optimizer)
    best = min(values) if direction == "minimize" else max(values)

    said = holds_from(RemainingError, error, optimizer)
    assert said == pytest.approx([space.size, error, error, rounds], rel=1e-3)
    said = holds_from(lambda share: RemainingError(share, relative=True), error / observed, optimizer)
    assert said == pytest.approx([space.size, error, error / observed, observed, rounds], rel=1e-3)
    assert holds_from(ExpectedImprovement, ei, optimizer) == pytest.approx([left, ei, ei, rounds], rel=1e-3)
    said = holds_from(lambda share: ExpectedImprovement(share, relative=True), ei / observed, optimizer)
    assert said == pytest.approx([left, ei, ei / observed, observed, rounds], rel=1e-3)
    assert holds_from(ProbableImprovement, pi, optimizer) == pytest.approx([left, best, pi, pi, rounds], rel=1e-3)
    by = 0.1 * observed
    margin = dense("pi", optimizer, best - SIGNS[direction] * by)
    assert margin < pi
    said = holds_from(lambda tolerance: ProbableImprovement(tolerance, by), margin, optimizer)
    assert said == pytest.approx([left, best, by, margin, margin, rounds], rel=1e-3)
    assert gp.X.shape[0] == rounds


@pytest.mark.parametrize(("name", "rule"), [("ei", ExpectedImprovement), ("pi", ProbableImprovement)])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_infinite_spaces_are_searched_and_the_sentence_says_so(name: str, rule: Any, direction: str) -> None:
    optimizer = search(SQUARE, 8, direction, seed=1)
    sentence = rule(0.999).check(optimizer) if name == "pi" else rule(1e9).check(optimizer)
    assert "that a search of the space found" in sentence
    found = numbers(sentence)[-3]
    gp = optimizer.gp
    value = acquisition(name, Question(gp, optimizer.direction))
    axis = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)
    with torch.no_grad():
        best = float(value(torch.cartesian_prod(axis, axis)).max().exp())
    best *= gp.standardization.scale if name == "ei" else 1.0
    assert best * 0.999 <= found <= best * 1.3


def test_the_error_over_an_infinite_space_is_a_mean_over_points() -> None:
    optimizer = search(SQUARE, 8, seed=1)
    points, error = numbers(RemainingError(1e9).check(optimizer))[:2]
    assert points == modelled.NUM_POINTS
    assert error == pytest.approx(float(optimizer.predict(SQUARE.sample(4000, 5)).std.mean()), rel=0.03)
    assert RemainingError(error * 0.99).check(optimizer) is None
    assert RemainingError(error * 1.01).check(optimizer) is not None


def test_a_searched_space_agrees_with_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = search(TREE, 9, seed=2)
    exact = [numbers(rule.check(optimizer))[-3] for rule in (ExpectedImprovement(1e9), ProbableImprovement(0.9999))]
    monkeypatch.setattr(improvement, "MOST_SCORED", 10)
    searched = [numbers(rule.check(optimizer))[-3] for rule in (ExpectedImprovement(1e9), ProbableImprovement(0.9999))]
    assert searched == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("rule", [RemainingError(1e9), ExpectedImprovement(1e9), ProbableImprovement(0.9999)])
def test_model_rules_wait_for_the_model(rule: StoppingRule) -> None:
    for rounds in range(6):
        assert (rule.check(search(GRID, rounds, initial=5)) is None) == (rounds < 5)
    assert rule.check(told([None] * 6)) is None  # nothing finished


def test_a_model_that_failed_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> GaussianProcess:
        raise NumericalError("singular")

    optimizer = search(GRID, 5)
    monkeypatch.setattr(GaussianProcess, "of", broken)
    assert [make(0.9).check(optimizer) for make in MODELLED] == [None] * 3


def test_failed_configs_are_tried_and_pending_ones_are_not() -> None:
    optimizer = search(SMALL, 4, initial=2)
    left = 8
    assert numbers(ExpectedImprovement(1e9).check(optimizer))[0] == left
    optimizer.tell(optimizer.ask(), None)
    optimizer.ask()
    assert numbers(ExpectedImprovement(1e9).check(optimizer))[0] == left - 1


def test_nothing_is_left_of_a_space_that_is_used_up() -> None:
    optimizer = search(SMALL, 12)
    assert numbers(ExpectedImprovement(1e-300).check(optimizer))[:2] == [0, 0]
    assert numbers(ProbableImprovement(1e-300).check(optimizer))[0] == 0


def test_a_constant_objective_has_no_range_to_be_a_share_of() -> None:
    optimizer = told([2.5] * 6)
    assert RemainingError(1e9, relative=True).check(optimizer) is None
    assert ExpectedImprovement(1e9, relative=True).check(optimizer) is None


def test_checks_leave_no_trace() -> None:
    watched, alone = Optimizer(SQUARE, seed=5), Optimizer(SQUARE, seed=5)
    for _ in range(9):
        for optimizer in (watched, alone):
            config = optimizer.ask()
            optimizer.tell(config, loss(SQUARE, config))
        for make in MODELLED:
            make(1e-9).check(watched)
    assert watched.to_dict() == alone.to_dict()


VALUES = st.lists(st.none() | st.integers(-5, 5).map(float), max_size=12)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.sampled_from(["minimize", "maximize"]), st.integers(-5, 5), st.integers(1, 4), st.integers(1, 3))
def test_counted_rules_against_a_plain_loop(
    values: list[float | None], direction: str, target: int, rounds: int, initial: int
) -> None:
    optimizer = told(values, direction, initial)
    known = [SIGNS[direction] * value for value in values if value is not None]
    vain, best = 0, math.inf
    for number, value in enumerate(values):
        is_better = value is not None and SIGNS[direction] * value < best
        best = SIGNS[direction] * value if is_better and value is not None else best
        vain = 0 if is_better or number < initial else vain + 1
    sentences = [rule.check(optimizer) for rule in (Target(target), Patience(rounds), Budget(trials=rounds))]
    assert (sentences[0] is not None) == (bool(known) and min(known) <= SIGNS[direction] * target)
    assert (sentences[1] is not None) == (vain >= rounds)
    assert (sentences[2] is not None) == (len(values) >= rounds)
    if sentences[0]:
        assert numbers(sentences[0]) == [
            SIGNS[direction] * best,
            values.index(SIGNS[direction] * best),
            target,
            len(values),
        ]
    if sentences[1]:
        known_best = [SIGNS[direction] * best, values.index(SIGNS[direction] * best)] if known else []
        assert numbers(sentences[1]) == [vain, *known_best, len(values)]
    if sentences[2]:
        assert numbers(sentences[2]) == [rounds, len(values)]


def test_time_is_what_the_caller_counted() -> None:
    rule = Budget(trials=10, seconds=1.5)
    assert rule.check(told([1.0] * 3), 1.4999) is None
    assert numbers(rule.check(told([1.0] * 3), 1.5)) == [1.5, 1.5, 3]
    assert numbers(rule.check(told([1.0] * 10), 0.0)) == [10, 10]


def test_any_of_several_stops_and_the_first_says_why() -> None:
    optimizer = told([3.0, 1.0])
    silent, target, budget = Patience(9), Target(1.0), Budget(trials=2)
    assert AnyOf([]).check(optimizer) is AnyOf([silent]).check(optimizer) is None
    assert AnyOf([silent, target, budget]).check(optimizer) == target.check(optimizer)
    assert AnyOf([silent, AnyOf([budget, target])]).check(optimizer) == budget.check(optimizer)
    assert AnyOf([target, budget]) == AnyOf((target, budget))


def test_rules_keep_plain_numbers() -> None:
    assert Target(torch.tensor(2)).value == 2.0  # type: ignore[arg-type]
    assert RemainingError(1) == RemainingError(1.0)
    assert isinstance(Patience(torch.tensor(3)).rounds, int)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        Target(1.0).value = 2.0  # type: ignore[misc]


NOT_POSITIVE = [0, 0.0, -1.0, math.nan, math.inf, "0.1", None, True, [0.1]]
NOT_COUNTS = [0, -1, 2.5, "3", True, math.nan]


@pytest.mark.parametrize("make", MODELLED)
@pytest.mark.parametrize("tolerance", NOT_POSITIVE)
def test_bad_tolerances(make: Callable[[Any], StoppingRule], tolerance: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^`tolerance` must be a .* over 0.*; got .*\. .*\.$"):
        make(tolerance)


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (lambda value: RemainingError(1.0, relative=value), [1, None, "yes"], "`relative` must be True or False"),
        (lambda value: ExpectedImprovement(1.0, relative=value), [1, None, "yes"], "`relative` must be True or False"),
        (lambda value: ProbableImprovement(value), [1.0, 5], "`tolerance` must be a probability over 0 and under 1"),
        (lambda value: ProbableImprovement(0.1, value), [-1e-300, math.nan, True, "0"], "`by` must be .* at least 0"),
        (lambda value: Budget(trials=value), NOT_COUNTS, "`trials` must be a whole number of at least 1"),
        (
            lambda value: Budget(seconds=value),
            [0, -1.0, math.nan, "1", True],
            "`seconds` must be a finite number over 0",
        ),
        (lambda _: Budget(), [None], "`trials` or `seconds` must be given; got neither"),
        (Target, [math.nan, -math.inf, "1", None, True], "`value` must be a finite number"),
        (Patience, [*NOT_COUNTS, None], "`rounds` must be a whole number of at least 1"),
        (AnyOf, [3, "Target", Target, [Target], Target(1.0), [None]], "`stop` must be a stopping rule or a list"),
    ],
)
def test_bad_arguments(make: Callable[[Any], StoppingRule], values: list[Any], message: str) -> None:
    for value in values:
        with pytest.raises(ArgumentError, match=message):
            make(value)
