"""The search against brute force, and what it must never propose."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Integer, Ordinal, Space, SpaceExhausted
from gpbop.acquisition import FunctionAcquisition, Question, acquisition
from gpbop.search import Avoided, maximize_acquisition, unseen
from gpbop.search.maximize import EXHAUSTIVE_SIZE

SMALL = Space(
    {
        "n": Ordinal([1, 2, 4, 8]),
        "b": Categorical(["x", "y"]),
        "p": Float(0.0, 0.5, step=0.1, when={"b": ["y"]}),
    }
)
LARGE = Space(
    {
        "n": Integer(1, 100),
        "k": Integer(1, 10),
        "b": Categorical(["x", "y", "z"]),
        "p": Float(0.0, 1.0, step=0.05, when={"b": ["x", "y"]}),
        "c": Categorical(["u", "v"], when={"b": ["z"]}),
    }
)
CONTINUOUS = Space(
    {"a": Float(0.0, 1.0), "b": Categorical(["x", "y", "z"]), "c": Float(0.0, 1.0, when={"b": ["x", "y"]})}
)


def everything(space: Space) -> Tensor:
    return space.grid_rows(torch.arange(int(space.size)))


def smooth(X: Tensor) -> Tensor:
    return -(X - 0.37).square().sum(-1) + torch.sin(3.0 * X[:, 0])


@given(st.sets(st.integers(0, 27), max_size=28))
def test_small_space_equals_brute_force_without_the_avoided(avoided: set[int]) -> None:
    X = everything(SMALL)
    value = FunctionAcquisition(smooth)
    X_avoid = X[sorted(avoided)]
    left = [i for i in range(len(X)) if i not in avoided]
    if not left:
        with pytest.raises(SpaceExhausted, match="28 configs"):
            maximize_acquisition(value, SMALL, X_avoid=X_avoid)
        return
    found = maximize_acquisition(value, SMALL, X_avoid=X_avoid)
    best = max(left, key=lambda i: float(smooth(X[i : i + 1])))
    assert torch.equal(found.x, X[best : best + 1])
    assert found.value == pytest.approx(float(smooth(X[best : best + 1])))


def test_repeats_on_request() -> None:
    X = everything(SMALL)
    found = maximize_acquisition(FunctionAcquisition(smooth), SMALL, X_avoid=X, repeats=True)
    assert torch.equal(found.x[0], X[smooth(X).argmax()])


@settings(max_examples=8)
@given(st.integers(0, 1000))
def test_large_space_reaches_the_best_of_its_grid(seed: int) -> None:
    """6,000 times 42 configs are too many to score in a search; brute force here shows what it should find."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(5, generator=generator, dtype=torch.float64)
    X = everything(LARGE)
    assert len(X) > EXHAUSTIVE_SIZE

    def value(rows: Tensor) -> Tensor:
        return -((rows - weights).square() * (1.0 + weights)).sum(-1)

    found = maximize_acquisition(FunctionAcquisition(value), LARGE, X_avoid=X[:0], seed=seed)
    assert found.value == pytest.approx(float(value(X).max()), abs=1e-9)
    rank = int((value(X) > found.value + 1e-12).sum())
    assert rank == 0


def test_continuous_optimum_is_exact() -> None:
    def value(rows: Tensor) -> Tensor:
        wanted = rows.new_tensor([0.123, 1.0, 0.789])
        return -(rows - wanted).square().sum(-1)

    found = maximize_acquisition(FunctionAcquisition(value), CONTINUOUS, X_avoid=torch.zeros(0, 3, dtype=torch.float64))
    torch.testing.assert_close(found.x[0], torch.tensor([0.123, 1.0, 0.789], dtype=torch.float64), atol=1e-2, rtol=0)
    config = CONTINUOUS.decode(found.x)[0]
    assert torch.equal(CONTINUOUS.encode([config]), found.x), "canonical: the config stands for exactly this point"


@pytest.mark.parametrize("name", ["ei", "ucb", "max_variance", "noisy_ei", "integrated_variance", "thompson"])
def test_beats_many_random_points(name: str) -> None:
    configs = CONTINUOUS.sample(15, 0)
    values = [(c["a"] - 0.6) ** 2 + (c["b"] == "z") * 0.3 + abs(c.get("c", 0.5) - 0.2) for c in configs]
    gp = GaussianProcess.fit(CONTINUOUS, configs, values)
    value = acquisition(name, Question(gp, seed=2))
    found = maximize_acquisition(value, CONTINUOUS, X_avoid=gp.X, X_good=gp.X[:4])
    with torch.no_grad():
        random = value(CONTINUOUS.encode(CONTINUOUS.sample(5000, 9)))
    assert found.value >= float(random.max()) - 1e-6


def test_never_proposes_what_is_avoided_in_a_large_space() -> None:
    def value(rows: Tensor) -> Tensor:
        return -(rows - 0.5).square().sum(-1)

    X_avoid = torch.zeros(0, LARGE.d, dtype=torch.float64)
    for _ in range(20):
        found = maximize_acquisition(FunctionAcquisition(value), LARGE, X_avoid=X_avoid)
        assert bool(Avoided(X_avoid).new(found.x).all())
        X_avoid = torch.cat([X_avoid, found.x])


def test_same_seed_same_answer() -> None:
    value = FunctionAcquisition(smooth)
    X_avoid = torch.zeros(0, 5, dtype=torch.float64)
    first, second = (maximize_acquisition(value, LARGE, X_avoid=X_avoid, seed=3) for _ in range(2))
    assert torch.equal(first.x, second.x)
    assert first.value == second.value


def test_nan_values_are_never_chosen() -> None:
    def value(rows: Tensor) -> Tensor:
        return torch.where(rows[:, 0] > 0.5, torch.nan, rows[:, 0])

    X = everything(SMALL)
    found = maximize_acquisition(FunctionAcquisition(value), SMALL, X_avoid=X[:0])
    assert float(found.x[0, 0]) <= 0.5


def test_unseen_finds_the_last_one() -> None:
    space = Space({"n": Integer(0, 9999)})
    X = everything(space)
    left = 7321
    avoided = Avoided(torch.cat([X[:left], X[left + 1 :]]))
    assert torch.equal(unseen(space, avoided, 0), X[left : left + 1])
    with pytest.raises(SpaceExhausted):
        unseen(space, Avoided(X), 0)


def test_all_nan_still_finds_a_config() -> None:
    found = maximize_acquisition(
        FunctionAcquisition(lambda rows: rows[:, 0] * torch.nan), LARGE, X_avoid=torch.zeros(0, 5, dtype=torch.float64)
    )
    assert torch.equal(LARGE.canonicalize(found.x), found.x)


def test_unseen_finds_a_rare_continuous_branch() -> None:
    space = Space({"c": Categorical(list(range(2000))), "x": Float(0.0, 1.0, when={"c": [0]})})
    avoided = Avoided(space.encode([{"c": i} for i in range(1, 2000)]))
    assert float(unseen(space, avoided, 0)[0, 0]) == 0.0


def test_what_is_beside_a_tried_optimum_is_found() -> None:
    """Where climbs end on tried points, the answer is at least as good as every untried neighbour of theirs."""
    space = Space({f"n{i}": Integer(1, 8) for i in range(6)})
    centre = torch.full((6,), 3.0 / 7.0, dtype=torch.float64)

    def value(rows: Tensor) -> Tensor:
        return -(rows - centre).square().sum(-1)

    X_avoid = torch.zeros(0, 6, dtype=torch.float64)
    for _ in range(13):  # the centre, then its twelve neighbours, all of one value
        found = maximize_acquisition(FunctionAcquisition(value), space, X_avoid=X_avoid)
        assert float((found.x - centre).abs().sum()) < 1.0 / 7.0 + 1e-9
        X_avoid = torch.cat([X_avoid, found.x])


def test_an_avoided_config_is_never_proposed_for_nan() -> None:
    space = Space({"k": Integer(1, 5)})
    X = everything(space)
    found = maximize_acquisition(FunctionAcquisition(lambda rows: rows[:, 0] * torch.nan), space, X_avoid=X[:2])
    assert float(found.x) > float(X[1])
