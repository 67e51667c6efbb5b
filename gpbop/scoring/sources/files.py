"""Tables in files: Parquet, one file or a folder of them, and CSV."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from typing_extensions import override

from gpbop.errors import explain
from gpbop.scoring.sources.arrow import arrow
from gpbop.scoring.sources.base import SourceError
from gpbop.scoring.sources.containers import Container, ExactCells, Numbers, Part, check_names
from gpbop.scoring.sources.csv_cells import TextCells

BUFFER = 2**20  # bytes of a column of a Parquet file that are read at a time
QUOTE_CHUNK = 2**24  # bytes of a CSV file in which quotes are counted at a time


@dataclass(frozen=True)
class ParquetPart:
    """One Parquet file, or one row group of it.

    Args:
        place: Its name, for messages.
        fragment: The pyarrow Fragment.
        labels: The values of the columns that its folder's name gives ("kind=A").
        start: Position of its first row in the container.
        row: Number of its first row in the file.
        group: Number of the row group; None: the whole file.
    """

    place: str
    fragment: Any
    labels: Mapping[str, Any]
    start: int = 0
    row: int = 0
    group: int | None = None

    @cached_property
    def schema(self) -> Any:
        """The columns, labels included."""
        schema = self.fragment.physical_schema
        for name, value in self.labels.items():
            schema = schema.append(arrow().field(name, value.type))
        return schema

    @cached_property
    def size(self) -> int:
        """The number of rows, filters aside."""
        return int(self.fragment.count_rows())

    def groups(self, start: int = 0, predicate: Any = None) -> Iterator["ParquetPart"]:
        """Iterate over the row groups, but for those that their statistics exclude from the predicate.

        Args:
            start: Position of the file's first row in the container.
            predicate: A pyarrow Expression, or None.
        """
        with _explained(self.place):  # the predicate was checked with the types of the first file only
            groups = {group.id: group.num_rows for group in self.fragment.row_groups}
            kept = groups
            if predicate is not None:
                kept = {group.id: 0 for group in self.fragment.subset(predicate, self.schema).row_groups}
        row = 0
        for number, size in groups.items():
            if number in kept:
                fragment = self.fragment.subset(row_group_ids=[number])
                yield ParquetPart(self.place, fragment, self.labels, start + row, row, number)
            row += size

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        """Iterate over record batches of at most `rows` rows; a large row group is not held whole."""
        path, groups = self.fragment.path, None if self.group is None else [self.group]
        with _explained(self.place), arrow().parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
            yield from file.iter_batches(rows, row_groups=groups, columns=list(names), use_threads=False)

    def filtered(self, names: Sequence[str], rows: int, predicate: Any) -> Iterator[Any]:
        """Iterate over record batches of at most `rows` rows that satisfy the predicate.

        Arrow reads ahead of a slow reader without limit, but not beyond the row group that it is given.
        """
        for group in self.groups(predicate=predicate):
            with _explained(self.place):
                yield from group.fragment.to_batches(
                    schema=self.schema,
                    columns=list(names),
                    filter=predicate,
                    batch_size=rows,
                    batch_readahead=0,
                    use_threads=False,
                )


class Parquet(Container):
    """A Parquet file, or all "*.parquet" in a folder and below it, in the order of their paths.

    Args:
        path: The file or the folder; folders in it that are called "name=value" are columns.
        filters: Which rows to read, as pyarrow takes it: [("price", "<", 10)] or an Expression. Positions count the
            rows that it lets through.
    Raises:
        SourceError: If a file cannot be read, or the files differ in the names of their columns.
    """

    def __init__(self, path: Path, filters: Any = None) -> None:
        paths = sorted(p for p in path.rglob("*.parquet") if _is_data(p.relative_to(path))) if path.is_dir() else [path]
        if not paths:
            raise SourceError(explain("path", "hold Parquet files", f"none in {path.name!r}", "Call them *.parquet."))
        self._files = _open_all(path, paths)
        super().__init__(self._files[0].schema.names)
        try:
            self._predicate = None if filters is None else arrow().parquet.filters_to_expression(filters)
            self._files[0].fragment.scanner(schema=self._files[0].schema, filter=self._predicate)  # checks the columns
        except (TypeError, ValueError, AttributeError, arrow().ArrowException) as error:
            advice = f"{error}. Write [('price', '<', 10)]."
            raise SourceError(explain("filters", "be a pyarrow filter", repr(filters), advice)) from None

    @property
    @override
    def size(self) -> int | None:
        return sum(file.size for file in self._files) if self._predicate is None else None

    @override
    def parts(self, names: Sequence[str], rows: int) -> Iterator[Part]:
        start = 0
        for file in self._files:
            for part in _numbered(replace(file, start=start), names, rows, self._predicate):
                yield part
                start = int(part.index[-1]) + 1

    @override
    def take(self, names: Sequence[str], index: Numbers, rows: int) -> Iterator[Part]:
        if self._predicate is not None:
            yield from super().take(names, index, rows)
            return
        start = 0
        for file in self._files:
            inside = index[np.searchsorted(index, start) : np.searchsorted(index, start + file.size)]
            if len(inside):
                yield from self._take_groups(file, names, inside, rows, start)
            start += file.size

    def _take_groups(
        self, file: ParquetPart, names: Sequence[str], index: Numbers, rows: int, start: int
    ) -> Iterator[Part]:
        """Read the row groups that hold some of the rows, and no other."""
        for group in file.groups(start):
            inside = index[np.searchsorted(index, group.start) : np.searchsorted(index, group.start + group.size)]
            if not len(inside):
                continue
            for part in _numbered(group, names, rows):
                wanted = np.flatnonzero(np.isin(part.index, inside, assume_unique=True))
                if len(wanted):
                    yield part.take(wanted)


class Csv(Container):
    """A CSV file with a header line.

    Args:
        path: The file.
    Raises:
        SourceError: If the file cannot be read, or ends inside a quoted cell.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = repr(path.name)
        with _explained(self._place):
            with path.open("rb") as file:
                quotes = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(QUOTE_CHUNK), b""))
            with arrow().csv.open_csv(path) as reader:
                names = reader.schema.names
        if quotes % 2:
            advice = "Was it cut off inside a cell? A quote inside a cell is written twice."
            got = f"{self._place} with an odd number of quotes"
            raise SourceError(explain("path", "be a whole CSV file", got, advice))
        super().__init__(check_names(names, self._place))

    @property
    @override
    def size(self) -> int | None:
        return None

    @override
    def parts(self, names: Sequence[str], rows: int) -> Iterator[Part]:
        pa = arrow()
        options = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=list(names),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # "" is the empty string, nothing between two commas is nothing
        )
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        start = 0
        with (
            _explained(self._place),
            pa.csv.open_csv(self._path, convert_options=options, parse_options=parse) as reader,
        ):
            for batch in reader:
                for first in range(0, batch.num_rows, rows):
                    piece = batch.slice(first, rows)
                    index = np.arange(start, start + piece.num_rows)
                    yield Part(self._place, index, index, {name: TextCells(piece[name]) for name in names})
                    start += piece.num_rows


def _numbered(part: ParquetPart, names: Sequence[str], rows: int, predicate: Any = None) -> Iterator[Part]:
    """Iterate over the rows of a file or a row group, those that satisfy the predicate."""
    place, start, row = part.place, part.start, part.row
    labels = [name for name in names if name in part.labels]
    stored = [name for name in names if name not in part.labels]
    if predicate is not None:
        place = f"{place} (of the rows that pass `filters`)"
    for batch in part.batches(stored, rows) if predicate is None else part.filtered(stored, rows, predicate):
        if batch.num_rows:
            numbers = np.arange(batch.num_rows)
            columns = {name: ExactCells(batch[name]) for name in stored}
            columns |= {name: ExactCells(arrow().repeat(part.labels[name], batch.num_rows)) for name in labels}
            yield Part(place, start + numbers, row + numbers, columns)
            start, row = start + batch.num_rows, row + batch.num_rows


def _open_all(root: Path, paths: Sequence[Path]) -> list[ParquetPart]:
    pa = arrow()
    labels = [_labels(path.relative_to(root).parent) if path != root else {} for path in paths]
    types = {}
    for name in {name for label in labels for name in label}:
        is_whole = all(label.get(name, "").lstrip("-").isdecimal() for label in labels)
        types[name] = pa.int64() if is_whole else pa.string()
    files = []
    for path, label in zip(paths, labels, strict=True):
        place = repr(str(path.relative_to(root)) if path != root else path.name)
        with _explained(place):
            files.append(_open(path, place, {name: pa.scalar(label[name]).cast(types[name]) for name in label}))
        first, other = set(files[0].schema.names), set(files[-1].schema.names)
        if first != other:
            rule, got = f"have the columns of {files[0].place}", f"{sorted(first ^ other)} in one of them only"
            raise SourceError(explain(f"`columns` of {place}", rule, got, "Write the files alike."))
    return files


def _open(path: Path, place: str, labels: dict[str, Any]) -> ParquetPart:
    """Return an open file; its folder gives it the columns `labels`."""
    ds, fs = arrow().dataset, arrow().fs
    guarantee = None
    for name, value in labels.items():
        equal = ds.field(name) == value
        guarantee = equal if guarantee is None else guarantee & equal
    fragment = ds.ParquetFileFormat().make_fragment(
        str(path), filesystem=fs.LocalFileSystem(), partition_expression=guarantee
    )
    check_names(fragment.physical_schema.names, place)
    own = {name: value for name, value in labels.items() if name not in fragment.physical_schema.names}
    return ParquetPart(place, fragment, own)


def _labels(folder: Path) -> dict[str, str]:
    pairs = [part.partition("=") for part in folder.parts]
    return {unquote(name): unquote(value) for name, equals, value in pairs if equals}


def _is_data(path: Path) -> bool:
    """Return whether no part of a path marks it as something else, as "_metadata" or ".tmp" do."""
    return not any(part.startswith(("_", ".")) for part in path.parts)


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn errors of reading a file into one that names it."""
    try:
        yield
    except (OSError, UnicodeDecodeError, arrow().ArrowException) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        advice = "Is it there, whole and of this format? Write it again."
        raise SourceError(explain(f"`{place[1:-1]}`", "be readable", first_line, advice)) from error
