"""Laws of today's ways of searching: what each visits, in which order, and where it ends."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Float, GpbopWarning, Integer, Result, Space
from gpbop.baselines import MOST_SHUFFLED, brute_force, one_factor_at_a_time, random_search
from gpbop.errors import ArgumentError, ConfigError, GpbopError, ObjectiveError, SpaceError
from gpbop.stopping import Budget, Target
from tests.searches import SMALL, loss
from tests.spaces import same, spaces, values_of

SEARCHES: list[Callable[..., Result]] = [brute_force, random_search, one_factor_at_a_time]
MIXED = Space({"x": Float(0.0, 1.0), "n": Integer(0, 30), "c": Categorical(["a", "b", "c"])})


def visited(result: Result) -> list[str]:
    return [same(trial.config) for trial in result.trials]


def small_loss(config: dict[str, Any]) -> float:
    return loss(SMALL, config)


@settings(max_examples=30, deadline=None)
@given(spaces(finite=True, most=3), st.none() | st.integers(0, 99))
def test_brute_force_visits_every_config_once(space: Space, seed: int | None) -> None:
    result = brute_force(lambda config: loss(space, config), space, seed=seed)
    grid = [same(config) for config in space.grid()]
    assert sorted(visited(result)) == sorted(grid)
    assert seed is not None or visited(result) == grid
    assert result.value == min(loss(space, config) for config in space.grid())


def test_shuffling_depends_on_the_seed_alone() -> None:
    orders = [visited(brute_force(small_loss, SMALL, seed=seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert visited(brute_force(small_loss, SMALL, 5, seed=1)) == orders[0][:5]


@settings(max_examples=20, deadline=None)
@given(spaces(finite=True, most=3), st.integers(0, 99))
def test_random_search_never_repeats_a_config_and_ends_with_the_last(space: Space, seed: int) -> None:
    result = random_search(lambda config: loss(space, config), space, int(space.size) + 3, seed=seed)
    assert len(set(visited(result))) == len(result.trials) == space.size
    assert result.reason == f"All {space.size} configs were tried."


def test_random_search_repeats_with_its_seed() -> None:
    draws = [visited(random_search(lambda config: loss(MIXED, config), MIXED, 12, seed=seed)) for seed in (3, 3, 4)]
    assert draws[0] == draws[1]
    assert not set(draws[0]) & set(draws[2])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_one_round_finds_the_optimum_of_a_separable_function(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(2, 5), min_size=1, max_size=4))
    space = Space({f"p{j}": Categorical(range(count)) for j, count in enumerate(counts)})
    tables = [data.draw(st.permutations(range(count))) for count in counts]
    start = {f"p{j}": data.draw(st.sampled_from(range(count))) for j, count in enumerate(counts)}

    def separable(config: dict[str, Any]) -> float:
        return float(sum(table[config[f"p{j}"]] for j, table in enumerate(tables)))

    result = one_factor_at_a_time(separable, space, 200, start=start)
    assert result.value == 0.0
    assert result.trials[0].config == start
    # The start, then one round; the second round looks at what it had not seen: the same levels, all of them tried.
    first_round = 1 + sum(count - 1 for count in counts)
    assert [trial.value for trial in result.trials].index(0.0) < first_round
    up = one_factor_at_a_time(lambda config: -separable(config), space, 200, start=start, direction="maximize")
    assert visited(up) == visited(result)


@settings(max_examples=30, deadline=None)
@given(spaces(most=4), st.integers(0, 99), st.integers(2, 5))
def test_it_ends_where_no_single_change_helps(space: Space, seed: int, levels: int) -> None:
    values: dict[str, float] = {}

    def rugged(config: dict[str, Any]) -> float:
        return values.setdefault(same(config), math.sin(1e4 * loss(space, config) + len(config)))

    result = one_factor_at_a_time(rugged, space, 1000, levels=levels, seed=seed)
    assert len(set(visited(result))) == len(result.trials)
    number = result.best.number
    assert result.reason == f"No single change of experiment {number} helps, after {len(result.trials)} experiments."
    for name, value in product(space.names, range(levels)):
        parameter = space.parameters[name]
        if name not in result.config or parameter.count > levels or value >= parameter.count:
            continue
        # What the change switches on has the value that canonical rows give it; what it switches off is gone.
        x = space.encode([result.config])
        x[0, space.names.index(name)] = parameter.encode(values_of(parameter)[value])
        (changed,) = space.decode(space.canonicalize(x))
        assert values[same(changed)] >= result.value


def test_a_parent_brings_its_child_in_the_middle_and_takes_it_away() -> None:
    space = Space({"on": Categorical([False, True]), "p": Float(0.0, 1.0, step=0.25, when={"on": [True]})})
    result = one_factor_at_a_time(lambda config: -config.get("p", -1.0), space, start={"on": False})
    assert visited(result)[:2] == [same({"on": False}), same({"on": True, "p": 0.5})]
    assert result.config == {"on": True, "p": 1.0}
    back = one_factor_at_a_time(lambda config: config.get("p", -1.0), space, start={"on": True, "p": 0.25})
    assert back.config == {"on": False}


def test_many_levels_are_thinned_evenly_with_both_ends() -> None:
    start = {"x": 0.5, "n": 1, "c": "a"}
    result = one_factor_at_a_time(lambda config: abs(config["n"] - 12), MIXED, 9, start=start)
    assert [trial.config["x"] for trial in result.trials] == pytest.approx([0.5, *(j / 7 for j in range(8))])
    only = Space({"n": Integer(0, 30)})
    thinned = one_factor_at_a_time(lambda config: abs(config["n"] - 12), only, start={"n": 0}, levels=4)
    assert [trial.config["n"] for trial in thinned.trials] == [0, 10, 20, 30]


def test_a_failed_start_is_left_for_anything_that_works() -> None:
    space = Space({"a": Integer(0, 2), "b": Integer(0, 2)})
    with pytest.warns(GpbopWarning, match="experiment 0 failed"):
        result = one_factor_at_a_time(
            lambda config: None if config == {"a": 0, "b": 0} else config["a"] + config["b"],
            space,
            start={"a": 0, "b": 0},
        )
    assert result.value == 1.0


@pytest.mark.parametrize("search", SEARCHES)
def test_each_ends_as_minimize_does(search: Callable[..., Result]) -> None:
    full = search(small_loss, SMALL, 9, direction="maximize")
    stopped = search(small_loss, SMALL, 9, direction="maximize", stop=Budget(trials=4))
    assert visited(stopped) == visited(full)[:4]
    assert stopped.reason == "The budget of 4 experiments is used up: 4 were made."
    assert full.value == max(small_loss(trial.config) for trial in full.trials)
    assert full.optimizer.direction == "maximize"
    with pytest.raises(ObjectiveError, match="`objective` must be a function"):
        search(3.0, SMALL)
    with pytest.raises(ArgumentError, match="`trials` must be a whole number"):
        search(small_loss, SMALL, 0)
    with pytest.raises(ArgumentError, match="`direction` must be"):
        search(small_loss, SMALL, direction="up")
    with pytest.raises(ArgumentError, match="`stop` must be a stopping rule"):
        search(small_loss, SMALL, stop=Target)


BAD: list[tuple[Callable[[], Result], type[GpbopError], str]] = [
    (lambda: brute_force(small_loss, MIXED), SpaceError, "`space` must be finite to have a grid"),
    (lambda: brute_force(small_loss, MIXED, seed=0), SpaceError, rf"`space` must have at most {MOST_SHUFFLED} .*inf"),
    (lambda: brute_force(small_loss, SMALL, seed=-1), ArgumentError, "`seed` must be a whole number of at least 0"),
    (lambda: random_search(small_loss, SMALL, seed=-1), SpaceError, "`seed` must be an int of at least 0"),
    (lambda: one_factor_at_a_time(small_loss, SMALL, start={"a": 1}), ConfigError, "hold parameters of the space"),
    (lambda: one_factor_at_a_time(small_loss, SMALL, levels=1), ArgumentError, "`levels` must be .* at least 2; got 1"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments(call: Callable[[], Result], error: type[GpbopError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_result_goes_on_with_gpbop() -> None:
    result = random_search(small_loss, SMALL, 5, seed=1)
    seen = visited(result)
    assert same(result.optimizer.ask()) not in seen
