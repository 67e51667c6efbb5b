"""Hypothesis strategies of random spaces and configs, and a slow, plain oracle of what is active.

`spaces()` draws parameters of every kind, with `when` nested to any depth and in any order of declaration; `configs`
draws a config of a space by walking it with `is_active`, which knows nothing of columns, levels or tensors.
"""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from gpbop.parameters import Categorical, Float, Integer, Ordinal, Parameter
from gpbop.space import Space

NETWORK = Space(
    {
        "dropout": Float(0.05, 0.5, when={"use_dropout": [True]}),
        "encoder_size": Integer(4, 64, log=True),
        "decoder": Categorical(["A", "B"]),
        "use_dropout": Categorical([False, True]),
        "depth": Ordinal([1, 2, 4], when={"decoder": ["B"]}),
        "widen": Float(1.0, 2.0, step=0.5, when={"depth": [2, 4], "use_dropout": [True]}),
        "rate": Float(1e-5, 1e-1, log=True),
    }
)

ATOMS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.5, "a", "b", "", "é"])
CHOICES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner))


def same(value: object) -> str:
    """Return text that is equal for equal JSON values only: true and 1 differ."""
    return json.dumps(value, sort_keys=True)


def choice_lists(most: int = 4) -> st.SearchStrategy[list[Any]]:
    return st.lists(CHOICES, min_size=1, max_size=most, unique_by=same)


@st.composite
def integers(draw: st.DrawFn, most: int = 6, when: Mapping[str, list[Any]] | None = None) -> Integer:
    log = draw(st.booleans())
    low, step = draw(st.integers(1 if log else -20, 20)), draw(st.integers(1, 5))
    return Integer(low, low + step * draw(st.integers(1, most - 1)), log=log, step=step, when=when)


@st.composite
def stepped_floats(draw: st.DrawFn, most: int = 6, when: Mapping[str, list[Any]] | None = None) -> Float:
    log = draw(st.booleans())
    low, step = draw(st.integers(1 if log else -50, 50)), draw(st.integers(1, 20))
    high, scale = low + step * draw(st.integers(1, most - 1)), draw(st.sampled_from([1, 10, 100, 10_000]))
    return Float(low / scale, high / scale, log=log, step=step / scale, when=when)


@st.composite
def continuous_floats(draw: st.DrawFn, when: Mapping[str, list[Any]] | None = None) -> Float:
    log = draw(st.booleans())
    magnitudes = st.sampled_from([1e-5, 1e-3, 0.1, 0.3, 1.0, 2.5, 10.0, 1e4])
    bounds = magnitudes if log else magnitudes | magnitudes.map(lambda x: -x) | st.just(0.0)
    low, high = sorted(draw(st.lists(bounds, min_size=2, max_size=2, unique=True)))
    return Float(low, high, log=log, when=when)


@st.composite
def finite_parameters(draw: st.DrawFn, most: int = 4, when: Mapping[str, list[Any]] | None = None) -> Parameter:
    kind = draw(st.sampled_from(["integer", "stepped", "ordinal", "categorical"]))
    if kind == "integer":
        return draw(integers(most, when))
    if kind == "stepped":
        return draw(stepped_floats(most, when))
    values = draw(choice_lists(most))
    return Ordinal(values, when=when) if kind == "ordinal" else Categorical(values, when=when)


@st.composite
def spaces(draw: st.DrawFn, *, finite: bool = False, most: int = 6) -> Space:
    """Draw a space of 1 to `most` parameters, of which about half are conditional; `finite`: no continuous Float."""
    parameters: dict[str, Parameter] = {}
    for number in range(draw(st.integers(1, most))):
        when = draw(_conditions(parameters))
        kinds = finite_parameters(when=when)
        parameters[f"p{number}"] = draw(kinds if finite else kinds | continuous_floats(when=when))
    return Space({name: parameters[name] for name in draw(st.permutations(list(parameters)))})


@st.composite
def _conditions(draw: st.DrawFn, parameters: Mapping[str, Parameter]) -> dict[str, list[Any]] | None:
    """Draw a `when` on up to two of the parameters there are."""
    finite = [name for name, parameter in parameters.items() if parameter.placement]
    if not finite or draw(st.booleans()):
        return None
    parents = draw(st.lists(st.sampled_from(finite), min_size=1, max_size=2, unique=True))
    return {
        parent: draw(st.lists(st.sampled_from(values_of(parameters[parent])), min_size=1, max_size=3, unique_by=same))
        for parent in parents
    }


def values_of(parameter: Parameter) -> list[Any]:
    """Return all values of a finite parameter."""
    return [parameter.value_of(level) for level in range(int(parameter.count))]


def is_active(space: Space, name: str, config: Mapping[str, Any]) -> bool:
    """Return whether a parameter exists in a config that has a value for every parameter above it that is active."""
    return all(
        is_active(space, parent, config) and any(same(config[parent]) == same(value) for value in values)
        for parent, values in (space.parameters[name].when or {}).items()
    )


def collapse(space: Space, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without its inactive parameters, in the order of the space."""
    return {name: config[name] for name in space.names if is_active(space, name, config)}


@st.composite
def full_configs(draw: st.DrawFn, space: Space) -> dict[str, Any]:
    """Draw a value for every parameter, active or not."""
    return {
        name: draw(
            st.sampled_from(values_of(parameter)) if parameter.placement else st.floats(parameter.low, parameter.high)  # type: ignore[attr-defined]
        )
        for name, parameter in space.parameters.items()
    }


def configs(space: Space) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a config of the space: its active parameters and no other."""
    return full_configs(space).map(lambda config: collapse(space, config))


def unit_rows(space: Space, most: int = 8) -> st.SearchStrategy[list[list[float]]]:
    """Draw up to `most` rows of numbers in [0, 1)."""
    row = st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=space.d, max_size=space.d)
    return st.lists(row, min_size=1, max_size=most)
