"""Scoring of candidate sets of any size: the exact best under an acquisition function."""

from gpbop.scoring.dense import Scored as Scored
from gpbop.scoring.dense import score_all as score_all
from gpbop.scoring.export import write_scores as write_scores
from gpbop.scoring.plan import Plan as Plan
from gpbop.scoring.plan import plan as plan
from gpbop.scoring.score import score as score
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
    "Plan",
    "Sample",
    "Scored",
    "Source",
    "Stage",
    "Table",
    "Top",
    "as_source",
    "plan",
    "score",
    "score_all",
    "skip_observed",
    "write_scores",
]
