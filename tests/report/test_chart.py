import json
import math

from hypothesis import given
from hypothesis import strategies as st

from gpbop import Float, Optimizer, Space
from gpbop.report.chart import STRETCHES, chart_data, drawn_trials, embedded_json
from gpbop.report.facts import Facts
from gpbop.trials import Trial
from tests.report.searches import FAILURES, hostile_search, recorded_search

JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(JSON)
def test_embedded_json_is_json_without_markup(values):
    text = embedded_json(values)
    assert json.loads(text) == values
    assert text.isascii()
    assert not set("<>&") & set(text)


@given(st.integers(1, 3000), st.integers(0, 2**32 - 1), st.integers(2, 50))
def test_a_thinned_chart_keeps_the_outline(count, seed, failing):
    values = [None if i % failing == 0 else float((i * 7919 + seed) % 1009) for i in range(count)]
    trials = [Trial(i, {}).told(math.nan if value is None else value, None) for i, value in enumerate(values)]
    drawn = drawn_trials(trials)
    numbers = [trial.number for trial in drawn]
    assert numbers == sorted(set(numbers))
    assert len(drawn) <= 3 * STRETCHES + 2
    assert (len(drawn) == count) or count > 2 * STRETCHES
    assert {0, count - 1} <= set(numbers)
    finite = [value for value in values if value is not None]
    kept = [trial.value for trial in drawn if trial.value is not None]
    assert (min(kept, default=0), max(kept, default=0)) == (min(finite, default=0), max(finite, default=0))
    # The best so far is that of all trials, wherever a stretch ends.
    ends = [(k + 1) * count // STRETCHES for k in range(STRETCHES)] if len(drawn) < count else []
    for end in ends:
        before = [value for value in values[:end] if value is not None]
        assert min(before, default=0) == min(
            (t.value for t in drawn if t.number < end and t.value is not None), default=0
        )


def test_points_say_what_the_trials_say():
    optimizer = recorded_search(14)
    facts = Facts(optimizer)
    data = chart_data(facts)
    told = optimizer.trials[:14]
    assert [point["n"] for point in data["points"]] == list(range(1, 15))
    assert [point.get("value") for point in data["points"]] == [trial.value for trial in told]
    assert {point["n"] - 1: point["reason"] for point in data["points"] if point["state"] == "failed"} == FAILURES
    best = math.inf
    for point, trial in zip(data["points"], told, strict=True):
        best = min(best, math.inf if trial.value is None else trial.value)
        assert point["best"] == best
        assert ("mean" in point) == ("std" in point) == (trial.value is not None and trial.number > 0)
        for text, name in zip(point["config"], data["names"], strict=True):
            assert (text is None) == (name not in trial.config)
    assert (data["initial"], data["total"], data["direction"], data["log"]) == (6, 14, "minimize", False)


def test_what_is_told_before_an_experiment_comes_from_those_before_it():
    optimizer = recorded_search(8)
    means = [point.get("mean") for point in chart_data(Facts(optimizer))["points"]]
    config = optimizer.trials[-1].config
    optimizer.tell(config, 1e3)  # the future changes the hyperparameters, but not what had been seen
    fixed = Facts(optimizer)
    assert len(fixed.expectations) == len([mean for mean in means if mean is not None]) + 1
    last = fixed.expectations[8]
    assert abs(last.mean) < 1.0, "the last result is not in its own prediction"


def test_values_of_many_sizes_are_drawn_on_a_log_scale():
    def data(values):
        optimizer = Optimizer(Space({"x": Float(0.0, 1.0)}))
        for value in values:
            optimizer.tell(optimizer.ask(), value)
        return chart_data(Facts(optimizer))

    assert data([1.0, 1e3])["log"]
    assert not data([1.0, 50.0])["log"]
    assert not data([-1.0, 1e3])["log"]
    assert not data([0.0, 1e3])["log"]
    assert not data([None, None])["log"]


def test_hostile_texts_reach_the_script_unchanged():
    optimizer = hostile_search()
    data = json.loads(embedded_json(chart_data(Facts(optimizer))))
    assert data["names"] == list(optimizer.space.names)
