"""Batches are those of plain greedy choice: re-score everything after each point, take the best, believe it."""

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, Space
from gpbop.acquisition import Question
from gpbop.kernels.fused import backend
from gpbop.scoring import as_source, batch, cascade, early, queue, refining, score, scouting, trials
from gpbop.scoring.criteria import MOMENT_CRITERIA
from gpbop.scoring.held import Held
from gpbop.scoring.queue import Queue
from gpbop.scoring.refining import Refinement
from gpbop.scoring.search import Search
from gpbop.scoring.sources import Grid, Observed, grid, skip_observed
from tests.scoring.candidates import InMemory, plain_order, process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])})


def points(m: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return SPACE.from_unit(torch.rand(m, SPACE.d, generator=generator, dtype=torch.float64))


def plain_greedy(name: str, question: Question, X: Tensor, k: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(min(k, len(X))):
        asked = replace(question, X_pending=X[chosen] if chosen else None)
        order, _values = plain_order(name, asked, X)
        chosen.append(next(index for index in order if index not in chosen))
    return chosen


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
@pytest.mark.parametrize("least", [1, 5, 512])
def test_lazy_greedy_is_greedy(name: str, least: int) -> None:
    gp, X = process(SPACE, 25, noise=1e-2, lengthscale=0.5), points(80)
    expected = plain_greedy(name, Question(gp), X, 8)
    with mock.patch.multiple(batch, QUEUE_SHARE=1, SHARE_BY_VARIANCE=1, LEAST_QUEUE=least):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=8, batch=True, threads=1)
    assert top.indices == expected
    assert top.certificate.is_complete


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_stages_of_a_queue_change_nothing(name: str, threads: int) -> None:
    """Few pivots in the first stage, and more in those of the queue, as with many observations."""
    gp, X = process(SPACE, 40, noise=1e-2, lengthscale=0.5), points(200)
    few = mock.patch.multiple(
        cascade,
        PIVOTS_WITH_MEAN=(4, 8),
        PIVOTS_WITHOUT_MEAN=(4, 8),
        QUEUE_PIVOTS_WITH_MEAN=(8, 20),
        QUEUE_PIVOTS_WITHOUT_MEAN=(8, 20),
    )
    refine, levels = Refinement.__call__, list[int]()

    def noted(self: Refinement, held: Held, level: int) -> Held:
        levels.append(level)
        return refine(self, held, level)

    small = mock.patch.multiple(refining, BUILDING=0.0, BUILDING_QUEUE=0.0, LEAST_PART=10)
    with few, small, mock.patch.object(Refinement, "__call__", noted), mock.patch.object(queue, "FIRST", 4):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=8, batch=True, threads=threads)
    assert top.indices == plain_greedy(name, Question(gp), X, 8)
    # By variance alone they are points nearby, where there are any.
    assert set(levels) == ({"pi": set(), "max_variance": {0} if backend("cpu") else {0, 1}}.get(name, {0, 1}))


@pytest.mark.parametrize(("is_indexed", "noise"), [(True, 1e-4), (False, 1e-1)])
def test_points_nearby_and_those_believed_change_nothing(is_indexed: bool, noise: float) -> None:
    """Candidates need not pass the first stage, and the neighbourhoods of the queue take in what was chosen.

    Those that are skipped are among the candidates that early stages leave.
    """
    pytest.importorskip("numba", reason="Numba is not installed")
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(3)})
    gp = process(space, 150, noise=noise, lengthscale=0.3)
    X = torch.rand(3000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    renew, renewed = Refinement.renew, list[int]()

    def noted(self: Refinement, believed: Tensor, some: Tensor) -> None:
        renewed.append(len(believed))
        renew(self, believed, some)

    with (
        mock.patch.multiple(early, LOCAL_FROM=500, LEAST_KNOWN=50, EARLY_BY_WEIGHT=(24,), ASSIGNED=0.0, TILED=0.0),
        mock.patch.multiple(trials, WORTH_TRYING=1, TRIED=200),
        mock.patch.multiple(batch, SHARE_BY_VARIANCE=8),
        mock.patch.multiple(queue, FIRST=8),
        mock.patch.multiple(refining, BUILDING_QUEUE=0.01),
        mock.patch.object(Refinement, "renew", noted),
    ):
        source = skip_observed(as_source(space, X) if is_indexed else InMemory(space, X), X[::3])
        options: Any = {"block_rows": 500, "threads": 1, "skip_observed": False}
        top = score(gp, source, acquisition="max_variance", k=24, batch=True, **options)
    new = (torch.arange(len(X)) % 3 > 0).nonzero()[:, 0]
    assert top.indices == new[plain_greedy("max_variance", Question(gp), X[new], 24)].tolist()
    assert len(renewed) > 1
    assert renewed == sorted(set(renewed))
    entered = {stage.name: stage.entered for stage in top.certificate.stages}
    assert entered["24 points nearby, float32"] > 1500
    assert not any(name.startswith("150 pivots") for name in entered)


@pytest.mark.parametrize("name", ["ei", "max_variance", "ucb"])
@pytest.mark.parametrize("apart", [1e-12, 1e-10])
def test_near_copies_are_chosen_as_greedy_chooses_them(name: str, apart: float) -> None:
    """Where values differ in their last digits, those of dense scoring decide, for every place in the batch."""
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    for seed in range(6):
        gp = process(space, 3, noise=1e-6, smoothness="rbf", seed=seed)
        generator = torch.Generator().manual_seed(seed)
        X = torch.rand(1, 2, generator=generator) + apart * torch.randn(20, 2, generator=generator, dtype=torch.float64)
        X = X.clamp(0.0, 1.0)
        top = score(gp, InMemory(space, X), acquisition=name, k=4, batch=True, threads=1, skip_observed=False)
        assert top.indices == plain_greedy(name, Question(gp), X, 4)


@pytest.mark.parametrize("name", ["ei", "max_variance", "ucb", "noisy_ei"])
@pytest.mark.parametrize(("noise", "outputscale"), [(1e-9, 1000.0), (1e-13, 1.0)])
def test_where_hardly_any_noise_leaves_no_bound_for_a_queue(name: str, noise: float, outputscale: float) -> None:
    gp, X = process(SPACE, 60, noise=noise, outputscale=outputscale, lengthscale=0.5), points(120)
    expected = plain_greedy(name, Question(gp), X, 4)
    with mock.patch.multiple(batch, QUEUE_SHARE=1, SHARE_BY_VARIANCE=1, LEAST_QUEUE=10):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=4, batch=True, threads=1, skip_observed=False)
    assert top.indices == expected


@pytest.mark.parametrize("name", ["ei", "max_variance", "ucb"])
def test_copies_of_one_point_are_chosen_as_greedy_chooses_them(name: str) -> None:
    gp, X = process(SPACE, 25, noise=1e-1), points(6).repeat(3, 1)
    expected = plain_greedy(name, Question(gp), X, 10)
    assert score(gp, InMemory(SPACE, X), acquisition=name, k=10, batch=True, threads=2).indices == expected


def test_a_batch_of_all_candidates_and_more() -> None:
    gp, X = process(SPACE, 25), points(6)
    for name in (*MOMENT_CRITERIA, "thompson"):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=9, batch=True, threads=1)
        assert sorted(top.indices) == list(range(6))
        assert "only 6 candidates" in top.certificate.note


def test_a_thompson_batch_takes_a_draw_for_each_point() -> None:
    gp, X = process(SPACE, 25), points(60)
    top = score(gp, InMemory(SPACE, X), acquisition="thompson", k=4, batch=True, threads=1, seed=5)
    chosen: list[int] = []
    for number in range(4):
        order, _values = plain_order("thompson", Question(gp, seed=5 + number), X)
        chosen.append(next(index for index in order if index not in chosen))
    assert top.indices == chosen


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
@pytest.mark.parametrize("noise", [1e-4, 1e-1])
def test_batches_from_a_grid_in_strips(name: str, noise: float) -> None:
    """With small queues, so that several passes are made, observed rows skipped, and on two devices."""
    space = Space({"a": Float(0.0, 1.0, step=0.1), "b": Categorical(["x", "y"]), "c": Float(0.0, 1.0, step=0.1)})
    gp, X = process(space, 20, noise=noise, lengthscale=0.5), space.grid_rows(torch.arange(int(space.size)))
    new = (~Observed(gp.X).mask(X)).nonzero()[:, 0]
    expected = new[plain_greedy(name, Question(gp), X[new], 6)].tolist()
    question, source = Question(gp), skip_observed(Grid(space), gp.X)
    for least in (1, 3, 400):
        with (
            mock.patch.multiple(batch, QUEUE_SHARE=1, SHARE_BY_VARIANCE=1, LEAST_QUEUE=least),
            mock.patch.multiple(grid, LEAST_SECOND=5, MOST_SECOND=25),
            mock.patch.multiple(scouting, SMALLEST=0, SHARE=1),
        ):
            search = Search(name, source, 1, 20, False, (torch.device("cpu"),))
            found = batch.choose_batch(search, question, 6)
        assert found.index.tolist() == expected
        assert found.certificate.is_complete


@settings(max_examples=12)
@given(data=st.data())
def test_any_batch_is_greedy(data: st.DataObject) -> None:
    """Up to near ties: each choice has the greatest value left, within rounding."""
    noise = data.draw(st.sampled_from([1e-6, 1e-2, 1.0]))
    outputscale = data.draw(st.sampled_from([0.01, 1.0, 600.0]))
    gp = process(
        SPACE,
        data.draw(st.integers(1, 40)),
        noise=noise,
        outputscale=outputscale,
        lengthscale=data.draw(st.sampled_from([0.1, 1.0, 10.0])),
        seed=data.draw(st.integers(0, 10**6)),
    )
    X, name = points(40, data.draw(st.integers(0, 10**6))), data.draw(st.sampled_from(["ei", "ucb", "max_variance"]))
    with (
        mock.patch.multiple(
            batch, QUEUE_SHARE=1, SHARE_BY_VARIANCE=1, LEAST_QUEUE=data.draw(st.sampled_from([1, 4, 100]))
        ),
        mock.patch.multiple(queue, FIRST=data.draw(st.sampled_from([2, 64])), HEAD=data.draw(st.sampled_from([1, 7]))),
    ):
        source = InMemory(SPACE, X.repeat(2, 1))
        top = score(gp, source, acquisition=name, k=6, batch=True, threads=1, skip_observed=False)
    for number, index in enumerate(top.indices):
        chosen = top.indices[:number]
        asked = replace(Question(gp), X_pending=X.repeat(2, 1)[chosen] if chosen else None)
        _, values = plain_order(name, asked, X.repeat(2, 1))
        left = [value for other, value in enumerate(values) if other not in chosen]
        assert values[index] >= max(left) - 1e-5 * (abs(max(left)) + 1.0)


@pytest.mark.parametrize(
    ("name", "of", "method"), [("ei", Queue, "best"), ("ei", Queue, "believe"), ("pi", Search, "_works")]
)
def test_ctrl_c_leaves_what_was_chosen(name: str, of: type, method: str) -> None:
    """Whether it comes while a queue chooses, or before one of many passes."""
    gp, X = process(SPACE, 25, noise=1e-2), points(80)
    ask, calls = getattr(of, method), 0

    def interrupted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return ask(*args)

    with mock.patch.object(of, method, interrupted):
        top = score(gp, InMemory(SPACE, X), acquisition=name, k=8, batch=True, threads=1)
    assert not top.certificate.is_complete
    assert top.indices == plain_greedy(name, Question(gp), X, 4 if method == "believe" else 3)


def test_ctrl_c_before_there_is_anything_is_an_error() -> None:
    gp, interrupted = process(SPACE, 25), mock.patch.object(Search, "_works", side_effect=KeyboardInterrupt)
    with interrupted, pytest.raises(KeyboardInterrupt):
        score(gp, InMemory(SPACE, points(80)), k=8, batch=True, threads=1)


def test_ctrl_c_between_a_pass_and_its_queue_leaves_what_the_pass_found() -> None:
    gp, X = process(SPACE, 25, noise=1e-2), points(80)
    with mock.patch.object(cascade.Cascade, "queue", side_effect=KeyboardInterrupt):
        top = score(gp, InMemory(SPACE, X), k=8, batch=True, threads=1)
    assert not top.certificate.is_complete
    assert top.indices == plain_greedy("ei", Question(gp), X, len(top))
