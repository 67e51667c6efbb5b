import pytest

from gpbop import Categorical, Float, Optimizer, Space
from gpbop.errors import SpaceError
from gpbop.report import story as stories
from gpbop.report.facts import Facts
from gpbop.report.story import important, story


def test_parameters_that_explain_more_come_first():
    space = Space({"none": Float(0.0, 1.0), "some": Float(0.0, 1.0), "most": Float(0.0, 1.0)})
    optimizer = Optimizer(space)
    configs = space.sample(20, 0)
    optimizer.tell_many(configs, [config["some"] + 5.0 * config["most"] for config in configs])
    assert important(optimizer) == ["most", "some", "none"]


def test_without_shares_the_parameters_stay_in_their_order(monkeypatch):
    def fails(_):
        raise SpaceError("too many")

    monkeypatch.setattr(stories, "variance_shares", fails)
    optimizer = Optimizer(Space({"b": Float(0.0, 1.0), "a": Categorical([1, 2])}))
    optimizer.tell(optimizer.ask(), 1.0)
    assert important(optimizer) == ["b", "a"]


@pytest.mark.parametrize(("value", "sections"), [(None, ["Where it looked"]), ("pending", [])])
def test_what_needs_a_result_is_left_out_without_one(value, sections):
    optimizer = Optimizer(Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}))
    config = optimizer.ask()
    if value is None:
        optimizer.tell(config, None)
    told = story(Facts(optimizer))
    assert told.count("<section>") == len(sections)
    assert all(heading in told for heading in sections)
