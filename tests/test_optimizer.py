"""Laws of ask and tell: what is proposed, what is recorded, and what neither of them may change."""

import json
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Float, GpbopError, Integer, Optimizer, Ordinal, Space, SpaceExhausted
from gpbop import proposal as proposal_module
from gpbop.acquisition import ACQUISITIONS
from gpbop.designs import DESIGNS
from gpbop.errors import (
    AcquisitionError,
    ConfigError,
    DeviceError,
    GpbopWarning,
    NoTrialsError,
    NumericalError,
    ObjectiveError,
    ShapeError,
    SpaceError,
)
from tests.spaces import NETWORK, configs, same, spaces

# 2 x (1 + 3) + 4 = 12 configs.
SMALL = Space(
    {
        "kind": Categorical(["A", True, 1]),
        "on": Categorical([False, True], when={"kind": ["A", True]}),
        "p": Float(0.1, 0.3, step=0.1, when={"on": [True]}),
        "n": Ordinal([1, 2, 4, 8], when={"kind": [1]}),
    }
)
GRID = Space({"a": Integer(0, 7), "b": Integer(0, 7)})
SQUARE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def loss(space: Space, config: dict[str, Any]) -> float:
    """Return a smooth function of the encoded point, of size one, with its minimum inside."""
    x = space.encode([config])[0]
    return float(((x - 0.3) ** 2 * torch.arange(1, space.d + 1)).sum())


def play(optimizer: Optimizer, rounds: int, sign: float = 1.0) -> list[str]:
    """Ask and tell by turns; return the asks as text."""
    asked = []
    for _ in range(rounds):
        config = optimizer.ask()
        asked.append(same(config))
        optimizer.tell(config, sign * loss(optimizer.space, config))
    return asked


# What is proposed.


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_finite_space_is_used_up_config_by_config(acquisition: str) -> None:
    optimizer = Optimizer(SMALL, acquisition=acquisition, initial=3)
    asked = play(optimizer, int(SMALL.size))
    assert sorted(asked) == sorted(same(config) for config in SMALL.grid())
    with pytest.raises(SpaceExhausted, match=r"12 configs, all told or pending\. Stop here, widen the space, or pass"):
        optimizer.ask()
    assert len(optimizer.trials) == SMALL.size


@pytest.mark.parametrize("design", DESIGNS)
def test_every_design_leads_through_the_whole_space(design: str) -> None:
    optimizer = Optimizer(SMALL, design=design, initial=5)
    first = [same(config) for config in optimizer.ask(5)]
    rest = [same(config) for config in optimizer.ask(100)]
    assert sorted(first + rest) == sorted(same(config) for config in SMALL.grid())
    with pytest.raises(SpaceExhausted):
        optimizer.ask(2)


@given(space=spaces(finite=True, most=3).filter(lambda space: space.size <= 12), seed=st.integers(0, 9))
@settings(max_examples=12)
def test_any_finite_space_is_used_up(space: Space, seed: int) -> None:
    optimizer = Optimizer(space, initial=2, seed=seed)
    asked = play(optimizer, int(space.size))
    assert sorted(asked) == sorted(same(config) for config in space.grid())
    with pytest.raises(SpaceExhausted):
        optimizer.ask()


@pytest.mark.parametrize("failing", [False, True])
def test_with_repeats_a_space_is_never_used_up(failing: bool) -> None:
    space = Space({"c": Categorical(["a", "b", "c"])})
    optimizer = Optimizer(space, repeats=True, initial=2)
    for _ in range(8):
        config = optimizer.ask()
        optimizer.tell(config, None if failing else float(ord(config["c"])))
    assert len({optimizer.ask()["c"] for _ in range(3)}) <= 3
    assert len(optimizer.trials) == 11


def test_with_repeats_pending_trials_of_one_config_are_told_in_the_order_of_asking() -> None:
    optimizer = Optimizer(Space({"c": Categorical(["a"])}), repeats=True)
    optimizer.ask(3)
    for value in (3.0, 1.0, 2.0):
        optimizer.tell({"c": "a"}, value)
    assert [trial.value for trial in optimizer.trials] == [3.0, 1.0, 2.0]


def test_the_corners_are_the_first_asks() -> None:
    asked = Optimizer(SQUARE, design="corners").ask(4)
    assert sorted((config["x"], config["y"]) for config in asked) == [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]


def test_points_told_from_elsewhere_replace_the_design() -> None:
    optimizer = Optimizer(NETWORK, initial=4, acquisition="max_variance")
    design = Optimizer(NETWORK, initial=4).ask(4)
    optimizer.tell_many(design[:2], [1.0, 2.0])
    assert [same(config) for config in optimizer.ask(2)] == [same(config) for config in design[2:]]


@settings(max_examples=12)
@given(data=st.data())
def test_asks_and_tells_in_any_order(data: st.DataObject) -> None:
    optimizer = Optimizer(GRID, initial=2)
    expected: list[tuple[str, str]] = []  # config and state, in the order of asking and telling
    for _ in range(8):
        pending = [i for i, (_, state) in enumerate(expected) if state == "pending"]
        match data.draw(st.sampled_from(["ask", "batch", "tell", "foreign", "fail"])):
            case "ask":
                new = [optimizer.ask()]
            case "batch":
                new = optimizer.ask(data.draw(st.integers(1, 3)))
            case action if pending and action != "foreign":
                i = data.draw(st.sampled_from(pending))
                optimizer.tell(json.loads(expected[i][0]), math.nan if action == "fail" else float(i))
                expected[i] = (expected[i][0], "failed" if action == "fail" else "complete")
                new = []
            case _:
                config = data.draw(configs(GRID))
                known = [i for i in pending if expected[i][0] == same(config)]
                optimizer.tell(config, 0.5)
                new = []
                if known:
                    expected[known[0]] = (same(config), "complete")
                else:
                    expected.append((same(config), "complete"))
        assert not {same(config) for config in new} & {config for config, _ in expected}, "proposed twice"
        assert len({same(config) for config in new}) == len(new)
        expected += [(same(config), "pending") for config in new]
        trials = optimizer.trials
        assert [(same(trial.config), trial.state) for trial in trials] == expected
        assert [trial.number for trial in trials] == list(range(len(expected)))


# The same seed and the same tells give the same asks.


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_same_seed_same_asks(acquisition: str) -> None:
    once, again, other = (
        play(Optimizer(NETWORK, acquisition=acquisition, initial=3, seed=seed), 6) for seed in (7, 7, 8)
    )
    assert once == again
    assert not set(once) & set(other)


@pytest.mark.parametrize("design", DESIGNS)
def test_same_seed_same_design(design: str) -> None:
    once, again, other = (Optimizer(NETWORK, design=design, initial=6, seed=seed).ask(6) for seed in (7, 7, 8))
    assert [same(config) for config in once] == [same(config) for config in again]
    assert [same(config) for config in once] != [same(config) for config in other]


SCRIPT = """
import sys
from tests.spaces import NETWORK
from tests.test_optimizer import play
from gpbop import Optimizer
print(*play(Optimizer(NETWORK, initial=3, seed=5), 6), *play(Optimizer.load(sys.argv[1]), 2), sep="\\n")
"""


def test_same_seed_same_asks_in_another_process(tmp_path: Path) -> None:
    optimizer = Optimizer(NETWORK, initial=3, seed=5)
    here = play(optimizer, 6)
    optimizer.save(tmp_path / "state.json")
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "state.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == here + play(optimizer, 2)


def test_looking_changes_no_ask() -> None:
    quiet, curious = Optimizer(NETWORK, initial=3), Optimizer(NETWORK, initial=3)
    for _ in range(8):
        config = quiet.ask()
        assert same(curious.ask()) == same(config)
        for optimizer in (quiet, curious):
            optimizer.tell(config, loss(NETWORK, config))
        curious.predict([config])
        assert math.isfinite(curious.gp.noise_std)
        assert curious.best.value == quiet.best.value
        curious.to_dict()


def test_telling_many_is_telling_one_by_one() -> None:
    sample = NETWORK.sample(6, seed=1)
    values = [0.5, None, 1.5, math.nan, -math.inf, 2.0]
    one, many = Optimizer(NETWORK), Optimizer(NETWORK)
    for config, value in zip(sample, values, strict=True):
        one.tell(config, value)
    many.tell_many(sample, values)
    assert one.to_dict() == many.to_dict()
    assert same(one.ask()) == same(many.ask())
    array = Optimizer(NETWORK)
    array.tell_many(sample, np.array([0.5, np.nan, 1.5, np.nan, -np.inf, 2.0]))
    assert [trial.value for trial in array.trials] == [trial.value for trial in many.trials][:6]


# Units and directions.

SYMMETRIC = ("ei", "ucb", "pi", "max_variance", "integrated_variance")


@pytest.mark.parametrize("acquisition", SYMMETRIC)
def test_maximizing_is_minimizing_the_negative(acquisition: str) -> None:
    down = Optimizer(NETWORK, acquisition=acquisition, initial=3)
    up = Optimizer(NETWORK, acquisition=acquisition, initial=3, direction="maximize")
    assert play(down, 8) == play(up, 8, sign=-1.0)
    assert down.best.number == up.best.number


@given(power=st.integers(-900, 900))
@settings(max_examples=8)
def test_powers_of_two_as_units_change_no_ask(power: int) -> None:
    assert play(Optimizer(NETWORK, initial=3), 5) == play(Optimizer(NETWORK, initial=3), 5, sign=2.0**power)


@pytest.mark.parametrize(
    "transform", [lambda v: v * 1e-300, lambda v: v * 1e300, lambda v: v + 1e6, lambda v: 3.0 - v / 7]
)
def test_units_change_no_ask_on_a_grid(transform: Any) -> None:
    plain, other = Optimizer(GRID), Optimizer(GRID, direction="maximize" if transform(1) < transform(0) else "minimize")
    for _ in range(10):
        config = plain.ask()
        assert other.ask() == config
        plain.tell(config, loss(GRID, config))
        other.tell(config, transform(loss(GRID, config)))
    mean, std = other.predict([config])
    assert bool(torch.isfinite(mean).all() & torch.isfinite(std).all() & (std > 0).all())


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300, 1e-300])
def test_a_constant_objective_is_searched_on(value: float) -> None:
    optimizer = Optimizer(NETWORK, initial=1)
    for _ in range(5):
        optimizer.tell(optimizer.ask(), value)
    assert optimizer.best.number == 0
    mean, std = optimizer.predict(NETWORK.sample(3, seed=0))
    assert mean.tolist() == pytest.approx([value] * 3)
    assert bool(torch.isfinite(std).all())


# Failures.

ACTIVE_LEARNING = ("max_variance", "integrated_variance")


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_the_search_leaves_a_failing_region(acquisition: str) -> None:
    """Two thirds of the square fail, the best point is well inside the rest."""
    optimizer = Optimizer(SQUARE, acquisition=acquisition)
    failed = []
    for _ in range(26):
        config = optimizer.ask()
        failed.append(config["x"] > 1 / 3)
        optimizer.tell(config, None if failed[-1] else (config["x"] - 0.15) ** 2 + (config["y"] - 0.6) ** 2)
    assert sum(failed[:6]) >= 2, "the first experiments must meet failures for the law to say something"
    assert sum(failed[10:]) / 16 < 1 / 2
    assert acquisition in ACTIVE_LEARNING or sum(failed[10:]) / 16 < 1 / 5


def test_where_all_has_failed_the_search_goes_elsewhere() -> None:
    optimizer = Optimizer(SQUARE, initial=1)
    optimizer.tell_many([{"x": 0.2 + 0.1 * i, "y": 0.1 + 0.1 * j} for i in range(3) for j in range(3)], [None] * 9)
    asked = SQUARE.encode(optimizer.ask(4))
    told = SQUARE.encode([trial.config for trial in optimizer.trials[:9]])
    assert float(torch.cdist(asked, told).min()) > 0.3
    assert float(torch.pdist(asked).min()) > 0.2


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_an_objective_that_always_fails_breaks_nothing(value: float | None) -> None:
    optimizer = Optimizer(GRID, initial=2)
    asked = {same(config) for config in optimizer.ask(3)}
    for trial in optimizer.trials:
        optimizer.tell(trial.config, value)
    for _ in range(5):
        config = optimizer.ask()
        asked.add(same(config))
        optimizer.tell(config, value, reason="diverged")
    assert len(asked) == 8
    assert {trial.state for trial in optimizer.trials} == {"failed"}
    with pytest.raises(NoTrialsError, match=r"got 8 trials, 8 failed, the last because: diverged\. Tell a value first"):
        _ = optimizer.best
    with pytest.raises(NoTrialsError, match="diverged"):
        optimizer.predict([{"a": 0, "b": 0}])


def test_one_success_among_failures_is_a_model() -> None:
    optimizer = Optimizer(GRID, initial=1)
    optimizer.tell_many([{"a": a, "b": 0} for a in range(5)], [None, None, 2.5, None, None])
    assert {optimizer.ask()["b"] for _ in range(3)} != {0}
    assert optimizer.best.config == {"a": 2, "b": 0}
    assert optimizer.predict([{"a": 2, "b": 0}]).mean.item() == pytest.approx(2.5)


def test_failures_keep_their_reasons() -> None:
    optimizer = Optimizer(GRID)
    told = [(None, None), (math.nan, None), (math.inf, None), (None, "out of memory"), (1.0, "ignored")]
    for a, (value, reason) in enumerate(told):
        optimizer.tell({"a": a, "b": 0}, value, reason=reason)
    reasons = [trial.reason for trial in optimizer.trials]
    assert reasons == ["no value", "the value was nan", "the value was inf", "out of memory", None]


def test_a_model_that_fails_numerically_is_replaced_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise NumericalError("no factor")

    optimizer = Optimizer(GRID, initial=1)
    play(optimizer, 2)
    monkeypatch.setattr(proposal_module, "maximize_acquisition", fail)
    with pytest.warns(GpbopWarning, match="the model failed, so a quasi-random config is proposed: no factor"):
        config = optimizer.ask()
    assert config not in [trial.config for trial in optimizer.trials[:2]]


# What is recorded, and what is not.

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
    ({"direction": "down"}, AcquisitionError, r"`direction` must be 'minimize' or 'maximize'; got 'down'\. Choose"),
    (
        {"direction": ["minimize"]},
        AcquisitionError,
        r"`direction` must be 'minimize' or 'maximize'; got \['minimize'\]",
    ),
    ({"acquisition": "eii"}, AcquisitionError, r"`acquisition` must be one of 'max_variance', .*; got 'eii'\."),
    ({"acquisition": ["ei"]}, AcquisitionError, r"`acquisition` must be .*; got \['ei'\]\. "),
    ({"design": "sobel"}, SpaceError, r"`design` must be the name of a design; got 'sobel'\. Did you mean 'sobol'\?"),
    ({"initial": 0}, SpaceError, r"`initial` must be a whole number of at least 1; got 0\. The model needs"),
    ({"initial": 2.5}, SpaceError, r"`initial` must be a whole number of at least 1; got 2\.5\. "),
    ({"initial": True}, SpaceError, r"`initial` must be a whole number of at least 1; got True\. "),
    ({"seed": -1}, SpaceError, r"`seed` must be a whole number of at least 0 and at most 4294967295; got -1\. "),
    ({"seed": 2**32}, SpaceError, r"`seed` must be .* got 4294967296\. "),
    ({"seed": None}, SpaceError, r"`seed` must be .* got None\. "),
    ({"beta": -1.0}, AcquisitionError, r"`beta` must be a finite number of at least 0; got -1\.0\. It weighs"),
    ({"beta": math.nan}, AcquisitionError, r"`beta` must be a finite number of at least 0; got nan\. "),
    ({"beta": "2"}, AcquisitionError, r"`beta` must be a finite number of at least 0; got '2'\. "),
    ({"repeats": "no"}, SpaceError, r"`repeats` must be True or False; got 'no'\. "),
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
        SpaceError, match=r"`q` must be a whole number of at least 1; got .* Leave it out for one config"
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


# A good guest.


def global_state() -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "python": random.getstate(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "device": torch.get_default_device(),
    }


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_no_global_state_is_changed(acquisition: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        before = global_state()
        optimizer = Optimizer(NETWORK, acquisition=acquisition, initial=2)
        play(optimizer, 3)
        optimizer.tell(optimizer.ask(), None)
        optimizer.ask(2)
        optimizer.predict(NETWORK.sample(2, seed=0))
        assert global_state() == before
    finally:
        torch.set_num_threads(threads)


def test_one_thread_works_while_matrices_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    original, seen = proposal_module.maximize_acquisition, []

    def watched(*args: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return original(*args, **options)

    monkeypatch.setattr(proposal_module, "maximize_acquisition", watched)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        play(Optimizer(GRID, initial=1), 2)
    finally:
        torch.set_num_threads(threads)
    assert seen == [1]


@pytest.mark.parametrize("acquisition", ["ei", "thompson"])
def test_a_memory_cap_reaches_the_factor_and_changes_no_ask(acquisition: str) -> None:
    free, capped = (Optimizer(GRID, acquisition=acquisition, initial=2, memory=memory) for memory in (None, 4096))
    assert play(free, 6) == play(capped, 6)
    assert capped.gp.factor.block_bytes == 4096
    assert capped.gp.factor.block_rows() < free.gp.factor.block_rows()
    configs = list(GRID.grid())
    torch.testing.assert_close(free.predict(configs).mean, capped.predict(configs).mean, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("acquisition", ["ei", "thompson", "integrated_variance"])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(acquisition: str, context: Any) -> None:
    expected = play(Optimizer(NETWORK, acquisition=acquisition, initial=2), 3)
    with context():
        assert play(Optimizer(NETWORK, acquisition=acquisition, initial=2), 3) == expected


def test_bookkeeping_of_thousands_of_trials_is_quick() -> None:
    """Generous: a tell that goes through all trials takes minutes here."""
    sample = NETWORK.sample(4000, seed=0)
    optimizer, bulk = Optimizer(NETWORK, initial=1), Optimizer(NETWORK, initial=1)
    start = time.perf_counter()
    for config in sample:
        optimizer.tell(config, 1.0)
    bulk.tell_many(sample, [1.0] * len(sample))
    X, observations = optimizer._ledger.X, optimizer._ledger.observations()
    assert time.perf_counter() - start < 20.0
    assert torch.equal(X, NETWORK.encode(sample))
    assert len(observations) == len(sample)
    assert bulk.trials == optimizer.trials
