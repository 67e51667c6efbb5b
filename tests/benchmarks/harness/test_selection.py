"""Cases are selected by the values of their sizes; what selects none is an error that names it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.registry import load, names
from benchmarks.harness.selection import is_selected, selection

CASES: list[dict[str, Any]] = [
    {"n": 100, "noise": 0.01, "kind": "a"},
    {"n": 1000, "noise": 0.01, "kind": "b"},
    {"n": 1000, "noise": 0.5, "kind": "c d"},
    {"m": None, "n": 7},
]


def selected(*pairs: str) -> list[dict[str, Any]]:
    only = selection(pairs, CASES)
    return [case for case in CASES if is_selected(case, only)]


@pytest.mark.parametrize(
    ("pairs", "places"),
    [
        ([], [0, 1, 2, 3]),
        (["n=1000"], [1, 2]),
        (["n=1e3"], [1, 2]),
        (["n=1000", "n=100"], [0, 1, 2]),
        (["n=1000", "noise=1e-2"], [1]),
        (["kind=a", "kind=c d"], [0, 2]),
        (["m=None"], [3]),
    ],
)
def test_values_of_a_key_are_alternatives_and_keys_hold_together(pairs: list[str], places: list[int]) -> None:
    assert selected(*pairs) == [CASES[i] for i in places]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["n"], "followed by KEY=VALUE; got 'n'"),
        (["q=1"], "must name sizes of the run's cases; got 'q'. There are: n, noise, kind, m."),
        (["n=100", "n=3"], "got n=3, which none has. Values of n: 100, 1000, 7."),
        (["n=100", "kind=b"], "got n=100 kind=b, which no case of the run has all at once."),
    ],
)
def test_what_selects_nothing_is_named_in_one_line(pairs: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as raised:
        selected(*pairs)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.data())
def test_every_size_of_every_question_can_be_named(data: st.DataObject) -> None:
    cases = load(data.draw(st.sampled_from(names()))).cases["full"]
    case = data.draw(st.sampled_from(cases))
    only = selection([f"{key}={value}" for key, value in case.items()], cases)
    assert [other for other in cases if is_selected(other, only)] == [case]
