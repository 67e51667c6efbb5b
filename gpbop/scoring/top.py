"""What scoring returns: the best candidates, and the proof of what was done to find them."""

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from gpbop.configs import Config
from gpbop.errors import ArgumentError, explain
from gpbop.files import replacing
from gpbop.parameters import Json
from gpbop.scoring.columns import Column, arrays, csv_array, score_names
from gpbop.scoring.sources.arrow import arrow


@dataclass(frozen=True)
class Stage:
    """One step of the search for the best.

    Attributes:
        name: What was computed; "waiting": nothing, but the threshold rose above what earlier steps had computed.
        entered: Number of candidates it was computed for.
        settled: Number of them that it ruled out.
    """

    name: str
    entered: int
    settled: int


@dataclass(frozen=True)
class Certificate:
    """How the best were found.

    Attributes:
        candidates: Number of candidates that were passed; some of a source may be looked at beforehand.
        stages: What was computed for how many of them, in order; the last one is the dense value.
        dense_share: Multiplications done, as a share of those of dense scoring.
        is_complete: Whether the whole source was looked at. Only then are the best proven to be the best.
        note: What else the reader should know; empty if nothing.
    """

    candidates: int
    stages: tuple[Stage, ...]
    dense_share: float
    is_complete: bool
    note: str = ""


@dataclass(frozen=True)
class Top:
    """The best candidates, best first; ties in the order of their indices.

    Attributes:
        configs: `k` configs.
        mean: `k` expected values, in the objective's units.
        std: `k` standard deviations, in the objective's units.
        values: `k` values of the acquisition function, greater is better, in the objective's units: standard deviations
            for `max_variance`; bounds with the sign of the direction for `ucb` and `thompson` (of -y to minimise);
            logarithms for `ei`, `noisy_ei` (of the objective's units) and `pi`.
        indices: `k` positions in the source.
        extras: Columns of the source that are no parameters, `k` values each.
        certificate: How they were found.
    """

    configs: list[Config]
    mean: list[float]
    std: list[float]
    values: list[float]
    indices: list[int]
    extras: dict[str, list[Json]]
    certificate: Certificate

    def __len__(self) -> int:
        return len(self.indices)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, one row per candidate; parameters a config does not have are None.

        Raises:
            ImportError: If pandas is not installed.
        """
        pandas: Any = import_module("pandas")  # without type information
        return pandas.DataFrame(self._columns(), dtype=object).infer_objects()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the columns of `to_frame` to a Parquet or CSV file, which appears when it is whole.

        `Table` reads it back. What has no column type of its own, such as choices of several types, is text: JSON where
        that has it.

        Args:
            path: The file; its name ends in ".parquet" or ".csv".
        Raises:
            ArgumentError: If the name ends otherwise, or the file or one of the columns cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in (".parquet", ".csv"):
            raise ArgumentError(explain("path", "end in .parquet or .csv", repr(str(path)), "Call it top.parquet."))
        values = self._columns()
        columns = arrays({name: Column(column) for name, column in values.items()}, values)
        if suffix == ".csv":
            columns = {name: csv_array(column) for name, column in columns.items()}
        table = arrow().table(columns)
        with replacing(path) as beside, beside.open("wb") as file:
            write = arrow().csv.write_csv if suffix == ".csv" else arrow().parquet.write_table
            write(table, file)
            file.flush()
            os.fsync(file.fileno())

    def _columns(self) -> dict[str, list[Any]]:
        names = list(dict.fromkeys(name for config in self.configs for name in config))
        columns: dict[str, list[Any]] = {name: [config.get(name) for config in self.configs] for name in names}
        columns |= {name: values for name, values in self.extras.items() if name not in columns}
        scores: dict[str, list[Any]] = {"mean": [*self.mean], "std": [*self.std]}
        scores |= {"value": [*self.values], "index": [*self.indices]}
        return columns | {given: scores[name] for name, given in score_names(columns).items()}
