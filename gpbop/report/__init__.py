"""The report: one self-contained HTML page that tells the story of a search."""
