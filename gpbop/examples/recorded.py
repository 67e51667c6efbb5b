"""The recorded grid of the autoencoder: every config trained once, for comparison after a search, never during one."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from torch import Tensor

from gpbop.examples import autoencoder

GRID_FILE = "autoencoder_grid.csv"
COLUMNS: tuple[str, ...] = ("encoder_size", "decoder", "use_dropout", "dropout", "noise", "loss", "seconds")
TEXT_COLUMNS = ("decoder",)


@dataclass(frozen=True)
class RecordedGrid:
    """Every config of a space with the loss of its training.

    Attributes:
        configs: The configs, in the order of `space.grid()`.
        losses: The loss of each, lower is better.
        seconds: How long each training took.
    """

    configs: tuple[dict[str, Any], ...]
    losses: tuple[float, ...]
    seconds: tuple[float, ...]

    def row(self, config: Mapping[str, Any]) -> int:
        """Return the number of `config` in `configs`; inactive parameters do not matter."""
        return int((self._X - autoencoder.space().encode([dict(config)])).abs().amax(dim=1).argmin())

    def rank(self, config: Mapping[str, Any]) -> int:
        """Return the place of `config` in the grid: 1 + the number of configs with a lower recorded loss."""
        loss = self.losses[self.row(config)]
        return 1 + sum(other < loss for other in self.losses)

    @cached_property
    def _X(self) -> Tensor:
        return autoencoder.space().encode(self.configs)


def autoencoder_grid() -> RecordedGrid:
    """Read the table that `benchmarks/record_autoencoder_grid.py` wrote.

    Example:
        >>> grid = autoencoder_grid()
        >>> grid.rank(grid.configs[grid.losses.index(min(grid.losses))])
        1
    """
    with files("gpbop.examples").joinpath(GRID_FILE).open(encoding="utf-8") as lines:
        return from_rows(list(csv.DictReader(lines)))


def to_row(config: Mapping[str, Any], loss: float, seconds: float) -> dict[str, str]:
    """Return one row of the table: text bare, the rest as JSON, empty where a parameter is inactive."""
    cells = {**config, "loss": loss, "seconds": round(seconds, 2)}
    texts = {name: cell if name in TEXT_COLUMNS else json.dumps(cell) for name, cell in cells.items()}
    return {name: texts.get(name, "") for name in COLUMNS}


def from_rows(rows: list[dict[str, str]]) -> RecordedGrid:
    """Return the grid that the rows of `to_row` hold."""
    grid: list[dict[str, Any]] = [
        {name: text if name in TEXT_COLUMNS else json.loads(text) for name, text in row.items() if text} for row in rows
    ]
    return RecordedGrid(
        losses=tuple(cells.pop("loss") for cells in grid),
        seconds=tuple(cells.pop("seconds") for cells in grid),
        configs=tuple(grid),
    )
