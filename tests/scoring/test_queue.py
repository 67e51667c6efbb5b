"""A queue gives each candidate the value it has after all beliefs, and puts the best first, ties by index."""

from dataclasses import replace
from typing import Any, cast
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.acquisition import Question, acquisition
from gpbop.scoring import queue
from gpbop.scoring.criteria import MOMENT_CRITERIA, criterion
from gpbop.scoring.held import Held
from gpbop.scoring.queue import Queue
from tests.scoring.candidates import process

SPACE = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Categorical(["x", "y"])})
BELIEVED = [name for name in MOMENT_CRITERIA if name != "pi"]


def points(m: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return SPACE.from_unit(torch.rand(m, SPACE.d, generator=generator, dtype=torch.float64))


def queue_of(gp: GaussianProcess, name: str, X: Tensor, index: Tensor | None = None) -> Queue:
    return Queue(criterion(name, Question(gp), len(X)), held(X, X.new_full((len(X),), torch.inf), index), len(X))


def held(X: Tensor, upper: Tensor, index: Tensor | None = None) -> Held:
    return Held(torch.arange(len(X)) if index is None else index, X, X[:, :0], X[:, :0], upper)


@settings(max_examples=10)
@given(
    name=st.sampled_from(BELIEVED),
    noise=st.sampled_from([1e-6, 1e-2, 1.0]),
    outputscale=st.sampled_from([0.01, 1.0, 600.0]),
    seed=st.integers(0, 10**6),
)
def test_values_are_those_of_the_process_that_believes(name: str, noise: float, outputscale: float, seed: int) -> None:
    """Up to what the variance's rounding does to them; the best one's is right, and no other one's is above it."""
    gp, X = process(SPACE, 20, noise=noise, outputscale=outputscale, seed=seed), points(60, seed)
    own, chosen = queue_of(gp, name, X), list[int]()
    for _ in range(8):
        place, value = own.best()
        function = acquisition(name, Question(gp, X_pending=X[chosen] if chosen else None))
        with torch.no_grad():
            values = torch.cat([function(x.unsqueeze(0)) for x in X])
        assert place not in chosen
        assert value == pytest.approx(float(values[place]), rel=1e-5, abs=1e-5)
        values[chosen] = -torch.inf
        assert float(values.max()) <= value + 1e-5 * (abs(value) + 1.0)
        own.believe(place)
        chosen.append(place)


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 1.0])
def test_updated_variances_stay_within_their_error(noise: float) -> None:
    """After many beliefs the whole queue is still as near to each candidate computed alone as its bounds assume."""
    gp, X = process(SPACE, 40, noise=noise), torch.cat([points(80), points(80)])
    own = queue_of(gp, "max_variance", X)
    for _ in range(60):
        own.believe(own.best()[0])
    own._refreshed(torch.arange(len(X)))
    found = own._variance[own._slot].clamp_min(gp.factor.smallest_variance)
    alone = torch.stack([own._variance_of(*own._by_itself(place)[1:]) for place in range(len(X))])
    assert bool(((found - alone).abs() <= own._rounding.between(found)).all())


@pytest.mark.parametrize("head", [1, 3, 8192])
@pytest.mark.parametrize("name", BELIEVED)
def test_a_lazy_queue_is_an_eager_one(name: str, head: int) -> None:
    """Candidates that are looked at late, or again after a while, have what those have that always were up to date."""
    gp, X = process(SPACE, 30), points(150)
    lazy, eager = queue_of(gp, name, X), queue_of(gp, name, X)
    with mock.patch.multiple(queue, FIRST=3, HEAD=head):
        for _ in range(20):
            eager._refreshed(torch.arange(len(X)))
            place, value = lazy.best()
            assert (place, value) == eager.best()
            lazy.believe(place)
            eager.believe(place)
    assert lazy._taken <= eager._taken == 150
    lazy._refreshed(torch.arange(150))
    eager._refreshed(torch.arange(150))
    torch.testing.assert_close(lazy._variance[lazy._slot], eager._variance[eager._slot], rtol=1e-8, atol=1e-12)


def test_bounds_from_elsewhere_spare_the_look() -> None:
    gp, X = process(SPACE, 30), points(300)
    asked = criterion("ucb", Question(gp), 5)
    values = asked(gp.factor.moments(X)[0].unsqueeze(1), gp.factor.moments(X)[1])
    with mock.patch.object(queue, "FIRST", 4):
        lazy = Queue(asked, held(X, values + 1e-6), 5)
        assert int(lazy.candidates.places[lazy.best()[0]]) == int(values.argmax())
    assert lazy._taken < 30


@pytest.mark.parametrize(("room", "pays"), [(0, (True, True)), (2**28, (False, True)), (0, (False, False))])
@pytest.mark.parametrize("name", ["ei", "max_variance", "noisy_ei"])
def test_better_bounds_and_little_room_change_nothing(name: str, room: int, pays: tuple[bool, bool]) -> None:
    """Whatever is bounded, forgotten and looked at again, the choices are those of a queue that knows everything."""
    gp, X = process(SPACE, 30), points(300)
    asked, plain = criterion(name, Question(gp), 20), queue_of(gp, name, X)
    generator, seen, known = torch.Generator().manual_seed(0), [], [asked]

    class Loose:
        """Two stages, the second of them nearer to the values; a stage that does not pay is never asked.

        The second is made anew for every third belief.
        """

        def __len__(self) -> int:
            return 2

        def pays(self, level: int, wanted: int) -> bool:
            seen.append(level)
            return pays[level]

        def renews(self, passed: int, believed: int) -> bool:
            assert passed <= 300
            return pays[1] and believed >= 3 * len(known)

        def renew(self, believed: Tensor, X: Tensor) -> bool:
            assert len(X)
            known.append(replace(asked, factor=asked.factor.believe(believed)))
            return len(known) != 3  # then levels are as they were

        def __call__(self, some: Held, level: int) -> Held:
            assert pays[level]
            some = some.take(torch.randperm(len(some), generator=generator))
            mean, variance = known[-1 if level else 0].factor.moments(some.X)
            delta, error = asked.dense.mean, asked.dense.between(variance)
            upper = asked.upper(mean.reshape(len(some), -1), delta, variance - error, variance + error)
            loose = torch.rand(len(some), generator=generator, dtype=torch.float64) * (0.3, 0.01)[level]
            return replace(some, upper=upper + loose)

    high = torch.full((300,), 1e6, dtype=torch.float64) + torch.arange(300) % 7
    little = mock.patch.multiple(queue, FIRST=8, ALONG=(20, 5), queue_room=lambda device: room)
    with little:
        lazy = Queue(asked, held(X, high), 20, cast("Any", Loose()))
        for _ in range(20):
            (place, value), (other, expected) = lazy.best(), plain.best()
            assert (int(lazy.candidates.places[place]), value) == (int(plain.candidates.places[other]), expected)
            lazy.believe(place)
            plain.believe(other)
    assert lazy._taken <= lazy._room <= (16 if not room else 300)
    assert set(seen) == {0, 1}
    assert (len(known) > 3) == pays[1]


@pytest.mark.parametrize("name", ["ei", "max_variance"])
@pytest.mark.parametrize("spread", [0.0, 1e-15])
def test_more_candidates_may_be_the_best_than_there_is_room_for(name: str, spread: float) -> None:
    """As many copies, or nearly copies, as have no slots at the same time: one after the other is chosen."""
    gp, X = process(SPACE, 10), points(1).repeat(300, 1)
    X[:, 0] += spread * torch.arange(300)
    with mock.patch.object(queue, "queue_room", return_value=0):
        own = queue_of(gp, name, X)
        assert own._room < 300
        value = acquisition(name, Question(gp))
        for number in range(3):
            place, best = own.best()
            assert spread or place == number
            assert number or best == pytest.approx(float(value(X[place : place + 1])[0]), rel=1e-9)
            own.believe(place)


def test_where_bounds_leave_several_the_value_that_counts_decides() -> None:
    gp, X = process(SPACE, 30), points(1).repeat(6, 1)
    X[:, 0] += 1e-15 * torch.arange(6)
    favourite = X[4:5]
    place, value = queue_of(gp, "ei", X).best(lambda: lambda x: 7.0 if torch.equal(x, favourite) else 1.0)
    assert (place, value) == (4, 7.0)


@given(data=st.data())
def test_ties_go_by_index_not_by_place(data: st.DataObject) -> None:
    """Copies of a point have one value, wherever they stand in the queue."""
    gp, X = process(SPACE, 15), points(4).repeat(5, 1)
    index = torch.tensor(data.draw(st.permutations(range(20))))
    own = queue_of(gp, data.draw(st.sampled_from(BELIEVED)), X, index)
    place, value = own.best()
    ties = [int(index[other]) for other in range(20) if torch.equal(X[other], X[place])]
    assert int(index[place]) == min(ties)
    own.believe(place)
    again, lower = own.best()
    assert again != place
    assert lower <= value + 1e-12


@pytest.mark.parametrize("name", MOMENT_CRITERIA)
def test_a_queue_may_have_several_means_and_one_candidate(name: Any) -> None:
    own = queue_of(process(SPACE, 5), name, points(1))
    assert len(own) == 1
    assert own.best()[0] == 0
