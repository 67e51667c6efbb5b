"""Candidate sources: grids, samples and tables that are read or made in blocks, never held whole."""

from gpbop.scoring.sources.base import Block as Block
from gpbop.scoring.sources.base import Indexed as Indexed
from gpbop.scoring.sources.base import Source as Source
from gpbop.scoring.sources.base import SourceError as SourceError
from gpbop.scoring.sources.conversion import as_source as as_source
from gpbop.scoring.sources.encoded import Encoded as Encoded
from gpbop.scoring.sources.grid import Grid as Grid
from gpbop.scoring.sources.observed import Observed as Observed
from gpbop.scoring.sources.observed import skip_observed as skip_observed
from gpbop.scoring.sources.sample import Sample as Sample
from gpbop.scoring.sources.table import Table as Table

__all__ = [
    "Block",
    "Encoded",
    "Grid",
    "Indexed",
    "Observed",
    "Sample",
    "Source",
    "SourceError",
    "Table",
    "as_source",
    "skip_observed",
]
