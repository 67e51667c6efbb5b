"""The answer of scoring is that of dense float64 scoring, candidate by candidate: same set, same order, every time."""

import math
import warnings
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.acquisition import Question
from gpbop.errors import AcquisitionError, ArgumentError, NumericalWarning, ShapeError
from gpbop.scoring import Top, score, score_all, search
from gpbop.scoring.criteria import MOMENT_CRITERIA
from gpbop.scoring.sources import SourceError
from tests.scoring.candidates import InMemory, all_stages, plain_order, process
from tests.spaces import spaces

MIXED = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "d": Float(0.0, 1.0),
    }
)
ALL = (*MOMENT_CRITERIA, "thompson")


def points(space: Space, m: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return space.from_unit(torch.rand(m, space.d, generator=generator, dtype=torch.float64))


def check(
    gp: GaussianProcess, X: Tensor, name: str, k: int, *, question: Question | None = None, **options: Any
) -> Top:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)  # jitter, where the noise is tiny
        order, _ = plain_order(name, question or Question(gp), X)
        options = {"threads": 1, "skip_observed": False, **options}
        top = score(gp, InMemory(gp.space, X), acquisition=name, k=k, **options)
    assert top.indices == order[:k]
    assert top.certificate.is_complete
    return top


@settings(max_examples=30)
@given(data=st.data())
def test_the_best_are_those_of_dense_scoring(data: st.DataObject) -> None:
    space = data.draw(spaces())
    noise = data.draw(st.sampled_from([1e-6, 1e-4, 1e-2, 1.0]))
    gp = process(
        space,
        data.draw(st.integers(1, 90)),
        noise=noise,
        lengthscale=data.draw(st.sampled_from([0.05, 0.3, 1.0, 10.0])),
        outputscale=data.draw(st.sampled_from([0.01, 1.0, 50.0])),
        smoothness=data.draw(st.sampled_from(["matern52", "matern32", "rbf"])),
        seed=data.draw(st.integers(0, 10**6)),
        repeats=data.draw(st.integers(0, 1)),
    )
    X = points(space, data.draw(st.integers(1, 120)), data.draw(st.integers(0, 10**6)))
    name = data.draw(st.sampled_from(MOMENT_CRITERIA))
    direction = data.draw(st.sampled_from(["minimize", "maximize"]))
    rows, threads = data.draw(st.sampled_from([1, 7, 64, 1000])), data.draw(st.sampled_from([1, 2]))
    question = Question(gp, direction)
    options = {"direction": direction, "block_rows": rows, "threads": threads}
    k = data.draw(st.integers(1, 40))
    check(gp, X, name, k, question=question, **options)
    with all_stages(data.draw(st.integers(1, 2**15 - 1)), data.draw(st.sampled_from([1, 30, 1000]))):
        check(gp, X, name, k, question=question, **options)


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
@pytest.mark.parametrize("n", [40, 400])
def test_bounds_rule_out_most_and_change_nothing(name: str, n: int) -> None:
    space = Space({**{f"x{i}": Float(0.0, 1.0) for i in range(3)}, "c": Categorical(["A", "B", "C"])})
    gp = process(space, n, noise=1e-2, lengthscale=0.7)
    top = check(gp, points(space, 2000), name, 10, block_rows=500)
    assert top.certificate.candidates == 2000
    entered = [stage.entered for stage in top.certificate.stages]
    assert entered[0] == 2000
    assert entered == sorted(entered, reverse=True)
    assert sum(stage.settled for stage in top.certificate.stages) == 2000
    if n == 400 and name in ("ei", "ucb"):
        assert entered[-1] < 500
        assert top.certificate.dense_share < 0.6


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_every_stage_is_of_use(name: str) -> None:
    """Each stage settles some of what enters it, and all of them together change nothing."""
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["A", "B", "C"])})
    gp, X = process(space, 200, noise=1e-3, lengthscale=0.7), points(space, 1500)
    order, _ = plain_order(name, Question(gp), X)
    for chosen in (0b101, 0b1010101, 0b11110000000000, -1):
        with all_stages(chosen):
            source = InMemory(space, X)
            top = score(gp, source, acquisition=name, k=10, block_rows=300, threads=1, skip_observed=False)
        assert top.indices == order[:10]
        settled = [stage.settled for stage in top.certificate.stages if stage.entered]
        assert sum(settled) == len(X)
        assert name == "noisy_ei" or sum(count > 0 for count in settled) >= 4


@pytest.mark.parametrize("name", ALL)
def test_blocks_threads_and_their_order_change_nothing(name: str) -> None:
    gp, X = process(MIXED, 50), points(MIXED, 400)
    first = check(gp, X, name, 20)
    for rows, threads, backwards in ((1, 2, False), (13, 1, True), (100, 2, True), (5000, 3, False)):
        source = InMemory(MIXED, X, backwards=backwards)
        again = score(gp, source, acquisition=name, k=20, block_rows=rows, threads=threads)
        assert (again.indices, again.values, again.mean, again.std) == (
            first.indices,
            first.values,
            first.mean,
            first.std,
        )


@pytest.mark.parametrize("name", ALL)
def test_ties_go_by_index(name: str) -> None:
    gp = process(MIXED, 30)
    X = points(MIXED, 40).repeat(8, 1)
    top = check(gp, X, name, 50, block_rows=64)
    assert len(set(top.values)) == math.ceil(50 / 8)


@pytest.mark.parametrize("name", ALL)
def test_all_candidates_equal(name: str) -> None:
    gp = process(MIXED, 30)
    top = check(gp, points(MIXED, 1).repeat(1500, 1), name, 7, block_rows=300)
    assert top.indices == list(range(7))


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
@pytest.mark.parametrize("noise", [1e-6, 1e-2])
def test_training_points_and_their_neighbours(name: str, noise: float) -> None:
    gp = process(MIXED, 40, noise=noise)
    near = gp.X.repeat(3, 1)
    near[len(gp.X) :, [0, 3]] += 1e-9 * torch.arange(2 * len(gp.X), dtype=torch.float64).unsqueeze(1)
    check(gp, MIXED.canonicalize(torch.cat([gp.X, near])), name, 30)


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
@pytest.mark.parametrize("step", [1e-16, 1e-13, 1e-10])
def test_candidates_that_hardly_differ(name: str, step: float) -> None:
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    gp = process(space, 60)
    X = torch.tensor([[0.3, 0.6]], dtype=torch.float64) + step * torch.arange(200, dtype=torch.float64).unsqueeze(1)
    check(gp, X.flip(0), name, 20, block_rows=32)


@pytest.mark.parametrize("lengthscale", [1e-2, 100.0])
@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_far_from_all_data_and_flat(name: str, lengthscale: float) -> None:
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(6)})
    check(process(space, 50, lengthscale=lengthscale), points(space, 400), name, 25, block_rows=128)


@pytest.mark.parametrize("name", ALL)
def test_fewer_candidates_than_wanted_all_come_back(name: str) -> None:
    top = check(process(MIXED, 20), points(MIXED, 12), name, 100)
    assert len(top) == 12
    assert "only 12 candidates" in top.certificate.note


def test_incumbents_far_from_all_means() -> None:
    gp, X = process(MIXED, 40), points(MIXED, 250)
    for best_f in (-1e3, 0.0, 1e3):
        for name in ("ei", "pi"):
            check(gp, X, name, 15, question=Question(gp, best_f=best_f), best_f=best_f)


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_pending_points_count(name: str) -> None:
    gp, X = process(MIXED, 40), points(MIXED, 300)
    pending = points(MIXED, 3, seed=9)
    check(gp, X, name, 15, question=Question(gp, X_pending=pending), X_pending=pending)


@pytest.mark.parametrize("name", ALL)
def test_all_scores_are_those_of_the_best(name: str) -> None:
    gp, X = process(MIXED, 40), points(MIXED, 200)
    top = check(gp, X, name, 200, direction="maximize", question=Question(gp, "maximize"))
    parts = list(score_all(gp, InMemory(MIXED, X), acquisition=name, direction="maximize", block_rows=33))
    index = torch.cat([part.index for part in parts])
    assert index.tolist() == list(range(200))
    place = torch.tensor(top.indices)
    for field, expected in (("values", top.values), ("mean", top.mean), ("std", top.std)):
        found = torch.cat([getattr(part, field) for part in parts])[place]
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-8, atol=1e-8)
    prediction = gp.predict(top.configs)
    torch.testing.assert_close(prediction.mean, torch.tensor(top.mean, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_values_are_in_the_units_of_the_objective() -> None:
    configs = MIXED.decode(points(MIXED, 25))
    values = [math.sin(7.0 * config["a"]) for config in configs]
    theta = GaussianProcess.fit(MIXED, configs, values, restarts=1).fit_state.theta
    one, other = (
        GaussianProcess.fit(MIXED, configs, [size * value - 5.0 for value in values], hyperparameters=theta)
        for size in (1.0, 1e3)
    )
    source = InMemory(MIXED, points(MIXED, 100, seed=3))
    for name, expected in (
        ("ei", lambda value: value + math.log(1e3)),
        ("pi", lambda value: value),
        ("max_variance", lambda value: 1e3 * value),
        ("ucb", lambda value: 1e3 * (value - 5.0) + 5.0),
    ):
        first, second = (score(gp, source, acquisition=name, k=5, threads=1) for gp in (one, other))
        assert first.indices == second.indices
        assert second.values == pytest.approx([expected(value) for value in first.values], rel=1e-8)


def test_ctrl_c_returns_the_best_so_far_marked_incomplete() -> None:
    class Interrupted(InMemory):
        def blocks(self, rows: int, *, device: Any = None) -> Any:
            for number, block in enumerate(super().blocks(rows, device=device)):
                if number == 3:
                    raise KeyboardInterrupt
                yield block

    gp, X = process(MIXED, 30), points(MIXED, 500)
    for threads in (1, 2):
        top = score(gp, Interrupted(MIXED, X), k=5, block_rows=50, threads=threads)
        assert not top.certificate.is_complete
        assert top.certificate.candidates <= 150
        assert all(index < 150 for index in top.indices)


def test_torch_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    score(process(MIXED, 10), InMemory(MIXED, points(MIXED, 50)), k=5, threads=2)
    assert torch.get_num_threads() == before


def test_mistakes_are_named() -> None:
    gp, source = process(MIXED, 10), InMemory(MIXED, points(MIXED, 50))
    with pytest.raises(AcquisitionError, match="`acquisition` must be one of"):
        score(gp, source, acquisition="integrated_variance")
    with pytest.raises(ArgumentError, match="`direction` must be"):
        score(gp, source, direction="up")  # type: ignore[arg-type]
    for name in ("k", "threads", "block_rows"):
        with pytest.raises(ShapeError, match=f"`{name}` must be a positive int"):
            score(gp, source, **{name: 0})
    other = Space({"x": Float(0.0, 1.0)})
    with pytest.raises(SourceError, match="space"):
        score(gp, InMemory(other, points(other, 5)))


@pytest.mark.parametrize("k", [1, 20, 300])
@pytest.mark.parametrize("name", ALL)
def test_few_candidates_are_all_computed(name: str, k: int) -> None:
    gp, X = process(MIXED, 40), points(MIXED, 300)
    with mock.patch.object(search, "FEW", 2048):
        top = check(gp, torch.cat([X, X[:5]]), name, k)
    assert [stage.name for stage in top.certificate.stages] == ["dense"]
    assert top.certificate.dense_share == 1.0
