"""Scoring of candidate sets of any size: the exact best under an acquisition function."""

from gpbop.scoring.score import Scored as Scored
from gpbop.scoring.score import score as score
from gpbop.scoring.score import score_all as score_all
from gpbop.scoring.sources import Grid as Grid
from gpbop.scoring.sources import Sample as Sample
from gpbop.scoring.sources import Source as Source
from gpbop.scoring.sources import Table as Table
from gpbop.scoring.sources import as_source as as_source
from gpbop.scoring.sources import skip_observed as skip_observed
from gpbop.scoring.top import Certificate as Certificate
from gpbop.scoring.top import Stage as Stage
from gpbop.scoring.top import Top as Top

__all__ = [
    "Certificate",
    "Grid",
    "Sample",
    "Scored",
    "Source",
    "Stage",
    "Table",
    "Top",
    "as_source",
    "score",
    "score_all",
    "skip_observed",
]
