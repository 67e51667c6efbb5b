import math

import pytest

from gpbop import Float, Integer, Optimizer, Space
from gpbop.errors import NoTrialsError
from gpbop.report.facts import Facts
from tests.report.searches import recorded_search

GRID = Space({"x": Integer(0, 9), "y": Integer(0, 9)})


def told(space, values, **options):
    optimizer = Optimizer(space, **options)
    for value in values:
        optimizer.tell(optimizer.ask(), value)
    return Facts(optimizer)


def test_no_trials_are_no_report():
    with pytest.raises(NoTrialsError, match=r"`optimizer` must have a trial to report; got 0 trials."):
        Facts(Optimizer(GRID))


def test_failed_and_running_experiments_are_counted_apart():
    facts = Facts(recorded_search(12))
    assert (facts.used, len(facts.in_state("failed")), len(facts.in_state("pending"))) == (12, 2, 1)


@pytest.mark.parametrize(("direction", "better"), [("minimize", min), ("maximize", max)])
def test_best_so_far_is_the_best_of_those_before(direction, better):
    values = [3.0, None, 1.0, 2.0, 5.0, 0.5]
    facts = told(GRID, values, direction=direction)
    finite = [[value for value in values[: i + 1] if value is not None] for i in range(len(values))]
    assert facts.best_so_far == {i: better(before) for i, before in enumerate(finite)}


def test_expectations_are_those_of_finished_trials_after_the_first():
    facts = told(GRID, [None, 3.0, None, 1.0, 2.0])
    assert sorted(facts.expectations) == [3, 4]
    assert facts.expectations[3].mean == pytest.approx(3.0), "one value is all that was known"
    assert all(e.std > 0.0 and math.isfinite(e.mean) for e in facts.expectations.values())
    assert told(GRID, [None, 3.0]).expectations == {}
    assert told(GRID, [None, None]).expectations == {}


def test_the_expected_value_is_what_the_optimizer_predicts():
    facts = told(GRID, [3.0, 1.0, 2.0])
    assert facts.best is not None
    mean, std = facts.optimizer.predict([facts.best.config])
    assert (facts.expected.mean, facts.expected.std) == (float(mean), float(std))


def test_repeated_measurements_of_the_best_are_counted():
    optimizer = Optimizer(GRID)
    for x, value in [(1, 1.0), (2, 5.0), (1, 2.0), (3, 1.4)]:
        optimizer.tell({"x": x, "y": 0}, value)
    assert Facts(optimizer).times_best == 1
    assert Facts(optimizer).best_so_far == {0: 1.0, 1: 1.0, 2: 1.5, 3: 1.4}
    optimizer.tell({"x": 3, "y": 0}, 1.2)
    assert Facts(optimizer).times_best == 2


@pytest.mark.parametrize(
    ("space", "count", "sentence"),
    [
        (GRID, 4, "4 experiments instead of 100: 25 times fewer than brute force."),
        (GRID, 1, "1 experiment instead of 100: 100 times fewer than brute force."),
        (
            Space({"x": Integer(0, 1)}),
            2,
            "2 experiments; the space has 2 configs, so brute force would have cost no more.",
        ),
        (Space({"x": Float(0, 1)}), 1, "1 experiment in a space without end: brute force would never finish."),
        (
            Space({f"x{i}": Integer(0, 9) for i in range(30)}),
            1,
            "1 experiment instead of about 10^30: about 10^30 times fewer than brute force.",
        ),
    ],
)
def test_the_saving_is_one_sentence(space, count, sentence):
    assert told(space, [1.0] * count).saving == sentence


def test_without_a_result_there_is_nothing_to_expect():
    optimizer = Optimizer(GRID)
    optimizer.ask()
    facts = Facts(optimizer)
    assert (facts.best, facts.expected, facts.best_so_far, facts.used) == (None, None, {}, 0)
    assert facts.saving == "No experiment has ended yet, of 100 that brute force takes."
