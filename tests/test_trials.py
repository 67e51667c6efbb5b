"""Trials and their JSON."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Trial
from gpbop.errors import StateError
from tests.spaces import CHOICES

CONFIGS = st.dictionaries(st.text(min_size=1, max_size=3), CHOICES, max_size=3)
TRIALS = st.builds(Trial, st.integers(0, 5), CONFIGS) | st.builds(
    lambda number, config, value, reason: Trial(number, config).told(value, reason),
    st.integers(0, 5),
    CONFIGS,
    st.floats(allow_infinity=False),
    st.none() | st.text(),
)


@given(trial=TRIALS)
def test_json_round_trip_is_exact(trial: Trial) -> None:
    text = json.dumps(trial.to_dict(), allow_nan=False)
    restored = Trial.from_dict(trial.number, json.loads(text))
    assert repr(restored) == repr(trial)  # repr tells True from 1 and 0.0 from -0.0
    assert json.dumps(restored.to_dict(), allow_nan=False) == text


@given(trial=TRIALS)
def test_a_copy_shares_nothing(trial: Trial) -> None:
    before = json.dumps(trial.config)
    copied = trial.copy()
    assert copied == trial
    for value in copied.config.values():
        if isinstance(value, list | dict):
            value.clear()
    copied.config["more"] = 1
    trial.to_dict()["config"]["more"] = 1
    assert json.dumps(trial.config) == before


@given(value=st.floats(allow_infinity=False), reason=st.none() | st.text(min_size=1))
def test_a_told_trial_is_complete_or_failed_with_a_reason(value: float, reason: str | None) -> None:
    told = Trial(3, {"x": 1}).told(value, reason)
    if math.isnan(value):
        assert (told.state, told.value, told.reason) == ("failed", None, reason or "no finite value")
    else:
        assert (told.state, told.value, told.reason) == ("complete", value, None)
    assert (told.number, told.config) == (3, {"x": 1})


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"config": [1], "state": "pending"},
        {"config": {}},
        {"config": {}, "state": "running"},
        {"config": {}, "state": ["pending"]},
        {"config": {}, "state": "pending", "value": 1.0},
        {"config": {}, "state": "pending", "reason": "why"},
        {"config": {}, "state": "complete"},
        {"config": {}, "state": "complete", "value": True},
        {"config": {}, "state": "complete", "value": "1"},
        {"config": {}, "state": "complete", "value": math.nan},
        {"config": {}, "state": "complete", "value": math.inf},
        {"config": {}, "state": "complete", "value": 1.0, "reason": "why"},
        {"config": {}, "state": "failed"},
        {"config": {}, "state": "failed", "value": 1.0, "reason": "why"},
        {"config": {}, "state": "failed", "reason": 3},
    ],
)
def test_what_is_no_trial_is_refused(state: Any) -> None:
    with pytest.raises(StateError, match=r"`trials\[7\]` must be .*; got .* Use the state as gpbop saved it\."):
        Trial.from_dict(7, state)
