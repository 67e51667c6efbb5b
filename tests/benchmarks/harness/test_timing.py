"""What is measured is what was called."""

import time

import pytest
import torch

from benchmarks.harness.ceilings import Ceilings, Cost
from benchmarks.harness.question import Setting, Side
from benchmarks.harness.timing import PLANS, Plan, is_disturbed, measure, status_mib

SETTING = Setting({}, "cpu", 1, 0, False)


def test_a_sleep_takes_its_time_and_the_last_result_is_returned() -> None:
    results = iter(range(1000))
    measured, last = measure(Side("sleep", lambda: (time.sleep(0.002), next(results))), SETTING, Plan(0.01, 0.02))
    assert measured["median"] >= 0.002
    assert measured["low"] <= measured["median"] <= measured["high"]
    assert measured["runs"] == len(measured["times"]) >= 1
    assert is_disturbed(measured | {"device": "cpu"})  # a sleeping process has no core
    assert not is_disturbed(measured | {"device": "cuda"})
    assert last[1] >= measured["runs"]  # the warm-up counts too


def test_each_block_of_runs_has_a_fresh_state() -> None:
    seen = []

    def work(state: list) -> None:
        state.append(None)
        seen.append(len(state))

    measured, _ = measure(Side("fresh", work, fresh=list), SETTING, PLANS["smoke"])
    assert seen.count(1) > measured["runs"]  # the blocks that set the number of runs in a block count too


def test_a_search_runs_once() -> None:
    calls = []
    measured, _ = measure(Side("once", lambda: calls.append(1), is_once=True), SETTING, PLANS["full"])
    assert (len(calls), measured["runs"]) == (1, 1)


def test_a_warm_up_comes_first_and_is_not_measured() -> None:
    calls = []

    def warm_up() -> None:
        time.sleep(0.05)
        calls.append("warm-up")

    side = Side("once", lambda: calls.append("work"), is_once=True, warm_up=warm_up)
    measured, _ = measure(side, SETTING, PLANS["full"])
    assert calls == ["warm-up", "work"]
    assert measured["median"] < 0.05


def test_of_several_threads_only_less_than_one_core_is_surely_a_disturbance() -> None:
    one, several = {"device": "cpu", "threads": 1}, {"device": "cpu", "threads": 4}
    for threads in (one, several):
        assert is_disturbed(threads | {"busy": 0.5})
        assert not is_disturbed(threads | {"busy": 1.0})  # work for one thread, of whatever there are
    assert not is_disturbed(several | {"busy": 3.9})


def test_memory_that_is_taken_is_seen() -> None:
    measured, _ = measure(Side("memory", lambda: torch.ones(2**24)), SETTING, PLANS["smoke"])
    if measured["host_growth_mib"] is None:
        pytest.skip("this kernel does not let a process set its peak back")
    assert measured["host_growth_mib"] > 50.0
    assert measured["host_peak_mib"] > status_mib("VmRSS") / 2
    assert measured["device_peak_mib"] is None


def test_shares_are_those_of_the_floors() -> None:
    ceilings = Ceilings(arithmetic=100.0, bandwidth=10.0, exponentials=1.0)
    shares = Cost(flops=50.0, bytes=20.0, exponentials=1.0).shares(4.0, ceilings)
    assert shares == {
        "arithmetic_share": 0.125,
        "bandwidth_share": 0.5,
        "exponentials_share": 0.25,
        "of_limit": 0.5,
        "bound": "bandwidth",
    }
    assert Cost(flops=50.0).shares(4.0, ceilings)["bound"] == "overhead (arithmetic next)"
