"""The report: one self-contained HTML page that tells the story of a search."""

from gpbop.report.page import write as write

__all__ = ["write"]
