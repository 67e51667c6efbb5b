"""What the README says about whole searches: where to start them, what they are compared with, when to stop them."""

import math
from statistics import mean
from typing import Any

from benchmarks.replay import quartiles

Row = dict[str, Any]


def counts_of(row: Row, key: str) -> list[float]:
    """Return the counts of a row, infinite where the budget ended first."""
    return [math.inf if count is None else count for count in row[key]]


def designs(rows: list[Row]) -> str:
    """Return the measured answer to the post's two opinions, in one sentence."""
    of = {(row["acquisition"], row["start"]): row for row in rows}
    random = {name: of[name, "4 random"] for name in ("ei", "max_variance")}
    corners = {name: of[name, "16 corners"] for name in random}
    sooner = {name: _share_sooner(random[name], corners[name]) for name in random}
    clauses = [
        f"with `{name}`, four random points found one of the best 1 % after {_spread(random[name])} trainings in all "
        f"and the 16 corners after {_spread(corners[name])}, the random points sooner in {sooner[name]:.0%} of pairs"
        for name in random
    ]
    seeds, budget = rows[0]["seeds"], rows[0]["budget"]
    return (
        f"Measured on the recorded grid, {seeds} starts each of at most {budget} trainings: {'; '.join(clauses)}: "
        f"{_verdict(list(sooner.values()))}."
    )


def _share_sooner(one: Row, other: Row) -> float:
    """Return in which share of all pairs of runs the first needed fewer trainings; a tie counts half."""
    pairs = [(a, b) for a in counts_of(one, "until_level") for b in counts_of(other, "until_level")]
    return mean(1.0 if a < b else 0.5 if a == b else 0.0 for a, b in pairs)


def _spread(row: Row) -> str:
    counts = counts_of(row, "until_level")
    low, median, high = (_count(count, row) for count in quartiles(counts))
    return f"{median} (quartiles {low} to {high}, worst {_count(max(counts), row)})"


def _verdict(sooner: list[float]) -> str:
    if all(share > 0.5 for share in sooner):
        return "the few random points are enough, and the corners cost more than they tell"
    if all(share < 0.5 for share in sooner):
        return "the corners pay for themselves"
    return (
        "so each opinion is right about one way of searching; a start of few random points matters more than one of "
        "corners, which are always the same"
    )


def _count(count: float, row: Row) -> str:
    return f"{count:g}" if math.isfinite(count) else f">{row['budget']}"


def baselines(rows: list[Row]) -> str:
    """Return the table of the ways of searching."""
    lines = [
        "| search | trainings until the best 1 % | found | trainings until the best | found |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [cell for key in ("until_level", "until_best") for cell in _found(row, key)]
        lines.append(f"| {row['search']} | " + " | ".join(cells) + " |")
    heading = (
        "Trainings on the recorded grid of 768, median (quartiles); `found` counts the runs that got there at all. One "
        "factor at a time ends where no single change helps; its good guess is a config of the grid's best quarter."
    )
    return "\n\n".join([heading, "\n".join(lines)])


def _found(row: Row, key: str) -> tuple[str, str]:
    counts = counts_of(row, key)
    low, median, high = (_count(count, row) if math.isfinite(count) else "-" for count in quartiles(counts))
    spread = median if row["seeds"] == 1 else f"{median} ({low} to {high})"
    return spread, f"{sum(map(math.isfinite, counts))} of {row['seeds']}"


def stopping(rows: list[Row]) -> str:
    """Return the table of the stopping rules, the synthetic spaces taken together, and which rule was never early."""
    budget, seeds = rows[0]["budget"], rows[0]["seeds"]
    synthetic = list(dict.fromkeys(row["problem"] for row in rows if row["problem"] != "autoencoder"))
    head = [
        "| rule | grid: stops after | saved | before the best 1 % | before the best "
        "| synthetic: saved | before the best 1 % | before the best |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines, blameless = [], []
    for kind, tolerance in dict.fromkeys((row["rule"], row["tolerance"]) for row in rows):
        own = [row for row in rows if (row["rule"], row["tolerance"]) == (kind, tolerance)]
        real, others = own[0], own[1:]
        low, median, high = real["quartiles"]
        name = f"{kind} {tolerance:g}"
        cells = [f"{median:g} ({low:g} to {high:g})", *_early([real]), *_early(others)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        if not any(row["before_level"] for row in own):
            blameless.append((mean(row["saved"] for row in own), name))
    heading = (
        f"Searches by `ei` with a budget of {budget} experiments, {seeds} seeds each, on the autoencoder's recorded "
        f"grid and on {len(synthetic)} synthetic spaces together ({', '.join(synthetic)}): what each "
        "rule saves of the budget, and how many searches it ends before one of the best 1 %, or the best, was found. "
        "Tolerances of error and expected improvement are shares of the observed range."
    )
    return "\n\n".join([heading, "\n".join([*head, *lines]), _advice(blameless)])


def _early(rows: list[Row]) -> list[str]:
    runs = sum(row["seeds"] for row in rows)
    saved = mean(row["saved"] for row in rows)
    early = [f"{sum(row[key] for row in rows)} of {runs}" for key in ("before_level", "before_best")]
    return [f"{saved:.0%}", *early]


def _advice(blameless: list[tuple[float, str]]) -> str:
    if not blameless:
        return "No rule was always late enough: each ended a search before one of the best 1 % was found."
    saved, name = max(blameless)
    return (
        f"Of the rules that never ended a search before one of the best 1 % was found, `{name}` saved most: "
        f"{saved:.0%} of the experiments, all spaces together."
    )
