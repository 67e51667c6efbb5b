"""`gpbop score`: the best candidates of a table or a grid, for experiments that are in a file."""

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table as Printed

from gpbop import GaussianProcess, Grid, Space, Table, Top, plan, write_scores
from gpbop import score as score_candidates
from gpbop.acquisition import UCB_BETA
from gpbop.cli.options import Device
from gpbop.cli.places import check_place
from gpbop.cli.stopping import STOPPED
from gpbop.errors import ArgumentError, GpbopError, explain
from gpbop.parameters import Categorical, Ordinal
from gpbop.scoring import Source
from gpbop.scoring.columns import score_names
from gpbop.scoring.job import SCORED
from gpbop.scoring.sources.text import readings
from gpbop.settings import LARGEST_SEED

SHOWN = 10  # of the best candidates
ROWS = 2**16  # of the observed experiments that are read at a time


class Direction(StrEnum):
    """Which values are better."""

    minimize = "minimize"
    maximize = "maximize"


def score(
    space: Annotated[Path, typer.Option(help="JSON file of the search space, what Space.to_dict() returns.")],
    observed: Annotated[Path, typer.Option(help="CSV or Parquet file of the experiments done: configs and values.")],
    candidates: Annotated[
        Path | None, typer.Argument(help="Parquet file, folder of Parquet files, or CSV file of candidates.")
    ] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Score the whole grid of the space instead.")] = False,
    fix: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: fix a parameter of the grid; VALUE may be a JSON list.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option(help="Column of values, which are numbers; by default the only other one.")
    ] = None,
    acquisition: Annotated[str, typer.Option(help="One of " + ", ".join(SCORED) + ".")] = "ei",
    direction: Annotated[Direction, typer.Option(help="Which values are better.")] = Direction.minimize,
    beta: Annotated[float, typer.Option(min=0.0, help="Weight of the variance in ucb.")] = UCB_BETA,
    top: Annotated[int, typer.Option(min=1, help="How many candidates to find.")] = 100,
    batch: Annotated[bool, typer.Option("--batch", help="Choose them to be run side by side.")] = False,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Score observed candidates as well; --all always holds them.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Parquet or CSV file to write the best to.")] = None,
    everything: Annotated[Path | None, typer.Option("--all", help="Parquet file to write all scores to.")] = None,
    device: Annotated[Device, typer.Option(help="Where to compute; auto takes CUDA where it pays.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the fit and of everything random.")] = 0,
) -> None:
    """Find the best candidates of a table or a grid, exactly, given the experiments done."""
    read: dict[str, Path | None] = {"candidates": candidates, "--observed": observed, "--space": space}
    if out is not None:
        check_place("--out", out, (".parquet", ".csv"), read)
    if everything is not None:
        check_place("--all", everything, (".parquet",), read | {"--out": out})
    parameters = read_space(space)
    source = _source(parameters, candidates, grid, fix or [])
    configs, values = read_observed(observed, parameters, objective)
    gp = GaussianProcess.fit(parameters, configs, values, device=device.value, seed=seed)
    which: Literal["minimize", "maximize"] = "minimize" if direction == Direction.minimize else "maximize"
    options: dict[str, Any] = {"acquisition": acquisition, "direction": which, "beta": beta, "seed": seed}
    best: dict[str, Any] = {**options, "k": top, "batch": batch, "skip_observed": False if repeats else None}
    console = Console(highlight=False)
    console.print(str(plan(gp, source, **best)), markup=False, soft_wrap=True)
    _report(console, score_candidates(gp, source, **best), out)
    if everything is not None:
        written = write_scores(gp, source, everything, **options)
        console.print(f"{written} candidates with their scores written to {everything}", markup=False, soft_wrap=True)


def read_space(path: Path) -> Space:
    """Read a search space from a JSON file.

    Raises:
        ArgumentError: If there is no such file, or it is not JSON.
        SpaceError: If it describes no space.
    """
    try:
        return Space.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        advice = "Look for a typo."
        raise ArgumentError(explain("--space", "name a file that can be read", str(error), advice)) from error
    except GpbopError:
        raise
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or lists in lists without end
        got, advice = f"{str(path)!r}: {error}", "Write json.dumps(space.to_dict())."
        raise ArgumentError(explain("--space", "name a JSON file", got, advice)) from error


def read_observed(path: Path, space: Space, objective: str | None) -> tuple[list[dict[str, Any]], list[float]]:
    """Read configs and their values from a CSV or Parquet file; failed experiments, without a value, are left out.

    Args:
        path: The file.
        space: The search space.
        objective: The column of values; None: the only one that is no parameter.
    Raises:
        ArgumentError: If the values cannot be found or read.
        SourceError: If the file cannot be read, or holds something that is no config of the space.
    """
    table = Table(path, space)
    index = [i for block in table.blocks(ROWS) for i in block.index.tolist()]
    others = table.extras(index)
    if objective is None and len(others) == 1:
        objective = next(iter(others))
    if objective is None or objective not in others:
        rule, got = f"name the column of values in {path.name!r}", f"{objective!r} among {list(others)}"
        raise ArgumentError(explain("--objective", rule, got, "Name one of them that is no parameter."))
    values = [
        _value(value, f"`{objective}` in row {row} of {path.name!r}") for row, value in enumerate(others[objective])
    ]
    done = [(config, value) for config, value in zip(table.configs(index), values, strict=True) if math.isfinite(value)]
    if not done:
        raise ArgumentError(explain("--observed", "hold a value", f"none in {objective!r}", "Run an experiment first."))
    return [config for config, _ in done], [value for _, value in done]


def _value(value: Any, name: str) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        return math.nan if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        advice = "Leave the cell of a failed experiment empty."
        raise ArgumentError(explain(name, "be a number", repr(value), advice)) from None


def _source(space: Space, candidates: Path | None, grid: bool, fix: list[str]) -> Source:
    if grid == (candidates is not None):
        got = f"{str(candidates)!r} and --grid" if grid else "neither"
        raise ArgumentError(explain("candidates", "be a file, or else --grid", got, "Give one of the two."))
    if fix and not grid:
        raise ArgumentError(explain("--fix", "come with --grid", repr(fix[0]), "Filter the table before."))
    if candidates is not None:
        return Table(candidates, space)
    try:
        return Grid(space, dict(_fixed(space, pair) for pair in fix))
    except RecursionError as error:
        raise ArgumentError(explain("--fix", "be a value", "lists in lists without end", "Look for a typo.")) from error


def _fixed(space: Space, pair: str) -> tuple[str, Any]:
    """Read NAME=VALUE, in JSON or Python (false, False); text that is a choice itself stays text."""
    name, equals, text = pair.partition("=")
    if not equals:
        raise ArgumentError(explain("--fix", "have the form NAME=VALUE", repr(pair), "Write --fix width=8."))
    parameter = space.parameters.get(name)
    if isinstance(parameter, Categorical | Ordinal) and text in parameter.listed:
        return name, text
    return name, next(iter(readings(text)), text)


def _report(console: Console, top: Top, out: Path | None) -> None:
    """Print the first candidates, and write all of them; where there is none yet, an old file stays.

    Raises:
        typer.Exit: If the search was stopped.
    """
    if not top.certificate.is_complete and not len(top):
        console.print("Stopped: nothing was found yet.")
        raise typer.Exit(STOPPED)
    console.print(_printed(top, console.width))
    if top.certificate.note:
        console.print(top.certificate.note, markup=False, soft_wrap=True)
    if out is not None:
        top.save(out)
        console.print(f"{len(top)} candidates written to {out}", markup=False, soft_wrap=True)
    if not top.certificate.is_complete:
        console.print(f"Stopped after {top.certificate.candidates:,} candidates: others may be better.")
        raise typer.Exit(STOPPED)


def _printed(top: Top, width: int) -> Printed:
    """Return a table of the first candidates; where it does not fit into `width` characters, cells are folded."""
    printed = Printed(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    names = list(dict.fromkeys(name for config in top.configs for name in config))
    columns: dict[str, list[Any]] = {name: [config.get(name, "") for config in top.configs] for name in names}
    columns |= top.extras
    own = score_names(columns)  # as in the file
    scores = ((own["mean"], top.mean), (own["std"], top.std), (own["value"], top.values))
    everything = ((own["index"], top.indices), *columns.items(), *scores)
    shown = [(name, [_shown(cell) for cell in cells[:SHOWN]]) for name, cells in everything]
    widest = [max(map(len, cells), default=0) for _, cells in shown]
    has_room = sum(widest) + len(widest) <= width
    for (name, _), least in zip(shown, widest, strict=True):
        # Names are folded before cells are.
        printed.add_column(name, justify="right", overflow="fold", min_width=least if has_room else None)
    for row in zip(*(cells for _, cells in shown), strict=True):
        printed.add_row(*row)
    return printed


def _shown(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
