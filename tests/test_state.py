"""Laws of saved states: bytes that repeat, searches that go on as if never stopped, damage that is always noticed."""

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpbop import Categorical, Float, Integer, Optimizer, Space
from gpbop import state as state_module
from gpbop.errors import DeviceError, StateError
from gpbop.state import read_state, write_state
from tests.spaces import NETWORK, configs, same, spaces

JSON_CHOICES = Space(
    {
        "kind": Categorical([None, True, 1, "1", [1, [None]], {"b": 1, "a": [False]}, "é\u2028\x00", "\ud800", 0.1]),
        "rate": Float(1e-7, 1.0, log=True, when={"kind": [None, [1, [None]]]}),
    }
)


def value_of(space: Space, config: Mapping[str, Any]) -> float | None:
    """Return a value with digits to the last bit, and a failure for about one config in five."""
    number = random.Random(same(config)).random()
    return None if number < 0.2 else number


def reloaded(optimizer: Optimizer, folder: Path) -> Optimizer:
    optimizer.save(folder / "state.json")
    return Optimizer.load(folder / "state.json", space=optimizer.space)


def saved_run(folder: Path) -> bytes:
    optimizer = Optimizer(JSON_CHOICES, initial=2, acquisition="ucb", repeats=True, memory=2**20)
    for _ in range(4):
        config = optimizer.ask()
        optimizer.tell(config, value_of(JSON_CHOICES, config))
    optimizer.ask(2)
    optimizer.save(folder / "state.json")
    return (folder / "state.json").read_bytes()


@given(data=st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_loaded_optimizer_goes_on_as_one_that_never_stopped(data: st.DataObject, tmp_path: Path) -> None:
    """Both do the same at random; after every step the one is saved and loaded, the other goes on."""
    acquisition = data.draw(st.sampled_from(["ei", "thompson", "noisy_ei"]))
    steady = Optimizer(NETWORK, acquisition=acquisition, initial=2, seed=3)
    stopped = Optimizer(NETWORK, acquisition=acquisition, initial=2, seed=3)
    pending: list[dict[str, Any]] = []
    for _ in range(9):
        match data.draw(st.sampled_from(["ask", "ask", "batch", "tell", "tell", "foreign", "predict"])):
            case "ask":
                pending.append(steady.ask())
                assert same(stopped.ask()) == same(pending[-1])
            case "batch":
                pending += steady.ask(2)
                assert [same(config) for config in stopped.ask(2)] == [same(config) for config in pending[-2:]]
            case "tell" if pending:
                config = pending.pop(data.draw(st.integers(0, len(pending) - 1)))
                for optimizer in (steady, stopped):
                    optimizer.tell(config, value_of(NETWORK, config))
            case "predict" if any(trial.state == "complete" for trial in steady.trials):
                config = data.draw(configs(NETWORK))
                expected, found = steady.predict([config]), stopped.predict([config])
                assert (found.mean.item(), found.std.item()) == (expected.mean.item(), expected.std.item())
            case _:
                config = data.draw(configs(NETWORK))
                for optimizer in (steady, stopped):
                    optimizer.tell(config, value_of(NETWORK, config))
        stopped = reloaded(stopped, tmp_path)
        assert stopped.to_dict() == steady.to_dict()
    assert same(stopped.ask()) == same(steady.ask())


@given(space=spaces(most=4), data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_saving_what_was_loaded_gives_the_same_bytes(space: Space, data: st.DataObject, tmp_path: Path) -> None:
    optimizer = Optimizer(space, initial=1, seed=data.draw(st.integers(0, 2**32 - 1)))
    told = data.draw(st.lists(configs(space), max_size=3))
    values = data.draw(st.lists(st.none() | st.floats(-1e300, 1e300), min_size=len(told), max_size=len(told)))
    optimizer.tell_many(told, values)
    optimizer.save(tmp_path / "first.json")
    loaded = Optimizer.load(tmp_path / "first.json", space=space)
    loaded.save(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert loaded.trials == optimizer.trials
    assert [same(trial.config) for trial in loaded.trials] == [same(config) for config in told]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert saved_run(tmp_path / "a") == saved_run(tmp_path / "b")


def test_a_file_may_be_formatted_anew(tmp_path: Path) -> None:
    content = json.loads(saved_run(tmp_path))
    (tmp_path / "compact.json").write_text(
        json.dumps(content, sort_keys=True, ensure_ascii=False, indent=None), "utf-8", "surrogatepass"
    )
    with pytest.raises(StateError):  # a lone surrogate is no UTF-8
        Optimizer.load(tmp_path / "compact.json")
    (tmp_path / "compact.json").write_text(json.dumps(content, sort_keys=True))
    assert same(Optimizer.load(tmp_path / "compact.json").ask()) == same(Optimizer.load(tmp_path / "state.json").ask())


# Damage.


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    whole = saved_run(tmp_path)
    damaged = tmp_path / "damaged.json"
    lengths = {
        *range(400),
        *range(0, len(whole), 37),
        *range(len(whole) - 400, len(whole) - 1),
    }  # the last is a newline
    for length in sorted(lengths):
        damaged.write_bytes(whole[:length])
        with pytest.raises(StateError, match=r"`path` must hold a whole JSON state; got .* Use an earlier copy\."):
            Optimizer.load(damaged)


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_is_noticed_or_changes_nothing(data: st.DataObject, tmp_path: Path) -> None:
    if not (tmp_path / "state.json").exists():
        saved_run(tmp_path)
    whole = bytearray((tmp_path / "state.json").read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "damaged.json").write_bytes(whole)
    try:
        loaded = Optimizer.load(tmp_path / "damaged.json")
    except StateError:
        return
    assert loaded.to_dict() == Optimizer.load(tmp_path / "state.json").to_dict()  # white space, or 1e5 for 1E5


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def places(state: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value."""
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else ()
    return [path, *(place for key, value in items for place in places(value, (*path, key)))]


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_state_with_any_other_value_in_any_place_is_refused_or_works(data: st.DataObject, tmp_path: Path) -> None:
    if not (tmp_path / "state.json").exists():
        saved_run(tmp_path)
    state = read_state(tmp_path / "state.json")
    *path, last = data.draw(st.sampled_from([place for place in places(state) if place]))
    inner: Any = state
    for key in path:
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[last] = data.draw(JSON_VALUES)
    else:
        del inner[last]
    try:
        optimizer = Optimizer.from_dict(state)
    except StateError:
        return
    assert Optimizer.from_dict(optimizer.to_dict()).to_dict() == optimizer.to_dict()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "whole JSON state"),
        ("[" * 100_000, r"whole JSON state; got .*RecursionError"),
        ("1" * 10_000, r"whole JSON state; got .*ValueError"),
        ('{"gpbop": NaN}', "NaN is not JSON"),
        ("null", r"`state` must be the state of an Optimizer; got None\. Use a file that Optimizer\.save wrote\."),
        ("[]", r"`state` must be the state of an Optimizer; got \[\]\."),
        (
            '{"gpbop": 2}',
            r"be a gpbop state of version 1; got version 2\. It was saved by a newer gpbop: install that one\.",
        ),
        ('{"gpbop": true}', r"be a gpbop state of version 1; got version True\. Use a file"),
        ('{"gpbop": 1}', r"hold a state that matches its checksum; got .* It was damaged or edited"),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(StateError, match=message):
        Optimizer.load(tmp_path / "other.json")


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "evil.json").write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "ran") + b"'\ntR.")
    with pytest.raises(StateError):
        Optimizer.load(tmp_path / "evil.json")
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Optimizer.load(tmp_path / "none.json")


def test_a_state_of_another_space_is_refused(tmp_path: Path) -> None:
    saved_run(tmp_path)
    other = Space({**JSON_CHOICES.parameters, "more": Integer(0, 1)})
    with pytest.raises(
        StateError, match=r"`state` must belong to Space\(.*; got Space\(.* Load it with the space it was"
    ):
        Optimizer.load(tmp_path / "state.json", space=other)
    fit_of_another = {**Optimizer.load(tmp_path / "state.json").to_dict(), "space": NETWORK.to_dict(), "trials": []}
    with pytest.raises(StateError):
        Optimizer.from_dict(fit_of_another)


def test_a_state_from_a_machine_with_more_devices_goes_on_elsewhere() -> None:
    state = Optimizer(NETWORK).to_dict()
    state["settings"]["device"] = "cuda:99"
    with pytest.raises(
        DeviceError, match=r"`device` must be present; got 'cuda:99' with .* Use device='cpu' or 'auto'"
    ):
        Optimizer.from_dict(state)
    assert Optimizer.from_dict(state, device="cpu").to_dict()["settings"]["device"] == "cpu"
    with pytest.raises(DeviceError, match="got 'gpu'"):
        Optimizer.from_dict(state, device="gpu")
    state["settings"]["device"] = "gpu"
    with pytest.raises(StateError, match="got a damaged one"):
        Optimizer.from_dict(state)


# Writing.


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_saving_leaves_the_old_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved_run(tmp_path)
    optimizer = Optimizer(NETWORK)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(state_module.os, step, crash)
    with pytest.raises(KeyboardInterrupt):
        optimizer.save(tmp_path / "state.json")
    assert (tmp_path / "state.json").read_bytes() == whole
    assert os.listdir(tmp_path) == ["state.json"]


def test_saving_keeps_links_and_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    Optimizer(NETWORK).save(str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink()
    (tmp_path / "usual").touch()
    assert (tmp_path / "real.json").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert Optimizer.load(tmp_path / "link.json").space == NETWORK


def test_a_folder_that_is_not_there_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Optimizer(NETWORK).save(tmp_path / "none" / "state.json")


@given(
    values=st.dictionaries(
        st.text(max_size=3),
        JSON_VALUES.filter(lambda v: "Infinity" not in str(json.dumps(v)) and "NaN" not in json.dumps(v)),
        max_size=3,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_read_as_it_was_written(values: dict[str, Any], tmp_path: Path) -> None:
    state = {**values, "gpbop": 1}
    state.pop("checksum", None)
    write_state(tmp_path / "any.json", state)
    assert same(read_state(tmp_path / "any.json")) == same(state)
