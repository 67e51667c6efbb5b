"""Plots: one SVG for each question and machine, a panel for each size that was swept, a line for each side."""

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import mode
from typing import Any

from benchmarks.harness.question import Question, Row
from benchmarks.harness.registry import load, names
from benchmarks.harness.results import FOLDER, Places, latest, machine, places, read, sizes_text

PANEL = (3.6, 3.0)  # inches
LEGEND_LINE = 0.2
MOST_COLUMNS = 3


def write_plots(folder: Path = FOLDER) -> list[Path]:
    """Plot all questions of all machines into the folder `plots` beside the results; return the files written."""
    rows, written = latest(read(folder)), []
    for owner in dict.fromkeys(machine(row) for row in rows):
        of_owner = [row for row in rows if machine(row) == owner]
        for name in names():
            own = [row for row in of_owner if row["question"] == name]
            question = load(name)
            panels = swept(own, question)
            for y in (question.y, *question.also) if panels else ():
                path = folder / "plots" / plot_name(name, owner, y if y in question.also else "")
                draw(panels, replace(question, y=y), path, f"{name} on {owner}", places(of_owner))
                written.append(path)
    return written


def plot_name(question: str, owner: str, also: str = "") -> str:
    """Return the file name of a plot; `also` is what a further one shows."""
    return (
        "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in (question, also, owner) if part)
        + ".svg"
    )


def swept(rows: list[Row], question: Question) -> dict[str, list[Row]]:
    """Return, for each numeric size with several values, the rows in which only it (and the lines) differ."""
    panels = {}
    for key in rows[0]["sizes"] if rows else ():
        values = {row["sizes"][key] for row in rows}
        if len(values) < 2 or not all(isinstance(value, int | float) for value in values - {None}):
            continue
        others = [name for name in rows[0]["sizes"] if name != key and name not in question.lines]
        usual = {name: mode(str(row["sizes"][name]) for row in rows) for name in others}
        kept = [
            row
            for row in rows
            if row["sizes"][key] is not None and all(str(row["sizes"][name]) == usual[name] for name in others)
        ]
        if len({row["sizes"][key] for row in kept}) > 1:
            panels[key] = kept
    return panels


def draw(panels: dict[str, list[Row]], question: Question, path: Path, title: str, where: Places) -> None:
    """Draw a panel for each swept size, on logarithmic axes, with the quartiles as bars.

    Args:
        panels: Rows by swept size.
        question: What they answer.
        path: The file.
        title: The heading.
        where: The names of devices, as `places` gives them.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    columns = min(len(panels), MOST_COLUMNS)
    count = -(-len(panels) // columns)
    colors = colors_of(_label(row, key, question, where) for key, rows in panels.items() for row in rows)
    with mpl.rc_context({"svg.hashsalt": "gpbop", "font.size": 9, "svg.fonttype": "none"}):
        height = PANEL[1] * count + LEGEND_LINE * -(-len(colors) // columns)
        figure = Figure(figsize=(PANEL[0] * columns, height), layout="constrained")
        axes = figure.subplots(count, columns, squeeze=False, sharey=True).flatten()
        shown: dict[str, Any] = {}
        for axis, (key, rows) in zip(axes, panels.items(), strict=False):
            lines: dict[str, list[Row]] = {}
            for row in rows:
                lines.setdefault(_label(row, key, question, where), []).append(row)
            shown |= _panel(axis, key, lines, question.y, colors)
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        figure.legend(list(shown.values()), list(shown), fontsize=8, loc="outside lower center", ncols=columns)
        figure.suptitle(f"{title}\n{_fixed(panels)}", fontsize=9)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})


def colors_of(labels: Iterable[str]) -> dict[str, Any]:
    """Return a colour for each label, in the order of their first appearance; up to 20 have colours of their own."""
    import matplotlib as mpl

    distinct = list(dict.fromkeys(labels))
    palette = mpl.colormaps["tab10" if len(distinct) <= 10 else "tab20"]
    return {label: palette(i % palette.N) for i, label in enumerate(distinct)}


def _fixed(panels: dict[str, list[Row]]) -> str:
    """Return the sizes that the rows of the panels share where they are not swept."""
    fixed = {}
    for name in next(iter(panels.values()))[0]["sizes"]:
        values = {str(row["sizes"][name]) for key, rows in panels.items() if key != name for row in rows}
        if len(values) == 1:
            fixed[name] = values.pop()
    return sizes_text(fixed)


def _label(row: Row, key: str, question: Question, where: Places) -> str:
    """Return what tells the line of a row apart; the size of its panel does not."""
    told_apart = [sizes_text({name: row["sizes"][name]}) for name in question.lines if name != key]
    return " ".join([row["side"], *told_apart, f"({where[row['device'], row['threads']]})"])


def _panel(axis: Any, key: str, lines: dict[str, list[Row]], height: str, colors: dict[str, Any]) -> dict[str, Any]:
    """Draw one panel and return its lines by label."""
    shown = {}
    for label, line in lines.items():
        line.sort(key=lambda row: row["sizes"][key])
        points = [heights(row, height) for row in line]
        y = [middle for _, middle, _ in points]
        bars = [[max(0.0, m - low) for low, m, _ in points], [max(0.0, high - m) for _, m, high in points]]
        style = "o--" if line[0]["device"] == "cuda" else "o-"
        color = colors[label]
        x = [row["sizes"][key] for row in line]
        shown[label] = axis.errorbar(x, y, yerr=bars, fmt=style, markersize=3, color=color, label=label)
    rows = [row for line in lines.values() for row in line]
    ticks = sorted({row["sizes"][key] for row in rows})
    axis.set(xlabel=key, yscale="log" if height in ("seconds", "rate") else "linear")
    if ticks[0] > 0:
        axis.set_xscale("log")
    axis.set_xticks(ticks, [_tick(tick) for tick in ticks])
    axis.set_xticks([], minor=True)
    units = {"seconds": "seconds", "rate": f"{rows[0]['unit']} a second", "host_peak_mib": "MiB of the process"}
    axis.set_ylabel(units[height])
    if height == "host_peak_mib":
        axis.set_ylim(bottom=0.0)
    axis.grid(alpha=0.3)
    return shown


def _tick(size: float) -> str:
    """Return a size in a few letters: those of grids stand close together."""
    return f"{size:,g}" if size < 10_000 else f"{size:.3g}".replace("e+0", "e").replace("e+", "e")


def heights(row: Row, y: str) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile of what is plotted."""
    if y == "seconds":
        return row["low"], row["median"], row["high"]
    if y == "host_peak_mib":
        return (math.nan if row.get(y) is None else row[y],) * 3
    count = row["count"]
    return count / row["high"], count / row["median"], count / row["low"]
