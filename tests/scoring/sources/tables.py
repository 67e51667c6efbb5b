"""Configs written down in every container that `Table` reads, by other means than those it reads with."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import torch
from hypothesis import strategies as st

from gpbop.parameters import Categorical, Ordinal
from gpbop.scoring.sources import Block, Source
from tests.spaces import configs, spaces

CONTAINERS = ("list", "frame", "arrow", "parquet", "folder", "csv")


def written(configs, space, container, folder, extras=None):
    """Return the configs, with extra columns, as data for `Table`."""
    beside = [dict(zip(extras, values, strict=True)) for values in zip(*extras.values(), strict=True)] if extras else []
    rows = [config | more for config, more in zip(configs, beside or [{}] * len(configs), strict=True)]
    if container == "list":
        return rows
    if container == "frame":
        return pd.DataFrame(rows, columns=[*space.names, *(extras or {})])
    table = pa.table({n: column(space, n, rows, container == "csv") for n in (*space.names, *(extras or {}))})
    if container == "arrow":
        return table
    if container == "parquet":
        pa.parquet.write_table(table, folder / "table.parquet", row_group_size=3)
        return folder / "table.parquet"
    if container == "folder":
        (folder / "parts").mkdir(exist_ok=True)
        for number, start in enumerate(range(0, len(rows), 4)):
            pa.parquet.write_table(table.slice(start, 4), folder / "parts" / f"{number:03}.parquet", row_group_size=3)
        return folder / "parts"
    pa.csv.write_csv(table, folder / "table.csv")
    return str(folder / "table.csv")


def column(space, name, rows, as_text):
    """Return an Arrow column: text where it has to be."""
    cells = [row.get(name) for row in rows]
    parameter = space.parameters.get(name)
    listed = parameter.listed if isinstance(parameter, Categorical | Ordinal) else []
    kinds = {kind(value) for value in listed if value is not None}
    if as_text or len(kinds) > 1 or kinds & {"list", "dict"}:
        empty = "null" if None in listed else None
        texts = [empty if v is None else v if isinstance(v, str) else json.dumps(v) for v in cells]
        return pa.array(texts, pa.string())
    return pa.array(cells)


def kind(value):
    return "number" if type(value) in (int, float) else type(value).__name__


def is_plain(parameter):
    """Return whether no text may stand for two values of a parameter, whoever wrote it."""
    listed = parameter.listed if isinstance(parameter, Categorical | Ordinal) else []
    return len({kind(value) for value in listed if value is not None}) <= 1 and "" not in listed


def whole(source: Source, rows: int) -> Block:
    """Return all blocks as one, after checking that all but the last are full."""
    blocks = list(source.blocks(rows))
    assert all(len(block) == rows for block in blocks[:-1])
    assert 0 < len(blocks[-1]) <= rows
    return Block(torch.cat([b.index for b in blocks]), torch.cat([b.X for b in blocks]))


def same_bits(X, Y):
    return X.dtype == Y.dtype and X.shape == Y.shape and torch.equal(X.view(torch.int64), Y.view(torch.int64))


@st.composite
def spaces_with_configs(draw, most=12):
    space = draw(spaces())
    return space, draw(st.lists(configs(space), min_size=1, max_size=most))
