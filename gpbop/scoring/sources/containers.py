"""What a table is read from, part by part: a list of configs, a pandas DataFrame, or a pyarrow Table."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from torch import Tensor
from typing_extensions import override

from gpbop.errors import explain
from gpbop.parameters import Json, Parameter
from gpbop.scoring.sources.arrow import arrow, python_values
from gpbop.scoring.sources.base import SourceError
from gpbop.scoring.sources.cells import ABSENT, Cells, Objects, arrow_cells

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class ExactCells(Cells):
    """Cells of an Arrow array of any type: their values are those of the array, not of what encoding makes of it.

    Args:
        array: `m` cells.
    """

    array: Any

    @override
    def take(self, rows: Numbers) -> "ExactCells":
        return ExactCells(self.array.take(arrow().array(rows)))

    @override
    def encode(self, parameter: Parameter) -> Tensor:
        return arrow_cells(self.array).encode(parameter)

    @override
    def values(self) -> list[Json]:
        return python_values(self.array)


@dataclass(frozen=True)
class Part:
    """Some rows of a container.

    Args:
        place: What the rows are numbered in, for messages: "'a.parquet'", "the list".
        index: `m` positions in the container.
        rows: `m` numbers in the place.
        columns: The cells by the name of the column.
    """

    place: str
    index: Numbers
    rows: Numbers
    columns: Mapping[str, Cells]

    def take(self, positions: Numbers) -> "Part":
        """Return the part of some rows."""
        columns = {name: cells.take(positions) for name, cells in self.columns.items()}
        return Part(self.place, self.index[positions], self.rows[positions], columns)


class Container(ABC):
    """Rows of named columns, in an order that stays.

    Args:
        names: The names of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @property
    @abstractmethod
    def size(self) -> int | None:
        """The number of rows; None where only reading tells."""

    @abstractmethod
    def parts(self, names: Sequence[str], rows: int) -> Iterator[Part]:
        """Iterate over all rows in parts of at most `rows`, with the columns asked for."""

    def take(self, names: Sequence[str], index: Numbers, rows: int) -> Iterator[Part]:
        """Iterate over some rows in ascending order; those that are not there are left out.

        Args:
            names: The columns asked for.
            index: `k` positions, ascending, each once.
            rows: At most so many are read at a time.
        """
        for part in self.parts(names, rows):
            wanted = np.flatnonzero(np.isin(part.index, index, assume_unique=True))
            if len(wanted):
                yield part.take(wanted)
            if part.index[-1] >= index[-1]:
                return


class Sliced(Container):
    """A container in memory: any range of rows is at hand."""

    place: str

    @property
    @abstractmethod
    @override
    def size(self) -> int: ...

    @abstractmethod
    def columns(self, names: Sequence[str], index: Numbers) -> dict[str, Cells]:
        """Return the cells of some rows; consecutive ones are a view where that is possible."""

    @override
    def parts(self, names: Sequence[str], rows: int) -> Iterator[Part]:
        for start in range(0, self.size, rows):
            index = np.arange(start, min(start + rows, self.size))
            yield Part(self.place, index, index, self.columns(names, index))

    @override
    def take(self, names: Sequence[str], index: Numbers, rows: int) -> Iterator[Part]:
        index = index[index < self.size]
        yield Part(self.place, index, index, self.columns(names, index))


class Listed(Sliced):
    """A list of configs.

    Args:
        configs: Dicts; a key that is missing is a cell that is missing.
    Raises:
        SourceError: If something else is in the list.
    """

    place = "the list"

    def __init__(self, configs: Sequence[Mapping[str, object]]) -> None:
        names: dict[str, None] = {}
        for number, config in enumerate(configs):
            if not isinstance(config, Mapping):
                advice = "Map the names of parameters to values."
                raise SourceError(explain(f"`configs` row {number}", "be a dict", repr(config), advice))
            names |= dict.fromkeys(config)
        self._configs = configs
        super().__init__(list(names))

    @property
    @override
    def size(self) -> int:
        return len(self._configs)

    @override
    def columns(self, names: Sequence[str], index: Numbers) -> dict[str, Cells]:
        configs = [self._configs[row] for row in index.tolist()]
        return {name: Objects([config.get(name, ABSENT) for config in configs]) for name in names}


class ArrowTable(Sliced):
    """A pyarrow Table.

    Args:
        table: The table.
    """

    place = "the table"

    def __init__(self, table: Any) -> None:
        self._table = table
        super().__init__(check_names(table.column_names, self.place))

    @property
    @override
    def size(self) -> int:
        return int(self._table.num_rows)

    @override
    def columns(self, names: Sequence[str], index: Numbers) -> dict[str, Cells]:
        table = self._table.select(list(names))
        rows = _slice(index)
        taken = table.take(arrow().array(index)) if rows is None else table.slice(rows.start, len(index))
        return {name: ExactCells(taken[name]) for name in names}


class Frame(Sliced):
    """A pandas DataFrame; its index is no column. NaN and NaT are missing cells, as everywhere in pandas.

    Args:
        frame: The DataFrame.
    """

    place = "the DataFrame"

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        super().__init__(check_names([str(name) for name in frame.columns], self.place))
        self._number = {name: number for number, name in enumerate(self.names)}

    @property
    @override
    def size(self) -> int:
        return len(self._frame)

    @override
    def columns(self, names: Sequence[str], index: Numbers) -> dict[str, Cells]:
        rows: Any = index if _slice(index) is None else _slice(index)
        return {name: _series_cells(self._frame.iloc[rows, self._number[name]]) for name in names}


def _slice(index: Numbers) -> slice | None:
    """Return consecutive positions as a slice; None if they are not."""
    if len(index) and index[-1] - index[0] == len(index) - 1:
        return slice(int(index[0]), int(index[-1]) + 1)
    return None


UNIFORM = ("string", "integer", "floating", "boolean", "empty")  # what pandas calls objects of one type


def _series_cells(series: Any) -> Cells:
    """Return the cells of a pandas Series: as Python objects if it holds objects of several types."""
    pandas = import_module("pandas")
    if series.dtype != object or pandas.api.types.infer_dtype(series, skipna=True) in UNIFORM:
        try:
            array = arrow().Array.from_pandas(series)
            if not _is_extension(array.type):
                return ExactCells(array)
        except (arrow().ArrowInvalid, arrow().ArrowTypeError, arrow().ArrowNotImplementedError, OverflowError):
            pass  # whole numbers beyond 64 bits, and types of other packages
    return Objects([None if _is_missing(value, pandas) else value for value in series])


def _is_extension(kind: Any) -> bool:
    """Return whether an Arrow type is one of another package, which PyArrow would take for what it is stored as."""
    kind = kind.value_type if arrow().types.is_dictionary(kind) else kind
    return isinstance(kind, arrow().BaseExtensionType)


def _is_missing(value: object, pandas: Any) -> bool:
    return value is None or value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and value != value)


def check_names(names: Sequence[str], place: str) -> tuple[str, ...]:
    """Return the names of columns.

    Raises:
        SourceError: If two are equal.
    """
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise SourceError(explain(f"`columns` of {place}", "have distinct names", repr(twice), "Rename one of them."))
    return tuple(names)
