"""PyArrow, imported when a table is read and not before."""

from functools import cache
from importlib import import_module
from typing import Any

from gpbop.errors import explain
from gpbop.scoring.sources.base import SourceError


@cache
def arrow() -> Any:
    """Return the module pyarrow with its submodules.

    Raises:
        SourceError: If it is not installed.
    """
    try:
        for name in ("compute", "csv", "dataset", "fs", "parquet", "types"):
            import_module(f"pyarrow.{name}")
        return import_module("pyarrow")
    except ImportError as error:
        got, advice = f"no {error.name}", "Install it: pip install pyarrow. Lists of configs need none."
        raise SourceError(explain("pyarrow", "be installed to read tables", got, advice)) from error
