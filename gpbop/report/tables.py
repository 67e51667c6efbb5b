"""Tables: the best config with its place in the space, and all trials."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gpbop.parameters import Categorical, Float, Integer, Ordinal, Parameter
from gpbop.parameters.choices import Json, identity
from gpbop.report.facts import Facts
from gpbop.report.words import number, rounded, short, shown, tag, text
from gpbop.trials import Trial

MOST_ROWS = 8  # parameters of the best config that are told in one table
MOST_CHOICES = 8  # choices of a parameter that the best config's table lists; of more, it tells the number


@dataclass(frozen=True)
class Cell:
    """One cell of the table of trials.

    Attributes:
        text: What it shows; a dash if empty.
        key: What it is sorted by, if that is not its text.
    """

    text: str
    key: str | None = None

    def html(self) -> str:
        """Return the cell as HTML; a missing one is empty."""
        return tag("td", text(self.text), data_v=self.key)


@dataclass(frozen=True)
class Column:
    """One column of the table of trials.

    Attributes:
        name: Its heading.
        cell: Makes its cell of a trial.
        kind: "number" is sorted by size, all others by letters; CSS class.
        group: Heading above the heading.
    """

    name: str
    cell: Callable[[Trial], Cell]
    kind: Literal["number", "text", "state", "reason"]
    group: str = "experiment"


def trials_table(facts: Facts) -> str:
    """Return all trials as HTML, in their order; the script makes it sortable."""
    columns = _columns(facts)
    best = facts.best.number if facts.best else None
    groups = [(name, sum(column.group == name for column in columns)) for name in ("experiment", "config", "failure")]
    top = "".join(tag("th", text(name), colspan=str(count), scope="colgroup") for name, count in groups if count)
    heads = "".join(tag("th", text(column.name), scope="col", class_=column.kind) for column in columns)
    rows = "".join(
        tag(
            "tr",
            *(column.cell(trial).html() for column in columns),
            id=f"trial-{trial.number + 1}",
            class_="best" if trial.number == best else trial.state if trial.state != "complete" else None,
        )
        + "\n"
        for trial in facts.trials
    )
    head = tag("thead", tag("tr", top, class_="groups"), tag("tr", heads))
    return tag("style", _column_style(columns)) + tag("table", head, tag("tbody", rows), id="trials")


def _column_style(columns: Sequence[Column]) -> str:
    """Return the style of the cells by their column: a class on each of 100,000 cells would double the page."""
    rules = {"number": "text-align:right", "state": "color:var(--state)", "reason": "color:var(--bad);min-width:14rem"}
    cells = [(j, rules[column.kind]) for j, column in enumerate(columns, 1) if column.kind in rules]
    new_group = [j for j in range(1, len(columns)) if columns[j].group != columns[j - 1].group]
    cells += [(j + 1, "border-left:1px solid var(--line)") for j in new_group]
    return "".join(f"#trials tr:not(.groups) > :nth-child({j}){{{rule}}}" for j, rule in cells)


def _columns(facts: Facts) -> list[Column]:
    def expected(part: str, digits: int) -> Callable[[Trial], Cell]:
        return lambda trial: _number(getattr(facts.expectations.get(trial.number), part, None), digits)

    columns = [
        Column("#", lambda trial: Cell(str(trial.number + 1)), "number"),
        Column("state", lambda trial: Cell(trial.state), "state"),
        Column("value", lambda trial: _number(trial.value), "number"),
        Column("expected", expected("mean", 6), "number"),
        Column("\u00b1", expected("std", 2), "number"),
    ]
    columns += [
        Column(name, _parameter_cell(name), "number" if _is_numeric(parameter) else "text", "config")
        for name, parameter in facts.space.parameters.items()
    ]
    if facts.in_state("failed"):
        columns.append(Column("reason", lambda trial: Cell(short(trial.reason or "")), "reason", "failure"))
    return columns


def _number(value: float | None, digits: int = 6) -> Cell:
    return Cell("") if value is None else Cell(number(value, digits), key=repr(value))


def _parameter_cell(name: str) -> Callable[[Trial], Cell]:
    return lambda trial: Cell(rounded(trial.config[name]) if name in trial.config else "")


def _is_numeric(parameter: Parameter) -> bool:
    listed = _listed(parameter)
    return listed is None or all(isinstance(value, int | float) and not isinstance(value, bool) for value in listed)


def _listed(parameter: Parameter) -> Sequence[Json] | None:
    match parameter:
        case Ordinal():
            return parameter.values
        case Categorical():
            return parameter.choices
    return None


def best_table(facts: Facts, config: dict[str, Any]) -> str:
    """Return the best config as HTML: every parameter with its value, and where that lies in its range.

    Many parameters are told in two tables side by side.
    """
    x = facts.space.encode([config])[0].tolist()
    rows = [
        tag(
            "tr",
            tag("th", text(name), scope="row"),
            tag("td", text(rounded(config[name])) if name in config else "not used", class_="value"),
            tag("td", _place(parameter, config.get(name), x[j], name in config)),
            class_=None if name in config else "unused",
        )
        for j, (name, parameter) in enumerate(facts.space.parameters.items())
    ]
    head = tag("thead", tag("tr", *(tag("th", text(name), scope="col") for name in ("parameter", "best", "out of"))))
    half = len(rows) if len(rows) <= MOST_ROWS else (len(rows) + 1) // 2
    parts = (rows[:half], rows[half:])
    return "".join(tag("table", head, tag("tbody", *part), class_="best-table") for part in parts if part)


def _place(parameter: Parameter, value: Json, x: float, is_used: bool) -> str:
    """Return where a value lies in its parameter's range: a bar with a mark, or the choices with one in bold."""
    if isinstance(parameter, Float | Integer):
        mark = tag("i", style=f"left:{100.0 * x:.2f}%") if is_used else ""
        low, high = (tag("small", text(rounded(end))) for end in (parameter.low, parameter.high))
        return tag("span", low, tag("span", mark, class_="bar"), high, class_="range")
    listed = _listed(parameter) or ()
    if len(listed) > MOST_CHOICES:
        return text(f"{len(listed)} choices")
    chosen = identity(value) if is_used else None
    names = (tag("b" if identity(choice) == chosen else "span", text(shown(choice))) for choice in listed)
    return tag("span", *names, class_="choices")
