"""Laws of the initial designs: valid, distinct, repeatable rows; and what each design is for."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop.designs import DESIGNS, check_design, corners, design, latin_hypercube, random, sobol
from gpbop.errors import SpaceError
from gpbop.parameters import INACTIVE, Categorical, Float, Integer
from gpbop.space import Space
from tests.spaces import collapse, same, spaces, values_of

CUBE = Space({f"x{i}": Float(0, 1) for i in range(5)})


def assert_valid(space: Space, X: torch.Tensor) -> None:
    assert X.dtype == torch.float64
    assert torch.equal(space.canonicalize(X), X)
    assert len(set(map(tuple, X.tolist()))) == len(X)


@pytest.mark.parametrize("name", DESIGNS)
@settings(max_examples=40)
@given(space=spaces(most=4), m=st.integers(1, 40), seed=st.integers(0, 2**31))
def test_rows_are_valid_distinct_repeatable_and_as_many_as_there_are(
    name: str, space: Space, m: int, seed: int
) -> None:
    before = torch.get_rng_state()
    X = design(name, space, m, seed)
    assert X.shape == (min(m, space.size), space.d)
    assert_valid(space, X)
    assert torch.equal(design(name, space, m, seed), X)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["sobol", "random", "latin_hypercube"])
def test_another_seed_gives_other_rows(name: str) -> None:
    assert not torch.equal(design(name, CUBE, 8, 0), design(name, CUBE, 8, 1))


def test_a_space_that_is_used_up_is_returned_whole() -> None:
    space = Space({"n": Integer(0, 9), "use": Categorical([False, True]), "p": Integer(0, 4, when={"use": [True]})})
    everything = set(map(tuple, space.grid_rows(torch.arange(60)).tolist()))
    for function in DESIGNS.values():
        assert set(map(tuple, function(space, 100, 0).tolist())) == everything


def test_a_mostly_discrete_space_is_filled_up() -> None:
    """Half of all uniform rows are the one config without x; the others are all different."""
    space = Space({"use": Categorical([False, True]), "x": Float(0, 1, when={"use": [True]})})
    for function in DESIGNS.values():
        X = function(space, 50, 0)
        assert len(X) == 50
        assert_valid(space, X)


def test_large_finite_spaces_are_filled_up_without_being_listed() -> None:
    space = Space({"use": Categorical([False, True]), "n": Integer(0, 10**15, when={"use": [True]})})
    for function in DESIGNS.values():
        assert len(function(space, 500, 0)) == 500
    huge = Space({"use": Categorical([0, 1])} | {f"n{i}": Integer(0, 10**15, when={"use": [1]}) for i in range(5)})
    assert len(random(huge, 100, 0)) == 100


@given(st.integers(1, 60), st.integers(0, 100))
def test_latin_hypercube_has_one_row_in_each_stratum(m: int, seed: int) -> None:
    strata = (latin_hypercube(CUBE, m, seed) * m).floor().long()
    assert torch.equal(strata.sort(0).values, torch.arange(m)[:, None].expand(m, CUBE.d))


@given(st.integers(0, 6), st.integers(0, 100))
def test_sobol_has_one_row_in_each_stratum_of_a_power_of_two(power: int, seed: int) -> None:
    m = 2**power
    strata = (sobol(CUBE, m, seed) * m).floor().long()
    assert torch.equal(strata.sort(0).values, torch.arange(m)[:, None].expand(m, CUBE.d))


@settings(max_examples=50)
@given(spaces(most=5), st.integers(0, 100))
def test_corners_are_all_combinations_of_extremes(space: Space, seed: int) -> None:
    extremes = {}
    for name, p in space.parameters.items():
        values = values_of(p) if p.placement else [p.low, p.high]  # type: ignore[attr-defined]
        extremes[name] = [values[0], values[-1]]
    full = (dict(zip(extremes, combination, strict=True)) for combination in itertools.product(*extremes.values()))
    expected = {same(collapse(space, config)) for config in full}
    X = corners(space, seed=seed)
    assert_valid(space, X)
    assert {same(config) for config in space.decode(X)} == expected
    assert torch.equal(design("corners", space, None, seed), X)


@pytest.mark.parametrize("d", [2, 3, 5, 7])
@pytest.mark.parametrize("seed", range(5))
def test_the_first_corners_are_spread_out(d: int, seed: int) -> None:
    """The second is opposite to the first; no later one is nearer to its predecessors than those after it."""
    X = corners(Space({f"x{i}": Float(0, 1) for i in range(d)}), seed=seed)
    assert torch.equal(X[1], 1 - X[0])
    nearest = [(X[i] != X[:i]).sum(1).min().item() for i in range(1, len(X))]
    assert nearest == sorted(nearest, reverse=True)
    assert torch.equal(corners(Space({f"x{i}": Float(0, 1) for i in range(d)}), 3, seed), X[:3])


def test_corners_of_many_parameters_are_sampled() -> None:
    space = Space({f"x{i}": Float(0, 1) for i in range(200)})
    X = corners(space, 20, 0)
    assert X.shape == (20, 200)
    assert set(X.unique().tolist()) == {0.0, 1.0}
    with pytest.raises(SpaceError, match=r"`m` must be given for 200 parameters; got None, 2\*\*200 corners\."):
        corners(space)


def test_more_rows_than_corners_are_filled_up_after_them() -> None:
    space = Space({"n": Integer(0, 9), "m": Integer(0, 9)})
    X = corners(space, 10, 0)
    assert len(X) == 10
    assert torch.equal(X[:4], corners(space, 4, 0))
    assert not set(X[4:].flatten().tolist()) <= {0.0, 1.0}


def test_sobol_has_a_largest_dimension() -> None:
    space = Space({f"x{i}": Categorical([0, 1]) for i in range(21202)})
    with pytest.raises(SpaceError, match=r"`space` must have at most 21201 parameters; got 21202\. Use design="):
        sobol(space, 2, 0)


@pytest.mark.parametrize("name", ["sobl", "", None, ["sobol"], 3])
def test_unknown_names(name: Any) -> None:
    for function in (check_design, lambda name: design(name, CUBE, 4, 0)):
        with pytest.raises(SpaceError, match=r"`design` must be the name of a design; got .* (Did you|Use one of)"):
            function(name)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize(("m", "seed"), [(0, 0), (-1, 0), (2.0, 0), (True, 0), (4, -1), (4, 1.5), (4, None)])
def test_bad_numbers(name: str, m: Any, seed: Any) -> None:
    with pytest.raises(SpaceError, match=r"`(m|seed)` must be an int of at least [01]; got "):
        design(name, CUBE, m, seed)


def test_only_corners_have_a_number_of_their_own() -> None:
    with pytest.raises(SpaceError, match=r"`m` must be an int of at least 1; got None\."):
        design("sobol", CUBE, None, 0)
    assert len(design("corners", CUBE, None, 0)) == 32


def test_inactive_parameters_of_a_design_are_inactive() -> None:
    space = Space({"use": Categorical([False, True]), "x": Float(0, 1, when={"use": [True]})})
    X = sobol(space, 32, 0)
    assert torch.equal(X[:, 1] == INACTIVE, X[:, 0] == 0)
    assert math.isclose((X[:, 0] == 1).double().mean().item(), 31 / 32, abs_tol=0.04)
