"""What ask, tell and their arguments record and refuse."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, GpbopError, Integer, Optimizer, Space, SpaceExhausted
from gpbop import proposal as proposal_module
from gpbop.errors import (
    AcquisitionError,
    ArgumentError,
    ConfigError,
    DeviceError,
    NoTrialsError,
    ObjectiveError,
    ShapeError,
    SpaceError,
)
from tests.searches import GRID, SMALL, play
from tests.spaces import NETWORK, configs, same, spaces

BAD_TELLS = [
    ({"a": 1}, 1.0, ConfigError, "'b'"),
    ({"a": 1, "b": 9}, 1.0, ConfigError, "9"),
    ({"a": 1, "b": math.nan}, 1.0, ConfigError, "nan"),
    ({"a": 1, "b": 1, "c": 1}, 1.0, ConfigError, "'c'"),
    ([1, 2], 1.0, ConfigError, "be a dict"),
    ({"a": 1, "b": 1}, "0.3", ObjectiveError, r"`value` must be a number, or None .*; got '0.3' of type str\. Tell"),
    ({"a": 1, "b": 1}, True, ObjectiveError, "got True of type bool"),
    ({"a": 1, "b": 1}, [0.3], ObjectiveError, "of type list"),
]


@pytest.mark.parametrize(("config", "value", "error", "message"), BAD_TELLS)
def test_nothing_is_recorded_when_tell_raises(config: Any, value: Any, error: type[Exception], message: str) -> None:
    optimizer = Optimizer(GRID)
    optimizer.tell(optimizer.ask(), 1.0)
    pending = optimizer.ask()
    before = optimizer.to_dict()
    with pytest.raises(error, match=message):
        optimizer.tell(config, value)
    with pytest.raises(error, match=message.replace("`value`", r"`values\[1\]`")):
        optimizer.tell_many([pending, config], [1.0, value])
    assert optimizer.to_dict() == before


@pytest.mark.parametrize("values", [[1.0], "ab", 1.0, torch.tensor(1.0), {0: 1.0, 1: 1.0}, np.ones((2, 1))])
def test_telling_many_needs_a_value_for_each(values: Any) -> None:
    optimizer = Optimizer(GRID)
    with pytest.raises(ShapeError, match=r"`values` must be a list of one value for each config; got (?s:.*)Use None"):
        optimizer.tell_many(GRID.sample(2, seed=0), values)
    assert optimizer.trials == []


def test_a_batch_that_fails_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer, twin = Optimizer(GRID, initial=1), Optimizer(GRID, initial=1)
    play(optimizer, 2)
    play(twin, 2)
    original, calls = proposal_module.maximize_acquisition, []

    def interrupted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(proposal_module, "maximize_acquisition", interrupted)
        with pytest.raises(KeyboardInterrupt):
            optimizer.ask(3)
    assert optimizer.trials == twin.trials
    assert optimizer.ask(3) == twin.ask(3)


def test_what_is_returned_is_the_callers_to_change() -> None:
    optimizer = Optimizer(Space({"layers": Categorical([[1, 2], [3]])}))
    optimizer.ask()["layers"].append("spoilt")
    for config in optimizer.ask(1):
        config.clear()
    optimizer.tell({"layers": [3]}, 1.0)
    optimizer.best.config.clear()
    optimizer.trials[0].config.clear()
    optimizer.trials.clear()
    assert sorted(same(trial.config) for trial in optimizer.trials) == ['{"layers": [1, 2]}', '{"layers": [3]}']


def test_told_configs_are_kept_as_they_are() -> None:
    optimizer = Optimizer(NETWORK)
    rate = 0.012345678901234567
    told = {"use_dropout": np.False_, "dropout": 0.3, "encoder_size": 16.0, "decoder": "A", "rate": np.float64(rate)}
    optimizer.tell(told, np.float32(0.25))
    assert same(optimizer.trials[0].config) == same(
        {"encoder_size": 16, "decoder": "A", "use_dropout": False, "rate": rate}
    )
    assert optimizer.trials[0].value == 0.25


def test_configs_that_differ_in_inactive_parameters_are_one_point() -> None:
    optimizer = Optimizer(SMALL)
    optimizer.ask(12)
    optimizer.tell({"kind": 1, "n": 4, "p": 0.2, "on": True}, 1.0)
    assert [trial.config for trial in optimizer.trials if trial.state == "complete"] == [{"kind": 1, "n": 4}]
    assert len(optimizer.trials) == 12


def test_the_best_is_the_earliest_of_equals() -> None:
    optimizer = Optimizer(GRID, direction="maximize")
    optimizer.tell_many([{"a": a, "b": 0} for a in range(4)], [1.0, 2.0, None, 2.0])
    assert optimizer.best.number == 1


@given(space=spaces(most=4), data=st.data())
@settings(max_examples=15)
def test_told_and_asked_configs_encode_to_the_points_that_are_kept(space: Space, data: st.DataObject) -> None:
    optimizer = Optimizer(space, initial=2)
    told = [data.draw(configs(space)) for _ in range(3)]
    optimizer.tell_many(told, [1.0, 2.0, 0.0])
    assert [same(trial.config) for trial in optimizer.trials] == [same(config) for config in told]
    try:
        optimizer.ask(2)
    except SpaceExhausted:
        assert space.size <= 3
    assert torch.equal(optimizer._ledger.X, space.encode([trial.config for trial in optimizer.trials]))


# Bad arguments.

BAD_ARGUMENTS = [
    ({"direction": "down"}, ArgumentError, r"`direction` must be 'minimize' or 'maximize'; got 'down'\. Choose"),
    (
        {"direction": ["minimize"]},
        ArgumentError,
        r"`direction` must be 'minimize' or 'maximize'; got \['minimize'\]",
    ),
    ({"acquisition": "eii"}, AcquisitionError, r"`acquisition` must be one of 'max_variance', .*; got 'eii'\."),
    ({"acquisition": ["ei"]}, AcquisitionError, r"`acquisition` must be .*; got \['ei'\]\. "),
    ({"design": "sobel"}, SpaceError, r"`design` must be the name of a design; got 'sobel'\. Did you mean 'sobol'\?"),
    ({"initial": 0}, ArgumentError, r"`initial` must be a whole number of at least 1; got 0\. The model needs"),
    ({"initial": 2.5}, ArgumentError, r"`initial` must be a whole number of at least 1; got 2\.5\. "),
    ({"initial": True}, ArgumentError, r"`initial` must be a whole number of at least 1; got True\. "),
    ({"seed": -1}, ArgumentError, r"`seed` must be a whole number of at least 0 and at most 4294967295; got -1\. "),
    ({"seed": 2**32}, ArgumentError, r"`seed` must be .* got 4294967296\. "),
    ({"seed": None}, ArgumentError, r"`seed` must be .* got None\. "),
    ({"beta": -1.0}, ArgumentError, r"`beta` must be a finite number of at least 0; got -1\.0\. It weighs"),
    ({"beta": math.nan}, ArgumentError, r"`beta` must be a finite number of at least 0; got nan\. "),
    ({"beta": "2"}, ArgumentError, r"`beta` must be a finite number of at least 0; got '2'\. "),
    ({"repeats": "no"}, ArgumentError, r"`repeats` must be True or False; got 'no'\. "),
    ({"memory": 0}, DeviceError, r"`memory` must be a whole number of at least 1; got 0\. It is in bytes"),
    ({"device": "gpu"}, DeviceError, r"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:<number>'; got 'gpu'\. "),
    (
        {"device": "cuda:99"},
        DeviceError,
        r"`device` must be present; got 'cuda:99' with \d+ CUDA devices in sight\. Use",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_ARGUMENTS)
def test_bad_arguments(arguments: dict[str, Any], error: type[GpbopError], message: str) -> None:
    with pytest.raises(error, match=message):
        Optimizer(GRID, **arguments)


def test_bad_space() -> None:
    with pytest.raises(SpaceError, match=r"`space` must be a Space; got \{'x': 1\}\. Write Space"):
        Optimizer({"x": 1})  # type: ignore[arg-type]
    wide = Space({f"x{i}": Integer(0, 1) for i in range(17)})
    with pytest.raises(SpaceError, match=r"`initial` must be given with 2\*\*17 corners; got None\. Say how many"):
        Optimizer(wide, design="corners")
    assert len(Optimizer(wide, design="corners", initial=3).ask(3)) == 3


@pytest.mark.parametrize("q", [0, -1, 1.5, True, "2"])
def test_bad_batch_size(q: Any) -> None:
    with pytest.raises(
        ArgumentError, match=r"`q` must be a whole number of at least 1; got .* Leave it out for one config"
    ):
        Optimizer(GRID).ask(q)


def test_nothing_to_answer_from_yet() -> None:
    optimizer = Optimizer(GRID)
    optimizer.ask()
    message = r"`optimizer` must have a finished experiment; got 1 trials\. Tell a value first\."
    with pytest.raises(NoTrialsError, match=message):
        _ = optimizer.gp
    optimizer.tell({"a": 0, "b": 0}, 1.0)
    with pytest.raises(ConfigError, match=r"`configs` must be a list of dicts"):
        optimizer.predict({"a": 0, "b": 0})  # type: ignore[arg-type]
    assert optimizer.predict([]).mean.shape == (0,)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(3)])
def test_every_seed_of_the_range_works(seed: int) -> None:
    play(Optimizer(NETWORK, initial=1, acquisition="thompson", seed=seed), 2)
