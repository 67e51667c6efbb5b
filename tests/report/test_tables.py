import re

from gpbop import Categorical, Float, Integer, Optimizer, Ordinal, Space
from gpbop.report.facts import Facts
from gpbop.report.tables import MOST_ROWS, best_table, trials_table
from tests.report.searches import FAILURES, read, recorded_search


def cells(table):
    """Return the rows of the body, each the texts and the keys of its cells."""
    body = table.partition("<tbody>")[2]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
    return [re.findall(r'<td(?: data-v="([^"]*)")?>([^<]*)</td>', row) for row in rows]


def test_every_trial_has_its_row_and_every_cell_its_column():
    optimizer = recorded_search(14)
    facts = Facts(optimizer)
    table = trials_table(facts)
    read(table)
    names = re.findall(r'<th scope="col" class="\w+">([^<]*)</th>', table)
    assert names == ["#", "state", "value", "expected", "±", *optimizer.space.names, "reason"]
    rows = cells(table)
    assert len(rows) == len(optimizer.trials) == 15
    for trial, row in zip(optimizer.trials, rows, strict=True):
        told = dict(zip(names, row, strict=True))
        assert told["#"] == ("", str(trial.number + 1))
        assert told["state"] == ("", trial.state)
        assert told["value"] == (("", "") if trial.value is None else (repr(trial.value), f"{trial.value:.6g}"))
        assert {name: told[name][1] for name in trial.config} == {k: str(v) for k, v in trial.config.items()}
        assert all(told[name][1] == "" for name in optimizer.space.names if name not in trial.config)
        assert (told["reason"][1] != "") == (trial.number in FAILURES)
    assert table.count('class="best"') == table.count('class="pending"') == 1
    assert f'id="trial-{optimizer.best.number + 1}" class="best"' in table


def test_a_column_is_sorted_by_size_only_if_all_its_values_are_numbers():
    space = Space(
        {
            "float": Float(0.0, 1.0),
            "whole": Integer(1, 3),
            "numbers": Ordinal([1, 2.5]),
            "mixed": Categorical([1, "2"]),
            "truth": Categorical([False, True]),
        }
    )
    optimizer = Optimizer(space)
    optimizer.tell(space.sample(1, 0)[0], 1.0)
    table = trials_table(Facts(optimizer))
    kinds = dict(_kinds(table))
    assert {name: kinds[name] for name in space.names} == {
        "float": "number",
        "whole": "number",
        "numbers": "number",
        "mixed": "text",
        "truth": "text",
    }
    assert "reason" not in kinds, "nothing failed"


def _kinds(table):
    return [(name, kind) for kind, name in re.findall(r'<th scope="col" class="(\w+)">([^<]*)</th>', table)]


def test_the_best_config_shows_where_it_lies():
    optimizer = recorded_search(14)
    config = optimizer.best.config
    table = best_table(Facts(optimizer), config)
    reader = read(table)
    assert table.count("<tr") == 1 + optimizer.space.d
    assert reader.texts["b"] == [str(config[name]) for name in ("encoder_size", "decoder", "use_dropout")]
    noise = float(optimizer.space.encode([config])[0, -1])
    assert f"left:{100.0 * noise:.2f}%" in table
    assert table.count("not used") == optimizer.space.d - len(config)


def test_choices_of_another_type_are_not_the_best_one():
    space = Space({"kind": Categorical([1, True, "1"])})
    optimizer = Optimizer(space)
    optimizer.tell({"kind": True}, 0.0)
    assert read(best_table(Facts(optimizer), {"kind": True})).texts["b"] == ["True"]


def test_many_parameters_are_told_in_two_tables():
    for count, tables in ((1, 1), (MOST_ROWS, 1), (MOST_ROWS + 1, 2), (20, 2)):
        optimizer = Optimizer(Space({f"x{i}": Float(0.0, 1.0) for i in range(count)}))
        optimizer.tell(optimizer.ask(), 1.0)
        table = best_table(Facts(optimizer), optimizer.best.config)
        assert (table.count("<table"), table.count('<th scope="row">')) == (tables, count)
