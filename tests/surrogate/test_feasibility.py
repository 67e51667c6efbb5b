"""The probability of success."""

import torch

from gpbop import Categorical, Float, Space
from gpbop.kernels.closed_form import ClosedForm
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.feasibility import LEAST_PROBABILITY, Feasibility

SPACE = Space({"a": Float(0.0, 1.0), "b": Categorical(["x", "y"])})
FORM = ClosedForm(columns_of(SPACE))


def test_probabilities_separate_a_region_that_fails() -> None:
    X = SPACE.encode(SPACE.sample(60, 0))
    fails = X[:, 0] > 0.6
    feasibility = Feasibility.of(FORM, X, ~fails)
    queries = SPACE.encode(SPACE.sample(300, 1))
    p = feasibility.probability(queries)
    assert bool(((p >= LEAST_PROBABILITY) & (p <= 1.0)).all())
    inside, outside = p[queries[:, 0] > 0.7], p[queries[:, 0] < 0.5]
    assert float(inside.max()) < 0.5 < float(outside.min())


def test_all_successes_are_near_one_and_all_failures_near_zero() -> None:
    X = SPACE.encode(SPACE.sample(30, 0))
    every = torch.ones(30, dtype=torch.bool)
    assert float(Feasibility.of(FORM, X, every).probability(X).min()) > 0.95
    assert float(Feasibility.of(FORM, X, ~every).probability(X).max()) < 0.05


def test_order_does_not_matter() -> None:
    X = SPACE.encode(SPACE.sample(20, 0))
    succeeded = X[:, 0] < 0.5
    queries = SPACE.encode(SPACE.sample(10, 3))
    forward = Feasibility.of(FORM, X, succeeded).probability(queries)
    backward = Feasibility.of(FORM, X.flip(0), succeeded.flip(0)).probability(queries)
    torch.testing.assert_close(forward, backward)
