"""Pictures of a search: each function draws on an axis and returns the figure."""
