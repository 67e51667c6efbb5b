"""Better bounds are still bounds, and no stage makes one worse."""

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, Space
from gpbop.acquisition import Question, acquisition
from gpbop.errors import DeviceError
from gpbop.kernels.profiles import Workspace
from gpbop.scoring import refining
from gpbop.scoring.acceptance import Judge
from gpbop.scoring.criteria import criterion
from gpbop.scoring.held import Held
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.refining import Level, Refinement, levels, queue_levels
from gpbop.scoring.screens import screen_of
from tests.scoring.candidates import process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])})
N = 60


def stages(
    name: str, dtype: torch.dtype, noise: float, seed: int, nearby: tuple[int, ...] = ()
) -> tuple[Judge, Held, Refinement]:
    """Return what a first stage of few pivots leaves, and stages of more, or of so many points nearby."""
    gp = process(SPACE, N, noise=noise, seed=seed)
    judge = Judge(criterion(name, Question(gp)))
    generator = torch.Generator().manual_seed(seed)
    X = SPACE.from_unit(torch.rand(50, SPACE.d, generator=generator, dtype=torch.float64))
    projection = Projection.of(judge.criterion.factor, 20)
    order, bounds = screen_of(judge.criterion, projection, 10, dtype, True)(X, Workspace())
    held = Held(order, X[order], bounds.mean, bounds.delta, judge.upper(bounds))
    renews_mean = dtype == torch.float32 and judge.criterion.needs_mean
    with mock.patch.object(refining, "LATER", nearby):
        return judge, held, Refinement(judge, projection, levels(judge.criterion, [20, 40, N], renews_mean))


def by_place(held: Held, of_each: Tensor) -> Tensor:
    """Sort what is known of candidates by their places."""
    return of_each[held.places.argsort()]


@given(
    name=st.sampled_from(["ei", "ucb", "pi", "max_variance", "noisy_ei"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    noise=st.sampled_from([1e-4, 1e-2, 1.0]),
    seed=st.integers(0, 10**6),
    nearby=st.sampled_from([(), (4,), (5, 16, 29)]),
)
def test_every_stage_is_between_the_value_and_the_stage_before(
    name: str, dtype: torch.dtype, noise: float, seed: int, nearby: tuple[int, ...]
) -> None:
    judge, held, refinement = stages(name, dtype, noise, seed, nearby)
    values = by_place(held, judge.criterion.around(held.X)[0])
    for level in range(len(refinement)):
        better = refinement(held, level)
        assert sorted(better.places.tolist()) == list(range(50))
        before, after = by_place(held, held.upper), by_place(better, better.upper)
        assert bool((after <= before).all())
        assert bool((after >= values).all())
        held = better


def test_means_stay_unless_they_are_to_be_computed_once_more() -> None:
    for dtype in (torch.float32, torch.float64):
        judge, held, refinement = stages("ei", dtype, 1e-2, 0)
        mean = by_place(held, judge.criterion.factor.moments(held.X)[0].unsqueeze(1))
        once = refinement(held, 0)
        old, new = by_place(held, held.delta), by_place(once, once.delta)
        assert bool(((by_place(once, once.mean) - mean).abs() <= new).all())
        assert bool((new < 1e-3 * old).all()) if dtype == torch.float32 else torch.equal(new, old)
        twice = refinement(once, 1)
        assert torch.equal(by_place(twice, twice.delta), new)


@pytest.mark.parametrize("m", [1, 50])
def test_pivots_that_are_known_always_pay_and_others_when_many_ask(m: int) -> None:
    _, _, refinement = stages("max_variance", torch.float64, 1e-2, 0)
    assert refinement.pays(0, 0)
    needed = 6.0 * 40**2 / N
    asked = 0
    while not refinement.pays(1, m):
        asked += m
        assert asked < needed
    assert asked + m >= needed


def test_points_nearby_take_the_place_of_pivots() -> None:
    """They come before a mean that is computed once more, and all points come last."""
    names = [
        [level.name for level in stages(name, dtype, 1e-2, 0, (4, 16))[2]._levels]
        for name, dtype in (("ei", torch.float32), ("ei", torch.float64), ("max_variance", torch.float32))
    ]
    near, whole = [f"{r} points nearby, float64" for r in (4, 16)], f"{N} pivots, float64"
    assert names == [[near[0], "20 pivots, float64", near[1], whole], [*near, whole], [*near, whole]]


@pytest.mark.parametrize("r", [4, 16])
def test_points_nearby_pay_when_many_ask(r: int) -> None:
    level, judge = Level(r, True), Judge(criterion("ei", Question(process(SPACE, N))))
    known = judge.criterion, Projection.of(judge.criterion.factor, 20)
    needed = 12 * 64 * r**3 / N**2
    assert not level.pays(int(needed) - 1, *known)
    assert level.pays(int(needed) + 1, *known)
    assert Level(N).pays(0, *known)
    with mock.patch.object(refining, "solves", return_value=False):  # all pivots take an inverse there
        assert not Level(N).pays(6 * N - 1, *known)
        assert Level(N).pays(6 * N, *known)


def test_one_that_is_built_pays_for_one() -> None:
    _, held, refinement = stages("max_variance", torch.float64, 1e-2, 0)
    assert not refinement.pays(1, 1)
    refinement(held, 1)
    assert refinement.pays(1, 1)


def test_a_bound_that_was_better_is_kept() -> None:
    judge, held, refinement = stages("max_variance", torch.float64, 1e-2, 0)
    values = judge.criterion.around(held.X)[1]
    assert torch.equal(refinement(replace(held, upper=values), 0).upper.sort().values, values.sort().values)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("m", [0, 1, 50])
def test_threads_share_candidates_and_change_nothing(threads: int, m: int) -> None:
    judge, held, refinement = stages("ei", torch.float64, 1e-2, 0)
    projection = Projection.of(judge.criterion.factor, 20)
    shared = Refinement(judge, projection, refinement._levels, threads)
    some = held.take(slice(0, m))
    with mock.patch.object(refining, "LEAST_PART", 5):
        for level in range(len(shared)):
            one, several = refinement(some, level), shared(some, level)
            torch.testing.assert_close(by_place(one, one.upper), by_place(several, several.upper))
            assert not several.upper.requires_grad


@pytest.mark.parametrize("most", [0, 1, 7])
def test_want_of_memory(most: int) -> None:
    """In halves until there is room; without room for one it is an error that says so."""
    _, held, refinement = stages("ei", torch.float64, 1e-2, 0)
    expected, screen = refinement(held, 0), refining.screened

    def scarce(some: Held, *rest: Any) -> Held:
        if len(some) > most:
            raise torch.OutOfMemoryError("not enough")
        return screen(some, *rest)

    with mock.patch.object(refining, "screened", scarce):
        if most:
            found = refinement(held, 0)
            torch.testing.assert_close(by_place(found, found.upper), by_place(expected, expected.upper))
        else:
            with pytest.raises(DeviceError, match="memory"):
                refinement(held, 0)


def test_few_at_a_time_take_less_by_all_points() -> None:
    """A group takes a whole tile of 128: 64 tiles of r^2 operations beside n^2 for each candidate."""
    pytest.importorskip("numba", reason="Numba is not installed")
    level, factor = Level(8, True), process(SPACE, N).factor
    assert not level.suits(145, factor)
    assert level.suits(146, factor)
    assert Level(40).suits(1, factor)


@pytest.mark.parametrize("renews_mean", [True, False])
def test_all_points_come_last_where_they_are_the_only_pivots(renews_mean: bool) -> None:
    judge = Judge(criterion("ei", Question(process(SPACE, N))))
    with mock.patch.object(refining, "LATER", (4, 16)):
        found = levels(judge.criterion, [N], renews_mean)
    whole = Level(N, has_mean=renews_mean)
    assert found == [
        Level(4, True),
        *([whole] if renews_mean else []),
        Level(16, True),
        *([] if renews_mean else [whole]),
    ]


@given(
    noise=st.sampled_from([1e-4, 1e-2, 1.0]),
    seed=st.integers(0, 10**6),
    steps=st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
def test_a_stage_made_anew_bounds_what_is_left_after_beliefs(noise: float, seed: int, steps: list[int]) -> None:
    """Of the process that believes them, however they came, and of any that believes more."""
    pytest.importorskip("numba", reason="Numba is not installed")
    gp = process(SPACE, N, noise=noise, seed=seed)
    judge = Judge(criterion("max_variance", Question(gp), 40))
    generator = torch.Generator().manual_seed(seed)
    X = SPACE.from_unit(torch.rand(80, SPACE.d, generator=generator, dtype=torch.float64))
    unknown = X.new_full((50,), torch.inf)
    held = Held(torch.arange(50), X[:50], X[:50, :0], X[:50, :0], unknown)
    stages = queue_levels(judge.criterion, [20, 40])
    refinement = Refinement(judge, Projection.of(judge.criterion.factor, 20), stages)
    assert not refinement.renews(10**9, 5)  # it is not there yet
    refinement(held, 0)
    believed = 0
    for step in steps:
        believed += step
        refinement.renew(X[50 : 50 + believed], X)
        after = refinement(held, 0)
        for more in (0, 2):
            question = Question(gp, X_pending=X[50 : 50 + believed + more])
            with torch.no_grad():
                values = acquisition("max_variance", question)(X[:50])
            assert bool((by_place(after, after.upper) >= values).all())


def test_a_stage_is_made_anew_when_many_passed_it_and_more_is_believed() -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    judge, held, _ = stages("max_variance", torch.float64, 1e-2, 0)
    level = queue_levels(judge.criterion, [])[0]
    refinement = Refinement(judge, Projection.of(judge.criterion.factor, 20), [level])
    needed = int(1.5 * 64 * (level.r**3 / N**2 + 9)) + 1
    refinement(held, 0)
    assert not refinement.renews(needed, 0)  # nothing is believed
    assert not refinement.renews(0, 1)  # none of them is here now
    assert refinement.renews(1, 1)
    refinement.renew(held.X[:1], held.X)
    less = int(1.5 * 64 * (level.r**3 / (N + 1) ** 2 + 9))
    assert not refinement.renews(less - 1, 2)
    assert not refinement.renews(10 * needed, 1)
    assert refinement.renews(1, 2)


def test_pivots_are_never_made_anew() -> None:
    judge, _, _ = stages("max_variance", torch.float64, 1e-2, 0)
    with mock.patch.object(refining, "is_local_known", return_value=False):
        found = queue_levels(judge.criterion, [20, 40])
    assert found == [Level(20), Level(40)]
    for pivots in (found, []):
        refinement = Refinement(judge, Projection.of(judge.criterion.factor, 20), pivots)
        assert not refinement.renews(10**9, 5)


@pytest.mark.parametrize("error", [None, torch.OutOfMemoryError("full"), RuntimeError("can't allocate memory")])
def test_where_beliefs_leave_no_bound_or_no_room_the_stage_stays_as_it_was(error: Exception | None) -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    judge, held, _ = stages("max_variance", torch.float64, 1e-2, 0)
    stages_of = queue_levels(judge.criterion, [])
    refinement = Refinement(judge, Projection.of(judge.criterion.factor, 20), stages_of)
    before = refinement(held, 0)
    with mock.patch.object(refining, "is_local_known", return_value=False, side_effect=error):
        assert not refinement.renew(held.X[:3], held.X)
    assert torch.equal(refinement(held, 0).upper, before.upper)
    assert refinement.renew(held.X[:3], held.X)  # nothing was lost
    assert float(refinement(held, 0).upper.sum()) < float(before.upper.sum())


def test_other_errors_are_not_hidden() -> None:
    pytest.importorskip("numba", reason="Numba is not installed")
    judge, held, _ = stages("max_variance", torch.float64, 1e-2, 0)
    refinement = Refinement(judge, Projection.of(judge.criterion.factor, 20), queue_levels(judge.criterion, []))
    refinement(held, 0)
    mistaken = mock.patch.object(refining, "is_local_known", side_effect=RuntimeError("a mistake"))
    with mistaken, pytest.raises(RuntimeError, match="a mistake"):
        refinement.renew(held.X[:3], held.X)
