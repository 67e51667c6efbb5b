"""A source of anything that holds candidates."""

from typing import Any

from torch import Tensor

from gpbop.errors import explain
from gpbop.scoring.sources.base import Source, SourceError
from gpbop.scoring.sources.encoded import Encoded
from gpbop.scoring.sources.grid import Grid
from gpbop.scoring.sources.table import Table
from gpbop.space import Space


def as_source(space: Space, candidates: Any) -> Source:
    """Return the source of candidates of a space.

    Args:
        space: The search space.
        candidates: A source of this space; the space itself, for its whole grid; an `m x d` tensor of encoded rows; or
            whatever `Table` takes: a list of dicts, a DataFrame, a pyarrow Table, a path.
    Raises:
        SourceError: If the source is one of another space, or the candidates cannot be read.
        SpaceError: If the grid is infinite.

    Example:
        >>> from gpbop.parameters import Integer
        >>> space = Space({"width": Integer(1, 5)})
        >>> as_source(space, space).size, as_source(space, [{"width": 2}]).size
        (5, 1)
    """
    if isinstance(candidates, Table):
        return candidates.bind(space)
    if isinstance(candidates, Space):
        _check_space(space, candidates)
        return Grid(candidates)
    if isinstance(candidates, Source):
        _check_space(space, candidates.space)
        return candidates
    return Encoded(space, candidates) if isinstance(candidates, Tensor) else Table(candidates, space)


def _check_space(space: Space, other: Space) -> None:
    if space != other:
        advice = "Build the candidates from the same space."
        raise SourceError(explain("candidates", "belong to the space of the model", repr(other), advice))
