"""All scores in a Parquet file, written block by block beside its place and put into it when it is whole."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpbop.acquisition import UCB_BETA, Direction
from gpbop.files import replacing
from gpbop.parameters import Json
from gpbop.progress import Progress, is_watched
from gpbop.scoring.columns import Column, arrays, parameter_column, score_names
from gpbop.scoring.dense import Scored, scored_blocks
from gpbop.scoring.job import Job
from gpbop.scoring.sources.arrow import arrow
from gpbop.scoring.sources.base import Source
from gpbop.surrogate import GaussianProcess


def write_scores(
    gp: GaussianProcess,
    candidates: Any,
    path: str | os.PathLike[str],
    *,
    acquisition: str = "ei",
    direction: Direction = "minimize",
    X_pending: Tensor | None = None,
    best_f: float | None = None,
    beta: float = UCB_BETA,
    seed: int = 0,
    skip_observed: bool = False,
    device: str | torch.device = "auto",
    block_rows: int | None = None,
    configs: bool = True,
    progress: bool | None = None,
) -> int:
    """Write every candidate with its mean, standard deviation and acquisition value to a Parquet file.

    Columns: the parameters, the columns of the source that are no parameters, `mean`, `std`, `value` and `index`; with
    "_" after the name of one of these four while it is taken. Each block is a row group.

    Dense: every value is computed.   Cost: O(m n^2) time; memory of one block, whatever m is.

    Args:
        gp: The fitted process.
        candidates: As for `score`; columns that are no parameters are read once before, for their types.
        path: The file. It appears when it is whole: on any failure, or Ctrl-C, what was at `path` stays.
        acquisition: As for `score`.
        direction: "minimize" or "maximize".
        X_pending: As for `score`.
        best_f: As for `score`.
        beta: As for `score`.
        seed: As for `score`.
        skip_observed: Whether to leave out the candidates that were observed or are pending.
        device: As for `score`.
        block_rows: As for `score`.
        configs: Whether to write the parameters.
        progress: Whether to show a progress bar; if somebody is watching, if absent.
    Returns:
        The number of candidates written.
    Raises:
        ArgumentError: If the file cannot be written, as on a full disk, or one of the columns.
        AcquisitionError: If the acquisition function is unknown or cannot be scored.
        SourceError: If the candidates cannot be read, or belong to another space.
        ShapeError: If `block_rows` is not a positive int.
        DeviceError: If the device is unknown, absent, or too full for one candidate.
    """
    asked = acquisition, direction, X_pending, best_f, beta, seed, skip_observed, device, block_rows
    job = Job.of(gp, candidates, *asked)
    with replacing(path) as beside:
        return _write(job, beside, configs, is_watched() if progress is None else progress)


def _write(job: Job, path: Path, configs: bool, is_shown: bool) -> int:
    riding = _Riding(job.source, job.block_rows)
    space = job.question.gp.space
    columns = {name: parameter_column(p) for name, p in space.parameters.items()} if configs else {}
    columns |= riding.columns
    writer, written = None, 0
    size = job.source.extent or 0
    with path.open("wb") as file, Progress(-(-size // job.block_rows), is_shown, "writing") as bar:
        try:
            for block, scored in scored_blocks(job):
                decoded = space.decode(block.X) if configs else []
                values = {name: [config.get(name) for config in decoded] for name in space.names if configs}
                values |= riding.take(scored.index.tolist())
                table = arrow().table(arrays(columns, values) | _scores(columns, scored))
                writer = writer or arrow().parquet.ParquetWriter(file, table.schema)
                writer.write_table(table, row_group_size=max(1, len(block)))
                written += len(block)
                bar.advance("")
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            arrow().parquet.write_table(_empty(columns), file)
        file.flush()
        os.fsync(file.fileno())
    return written


def _scores(columns: dict[str, Column], scored: Scored) -> dict[str, Any]:
    parts = {"mean": scored.mean, "std": scored.std, "value": scored.values, "index": scored.index}
    return {given: arrow().array(parts[name].numpy()) for name, given in score_names(columns).items()}


def _empty(columns: dict[str, Column]) -> Any:
    """Return the table of no candidate: all of them were observed."""
    numbers = torch.zeros(0, dtype=torch.float64)
    nothing = Scored(torch.zeros(0, dtype=torch.int64), numbers, numbers, numbers)
    return arrow().table(arrays(columns, dict.fromkeys(columns, ())) | _scores(columns, nothing))


class _Riding:
    """The columns of a source that are no parameters, read beside its blocks.

    Args:
        source: The candidates.
        rows: Candidates that are read at a time.
    """

    def __init__(self, source: Source, rows: int) -> None:
        self.columns: dict[str, Column] = {}
        for _, values in source.extras_in_order(rows):
            if not values:
                break
            for name, column in values.items():
                self.columns.setdefault(name, Column()).see(column)
        self._parts = source.extras_in_order(rows)
        self._index: Sequence[int] = ()
        self._values: dict[str, list[Json]] = {}

    def take(self, index: Sequence[int]) -> dict[str, list[Json]]:
        """Return the columns of some candidates, ascending and beyond those asked for before."""
        taken: dict[str, list[Json]] = {name: [] for name in self.columns}
        done = 0
        while self.columns and done < len(index):
            if not self._index or index[done] > self._index[-1]:
                self._index, self._values = next(self._parts)
                continue
            end = int(np.searchsorted(index, self._index[-1], side="right"))
            rows = np.searchsorted(self._index, index[done:end]).tolist()
            for name, column in self._values.items():
                taken[name] += [column[row] for row in rows]
            done = end
        return taken
