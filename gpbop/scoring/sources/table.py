"""Candidates that somebody wrote down: configs in a list, a DataFrame, an Arrow table, Parquet files or a CSV file."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from gpbop.conditions import Conditions
from gpbop.configs import Config
from gpbop.errors import ConfigError, explain
from gpbop.parameters import INACTIVE, Json
from gpbop.parameters.choices import suggest
from gpbop.scoring.sources.arrow import arrow
from gpbop.scoring.sources.base import Block, Device, Source, SourceError, check_index, check_rows, regroup
from gpbop.scoring.sources.cells import ABSENT, BadCell
from gpbop.scoring.sources.containers import ArrowTable, Container, Frame, Listed, Part
from gpbop.scoring.sources.files import Csv, Parquet
from gpbop.space import Space

LARGEST_PART = 2**16  # rows encoded at a time, however large the blocks are: more are no faster


class Table(Source):
    """The rows of a table, one candidate each; columns that are no parameters ride along to the answer.

    Every active parameter needs a value of its own: one that is out of range, off its step, unknown, NaN, missing or
    of another type is an error that names file, row (counted from 0) and column. What inactive parameters hold is
    ignored, and may be nothing.

    In a CSV file, text stands for the choice it writes, in JSON or in Python (3, true, True, [1, 2]), and an empty
    cell for None or for ""; a cell that may stand for two choices is an error. In typed columns of text this is so
    where the choices are of several types, which no typed column can hold.

    Args:
        data: A list of dicts, a pandas DataFrame, a pyarrow Table or RecordBatch, or the path of a Parquet file, of a
            folder of Parquet files, or of a file that ends in ".csv".
        space: The search space; None: the one given to `bind`, by whoever scores the table.
        filters: Which rows of Parquet files to read, as pyarrow takes it: [("price", "<", 10)] or an Expression.
        columns: Which columns that are no parameters ride along; None: all.
        extras: "keep" them, or "forbid" any that `columns` does not name.
    Raises:
        SourceError: If the table is empty or cannot be read, or its columns are not those of the space.

    Example:
        >>> from gpbop.parameters import Float, Integer
        >>> space = Space({"width": Integer(1, 5), "rate": Float(0.0, 1.0)})
        >>> table = Table([{"width": 2, "rate": 0.5, "price": 7}, {"width": 5, "rate": 1.0, "price": 9}], space)
        >>> next(table.blocks(8)).X.tolist()
        [[0.25, 0.5], [1.0, 1.0]]
        >>> table.extras([1])
        {'price': [9]}
    """

    def __init__(
        self,
        data: Any,
        space: Space | None = None,
        *,
        filters: Any = None,
        columns: Sequence[str] | None = None,
        extras: Literal["keep", "forbid"] = "keep",
    ) -> None:
        if extras not in ("keep", "forbid"):
            raise SourceError(explain("extras", "be 'keep' or 'forbid'", repr(extras), "Use 'keep' if in doubt."))
        if columns is not None and (isinstance(columns, str) or not isinstance(columns, Iterable)):
            raise SourceError(explain("columns", "be a list of names", repr(columns), "Write columns=['price']."))
        self._container = _open(data, filters)
        if self._container.size == 0:
            raise SourceError(explain("data", "hold at least one row", "none", "Add a candidate."))
        self._columns = None if columns is None else list(columns)
        self._forbids = extras == "forbid"
        self._space: Space | None = None
        if space is not None:
            self.bind(space)

    def bind(self, space: Space) -> "Table":
        """Say which space the candidates belong to, and return the table.

        Raises:
            SourceError: If the columns are not those of the space, or the table belongs to another space.
        """
        if self._space is not None and self._space != space:
            advice = "Make a table of its own."
            raise SourceError(explain("space", "be the one the table has", "another one", advice))
        names = self._container.names
        optional = space.names if isinstance(self._container, Listed) else ()  # checked row by row
        missing = [name for name in space.names if name not in names and name not in optional]
        if missing:
            rule, advice = f"have a column {missing[0]!r}", suggest(missing[0], [n for n in names if n not in missing])
            raise SourceError(explain("data", rule, f"columns {list(names)}", advice))
        others = [name for name in names if name not in space.parameters]
        unknown = [name for name in self._columns or () if name not in names]
        if unknown:
            raise SourceError(explain("columns", "be in the table", repr(unknown[0]), suggest(unknown[0], others)))
        if self._forbids and (extra := [name for name in others if name not in (self._columns or ())]):
            advice = "Drop it, name it in `columns`, or use extras='keep'."
            raise SourceError(explain("data", "have no column that is no parameter", repr(extra[0]), advice))
        self._space, self._conditions = space, Conditions(space.parameters)
        return self

    @property
    @override
    def space(self) -> Space:
        if self._space is None:
            raise SourceError(explain("space", "be given", "None", "Write Table(data, space)."))
        return self._space

    @property
    @override
    def size(self) -> int | None:
        return self._container.size

    @override
    def blocks(self, rows: int, *, device: Device = None) -> Iterator[Block]:
        check_rows(rows)
        is_empty = True
        parts = self._container.parts(self._parameters(), min(rows, LARGEST_PART))
        pieces = map(self._block, parts)
        for block in regroup(pieces, rows):
            yield Block(block.index.to(device), block.X.to(device))
            is_empty = False
        if is_empty:
            raise SourceError(explain("data", "hold at least one row", "none", "Add a candidate, or loosen `filters`."))

    @override
    def configs(self, index: Sequence[int]) -> list[Config]:
        parts, order = self._taken(self._parameters(), index)
        X = [self._block(part).X for part in parts]
        return self.space.decode(torch.cat(X)[order]) if X else []

    @override
    def extras(self, index: Sequence[int]) -> dict[str, list[Json]]:
        kept = self._kept()
        if not kept:
            return {}
        parts, order = self._taken(kept, index)
        values = {name: [v for part in parts for v in part.columns[name].values()] for name in kept}
        return {name: [column[i] for i in order] for name, column in values.items()}

    @override
    def extras_in_order(self, rows: int) -> Iterator[tuple[Sequence[int], dict[str, list[Json]]]]:
        kept = self._kept()
        for part in self._container.parts(kept, min(rows, LARGEST_PART)) if kept else ():
            yield part.index.tolist(), {name: cells.values() for name, cells in part.columns.items()}

    def _kept(self) -> list[str]:
        others = [name for name in self._container.names if name not in self.space.parameters]
        return [name for name in others if self._columns is None or name in self._columns]

    def _parameters(self) -> list[str]:
        return [name for name in self.space.names if name in self._container.names]

    def _taken(self, names: Sequence[str], index: Sequence[int]) -> tuple[list[Part], list[int]]:
        """Return the parts that hold some rows, each once, and where in them each of `index` is."""
        wanted, order = np.unique(check_index(index, self.size).numpy(), return_inverse=True)
        if not len(wanted):
            return [], []
        parts = list(self._container.take(names, wanted, LARGEST_PART))
        if sum(len(part.index) for part in parts) < len(wanted):
            got = f"up to {int(wanted[-1])}, beyond the last row"
            raise SourceError(explain("index", "be positions in the source", got, "Use indices that `blocks` gave."))
        return parts, order.tolist()

    def _block(self, part: Part) -> Block:
        """Encode a part, parents before children, as `gpbop.configs.encode` does."""
        names, of = self.space.names, self._conditions.of
        X = torch.full((len(part.index), len(names)), INACTIVE, dtype=torch.float64)
        active = torch.ones(X.shape, dtype=torch.bool)
        for column in [*(j for j in range(len(names)) if j not in of), *self._conditions.order]:
            if column in of:
                active[:, column] = self._conditions.column_activity(column, X, active)
            self._fill(X, column, names[column], active[:, column], part)
        return Block(torch.from_numpy(part.index), X)

    def _fill(self, X: Tensor, column: int, name: str, active: Tensor, part: Part) -> None:
        rows = np.flatnonzero(active.numpy())
        if not len(rows):
            return
        if name not in part.columns:
            raise self._error(name, part, int(rows[0]), BadCell(0, ABSENT))
        cells = part.columns[name]
        everywhere = len(rows) == len(active)
        try:
            encoded = (cells if everywhere else cells.take(rows)).encode(self.space.parameters[name])
        except BadCell as bad:
            raise self._error(name, part, int(rows[bad.position]), bad) from None
        X[:, column] = encoded if everywhere else X[:, column].index_put((torch.from_numpy(rows),), encoded)

    def _error(self, name: str, part: Part, row: int, bad: BadCell) -> SourceError:
        parameter = self.space.parameters[name]
        argument = f"`{name}` in row {int(part.rows[row])} of {part.place}"
        if bad.note:
            return SourceError(explain(argument, bad.note, repr(bad.value), "Use Parquet, or write null for None."))
        if bad.value is not ABSENT:
            try:
                parameter.encode_all([bad.value], argument)
            except ConfigError as error:
                return SourceError(str(error))
        return SourceError(explain(argument, "have a value, since it is active", "none", f"Add one of {parameter!r}."))


def _open(data: Any, filters: Any) -> Container:
    """Return the container of anything that holds a table."""
    if isinstance(data, str | Path):
        return _open_path(Path(data), filters)
    if filters is not None:
        advice = "Filter the table before."
        raise SourceError(explain("filters", "be for Parquet files only", type(data).__name__, advice))
    module = type(data).__module__.partition(".")[0]
    if module == "pandas" and type(data).__name__ == "DataFrame":
        return Frame(data)
    if module == "pyarrow" and hasattr(data, "column_names"):
        return ArrowTable(data)
    if module == "pyarrow" and hasattr(data, "schema") and hasattr(data, "num_rows"):
        return ArrowTable(arrow().Table.from_batches([data]))
    if isinstance(data, Sequence):
        return Listed(data)
    advice = "Use a list of dicts, a DataFrame, a pyarrow Table, or a path."
    raise SourceError(explain("data", "be a table", type(data).__name__, advice))


def _open_path(path: Path, filters: Any) -> Container:
    if not os.path.exists(path):  # false where it cannot be told, too
        raise SourceError(explain("path", "exist", repr(str(path)), "Look for a typo."))
    if path.suffix.lower() != ".csv" or path.is_dir():
        return Parquet(path, filters)
    if filters is not None:
        raise SourceError(explain("filters", "be for Parquet files only", repr(path.name), "Write it as Parquet."))
    return Csv(path)
