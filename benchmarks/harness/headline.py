"""The README's section: scoring beside its peers, and the largest grids, on each machine that ran, with one plot.

Where a device of a machine has rows of several numbers of threads, those of the smallest are shown.
"""

from pathlib import Path

from benchmarks.harness.plot import draw, plot_name, swept
from benchmarks.harness.question import Row
from benchmarks.harness.results import FOLDER, Places, latest, machine, places, read
from benchmarks.harness.show import digits, duration, markdown_table
from benchmarks.harness.table import origin
from benchmarks.questions.scoring import QUESTION

PANELS = ("n", "m")
LARGE = 10**8  # configs from which on a grid is shown
COMMAND = (
    "`python -m benchmarks run scoring --size full --peers`, `python -m benchmarks plot` and "
    "`python -m benchmarks table`"
)


def write_headline_plots(folder: Path = FOLDER) -> list[Path]:
    """Plot the rates over the observations and the candidates for each machine; return the files written."""
    path, written = folder / "scoring.jsonl", []
    rows = [row for row in latest(read(path)) if row["size"] == "full"] if path.exists() else []
    for owner in dict.fromkeys(machine(row) for row in rows):
        own = [row for row in rows if machine(row) == owner]
        panels = swept(_of_fewest_threads(own), QUESTION)
        chosen = {key: panels[key] for key in PANELS if key in panels}
        if chosen:
            written.append(folder / "plots" / plot_name("headline", owner))
            draw(chosen, QUESTION, written[-1], f"Candidates a second on {owner}", places(own))
    return written


def headline(folder: Path = FOLDER) -> str:
    """Return the section; that there is nothing yet where no base case of the full size was recorded."""
    base = QUESTION.cases["full"][0]
    path = folder / "scoring.jsonl"
    rows = [row for row in latest(read(path)) if row["size"] == "full"] if path.exists() else []
    found = [row for row in rows if {**row["sizes"], "acquisition": base["acquisition"]} == base]
    if not found:
        return f"No results are recorded yet; {COMMAND} record them."
    owners = list(dict.fromkeys(machine(row) for row in found))
    head = ["machine", "device", "acquisition", "side", "candidates a second", "gpbop is"]
    lines, shown = [], []
    for owner in owners:
        own = [row for row in found if machine(row) == owner]
        shown += _of_fewest_threads(own)
        lines += _lines(_of_fewest_threads(own), places(own))
    plot = folder / "plots" / plot_name("headline", owners[-1])
    parts = [
        f"Candidates scored a second by a process of {base['n']:,} observations of {base['d']} parameters; gpbop "
        f"returns the exact best {base['k']} of {base['m']:,} candidates, as dense scoring would.",
        markdown_table(head, lines),
        *([f"![Candidates a second](benchmarks/results/plots/{plot.name})"] if plot.exists() else []),
        f"{COMMAND}; {origin(shown)}",
        *_grids(folder),
        "All questions and machines: [benchmarks/RESULTS.md](benchmarks/RESULTS.md).",
    ]
    return "\n\n".join(parts)


def _grids(folder: Path) -> list[str]:
    """Return what the largest grids took; nothing where none was recorded."""
    path = folder / "grids.jsonl"
    rows = [row for row in latest(read(path)) if row["size"] == "full"] if path.exists() else []
    ours = [row for row in rows if row["side"] == "gpbop" and row["sizes"]["acquisition"] == "ei"]
    large = [row for row in ours if row["sizes"]["m"] >= LARGE]
    if not large:
        return []
    lines = []
    for row in sorted(large, key=lambda row: (row["sizes"]["n"], row["count"], -row["median"])):
        where = places([other for other in rows if machine(other) == machine(row)])[row["device"], row["threads"]]
        sizes, rate = row["sizes"], digits(row["count"] / row["median"])
        lines.append([machine(row), where, f"{sizes['n']:,}", f"{row['count']:,}", duration(row["median"]), rate])
    head = ["machine", "device", "observations", "configs", "time", "configs a second"]
    return [
        f"The exact best {large[0]['sizes']['k']} of a whole grid of {large[0]['sizes']['d']} parameters by `ei`:",
        markdown_table(head, lines),
        f"`python -m benchmarks run grids --size full`; {origin(large)}",
    ]


def _of_fewest_threads(rows: list[Row]) -> list[Row]:
    """Return, of each device of a machine, the rows of the smallest number of threads."""
    fewest = {row["device"]: min(r["threads"] for r in rows if r["device"] == row["device"]) for row in rows}
    return [row for row in rows if row["threads"] == fewest[row["device"]]]


def _lines(rows: list[Row], where: Places) -> list[list[str]]:
    """Return the lines of one machine."""
    lines = []
    for row in rows:
        same = [other for other in rows if all(other[key] == row[key] for key in ("sizes", "device"))]
        ours = next(other for other in same if other["side"] == "gpbop")
        rate, own = row["count"] / row["median"], ours["count"] / ours["median"]
        times = "" if row is ours else f"{digits(own / rate)}x as fast"
        place = where[row["device"], row["threads"]]
        start = [machine(row), place, row["sizes"]["acquisition"]] if row is ours else ["", "", ""]
        lines.append([*start, row["side"], digits(rate), times])
    return lines
