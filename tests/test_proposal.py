"""What is proposed: every config once, and the same for the same seed and tells."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Optimizer, Space, SpaceExhausted
from gpbop.acquisition import ACQUISITIONS
from gpbop.designs import DESIGNS
from tests.searches import GRID, SMALL, SQUARE, loss, play
from tests.spaces import NETWORK, configs, same, spaces


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
from tests.searches import play
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
