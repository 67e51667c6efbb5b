"""Compare two sets of results: which differences of the median times exceed the noise?

Rows are matched by machine, device, threads, question, side and sizes. The ratio of the medians is resampled: for each
draw, rows of a case (there are several after `--rounds` or several runs) and then runs inside each row are drawn with
replacement. A difference exceeds the noise if the whole interval of the draws lies on one side of 1, by more than the
tolerance: runs inside one process do not show what changes from one process to the next (clock rates, where memory
lies, neighbours), hence the tolerance. The interval is wide enough for all compared cases together (Bonferroni).
Cases with fewer than 3 runs on a side cannot be told, nor those that others disturbed (`busy` in the rows); slower
peers are no fault of this repository.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness.question import Row
from benchmarks.harness.results import case, machine, read
from benchmarks.harness.show import digits, duration, markdown_table
from benchmarks.harness.timing import is_disturbed

TOLERANCE = 0.25
ERROR = 0.01  # chance that one of all compared cases is called different although its runs are alike
DRAWS = 4000
LEAST_RUNS = 3


@dataclass(frozen=True)
class Difference:
    """One case in both results.

    Attributes:
        name: The case.
        before: Median seconds in the first results.
        after: Median seconds in the second results.
        low: Lower end of the interval of after / before.
        high: Upper end.
        verdict: "slower", "faster", "same", "too few runs" or "disturbed".
        is_peer: Whether it is a peer's.
    """

    name: str
    before: float
    after: float
    low: float
    high: float
    verdict: str
    is_peer: bool


def compare(first: list[Row], second: list[Row], tolerance: float = TOLERANCE) -> list[Difference]:
    """Compare the cases that both have, the largest slowdown first."""
    before, after = _by_case(first), _by_case(second)
    shared = [key for key in before if key in after]
    error = ERROR / max(1, len(shared))
    found = [_difference(key[1], before[key], after[key], tolerance, error) for key in shared]
    return sorted(found, key=lambda difference: difference.before / difference.after)


def report(first: Path, second: Path, tolerance: float = TOLERANCE) -> tuple[str, bool]:
    """Return the comparison of two files or folders as text, and whether something of ours became slower."""
    rows = read(first), read(second)
    differences = compare(*rows, tolerance=tolerance)
    is_slower = any(d.verdict == "slower" and not d.is_peer for d in differences)
    table = markdown_table(
        ["case", "before", "after", "after / before", "interval", "verdict"],
        [
            [d.name, duration(d.before), duration(d.after), digits(d.after / d.before), _interval(d), d.verdict]
            for d in differences
            if d.verdict in ("slower", "faster")
        ],
    )
    counts = {verdict: sum(d.verdict == verdict for d in differences) for verdict in _VERDICTS}
    alone = [len(_by_case(a).keys() - _by_case(b).keys()) for a, b in (rows, rows[::-1])]
    text = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "no case is in both"
    heading = f"{text}; {alone[0]} cases are only in {first}, {alone[1]} only in {second}."
    return (f"{table}\n\n" if counts["slower"] + counts["faster"] else "") + heading, is_slower


_VERDICTS = ("slower", "faster", "same", "too few runs", "disturbed")


def _interval(d: Difference) -> str:
    return f"{digits(d.low)} to {digits(d.high)}"


def _by_case(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((machine(row), case(row)), []).append(row)
    return found


def _difference(name: str, before: list[Row], after: list[Row], tolerance: float, error: float) -> Difference:
    generator = np.random.default_rng(0)
    medians = [float(np.median([row["median"] for row in rows])) for rows in (before, after)]
    ratios = _draws(after, generator) / _draws(before, generator)
    low, high = (float(value) for value in np.quantile(ratios, [error / 2.0, 1.0 - error / 2.0]))
    if min(sum(len(row["times"]) for row in rows) for rows in (before, after)) < LEAST_RUNS:
        verdict = "too few runs"
    elif any(is_disturbed(row) for row in (*before, *after)):
        verdict = "disturbed"
    elif low > 1.0 + tolerance:
        verdict = "slower"
    else:
        verdict = "faster" if high < 1.0 / (1.0 + tolerance) else "same"
    return Difference(name, medians[0], medians[1], low, high, verdict, before[0]["is_peer"])


def _draws(rows: list[Row], generator: np.random.Generator) -> np.ndarray:
    """Return medians of rows drawn with replacement, of runs drawn with replacement."""
    per_row = np.stack([_medians(np.array(row["times"]), generator) for row in rows])  # (rows, DRAWS)
    chosen = generator.integers(len(rows), size=(len(rows), DRAWS))
    medians: np.ndarray = np.median(np.take_along_axis(per_row, chosen, 0), axis=0)
    return medians


def _medians(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    medians: np.ndarray = np.median(times[generator.integers(len(times), size=(DRAWS, len(times)))], axis=1)
    return medians
