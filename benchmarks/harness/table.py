"""Write benchmarks/RESULTS.md and the README's section from the recorded rows; nothing in them is typed by hand."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.harness.plot import plot_name
from benchmarks.harness.question import Row
from benchmarks.harness.registry import load, names, text
from benchmarks.harness.results import FOLDER, Places, latest, machine, places, read, sizes_text
from benchmarks.harness.show import cell, digits, duration, markdown_table
from benchmarks.harness.timing import is_disturbed

RESULTS_PAGE = FOLDER.parent / "RESULTS.md"


def write_page(folder: Path = FOLDER, page: Path = RESULTS_PAGE) -> None:
    """Write the page of all machines and questions."""
    page.write_text(results_page(latest(read(folder)), folder / "plots", page.parent), encoding="utf-8")


def results_page(rows: list[Row], plots: Path, root: Path) -> str:
    """Return the page; plots that are there are shown in it, by their paths from `root`."""
    parts = ["# Results", _HEADING]
    if not rows:
        parts.append("No results are recorded yet.")
    for owner in dict.fromkeys(machine(row) for row in rows):
        own = [row for row in rows if machine(row) == owner]
        parts += [f"## {owner}", origin(own)]
        where = places(own)
        for name in names():
            of_question = [row for row in own if row["question"] == name]
            if of_question:
                shown = [plots / plot_name(name, owner, also) for also in ("", *load(name).also)]
                parts += _section(name, of_question, where, shown, root)
    return "\n\n".join(parts) + "\n"


_HEADING = (
    "Made by `python -m benchmarks table` from the rows in `benchmarks/results`; how each number is measured is said "
    "in `benchmarks/harness/timing.py`. Times are medians with their quartiles. `x` is how many times the time of the "
    "case's first side on the same device (per item) a side takes. `host` is the growth of the process's resident "
    "memory, `device` the peak of allocated GPU memory, `energy` that of the whole device for one call. A disturbed "
    "time is one during which other processes took the core. `busy` is how many of several threads worked on average: "
    "fewer than all where the work is for fewer, or where other processes took cores, which it does not tell apart."
)


def origin(rows: list[Row]) -> str:
    """Return where, with what and at which commits rows were measured."""
    environments = {repr(row["environment"]): row["environment"] for row in rows}
    last = list(environments.values())[-1]
    versions = ", ".join(f"{name} {value}" for name, value in last["versions"].items() if value)
    threads = ", ".join(str(count) for count in sorted({row["threads"] for row in rows}))
    commits = ", ".join(dict.fromkeys(f"{e['commit']} ({e['date']})" for e in environments.values()))
    driver = f"driver {last['driver']}, " if last.get("driver") else ""
    return f"{driver}CPU threads: {threads}; Python {last['python']}, {versions}; commit {commits}."


def _section(name: str, rows: list[Row], where: Places, plots: list[Path], root: Path) -> list[str]:
    question, (asked, rest) = load(name), text(name)
    parts = [f"### {name}: {asked}", rest]
    parts += [f"![{name}]({plot.relative_to(root).as_posix()})" for plot in plots if plot.exists()]
    if question.summary is not None:
        parts.append(question.summary(rows))
    common = {
        key: value for key, value in rows[0]["sizes"].items() if all(row["sizes"].get(key) == value for row in rows)
    }
    if len(rows) > 1 and common:
        parts.append("In all cases: " + sizes_text(common) + ".")
    return [*parts, table(rows, common if len(rows) > 1 else {}, where, question.is_race)]


def table(rows: list[Row], common: dict[str, Any], where: Places, is_race: bool = True) -> str:
    """Return the table of one question on one machine.

    Args:
        rows: Its rows.
        common: Sizes that are not shown.
        where: The names of devices, as `places` gives them.
        is_race: Whether the sides of a case do the same work.
    """
    keys = [key for key, value in _union(rows).items() if not isinstance(value, dict)]
    head = ["case", "on", "side", "time", "quartiles", "runs", "busy", "a second", "x", "host", "device", "energy"]
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        own = {key: value for key, value in row["sizes"].items() if key not in common}
        groups[sizes_text(own), where[row["device"], row["threads"]]].append(row)
    lines = []
    for (case, device), group in groups.items():
        for row in group:
            start = ["", ""] if row is not group[0] else [case, device]
            lines.append(start + _cells(row, group[0] if is_race else row, keys))
    return markdown_table([*head, *keys], lines)


def _union(rows: list[Row]) -> dict[str, Any]:
    return {key: value for row in rows for key, value in row["values"].items()}


def _cells(row: Row, first: Row, keys: list[str]) -> list[str]:
    per_item = row["median"] / row["count"]
    times = "" if row is first else f"{digits(per_item / (first['median'] / first['count']))}x"
    memory = [row.get(key) for key in ("host_growth_mib", "device_peak_mib")]
    joules = row.get("joules")
    return [
        row["side"],
        duration(row["median"]) + (" (disturbed)" if is_disturbed(row) else ""),
        f"{duration(row['low'])} to {duration(row['high'])}" if row["runs"] > 1 else "",
        str(row["runs"]),
        f"{row['busy']:.1f} of {row['threads']}" if row["device"] == "cpu" and row["threads"] > 1 else "",
        f"{digits(1.0 / per_item)} {row['unit']}" if row["count"] > 1 else "",
        times,
        *("" if value is None else f"{value:,.0f} MiB" if value >= 1.0 else "<1 MiB" for value in memory),
        "" if joules is None else f"{digits(joules)} J",
        *(cell(row["values"].get(key)) for key in keys),
    ]
