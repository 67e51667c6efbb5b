"""Which columns of an encoded point a kernel reads, and how.

An encoded point is a row of `X` (`n x d`), one column per parameter: numeric parameters in [0, 1], categorical ones as
their code 0, 1, ..., K-1, and `INACTIVE` for a parameter that does not exist in this row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

INACTIVE = -1.0


@dataclass(frozen=True)
class Columns:
    """The columns of `X`, grouped by how two of their values are compared.

    Attributes:
        numeric: Columns with values in [0, 1].
        conditional: The subset of `numeric` that may be inactive.
        categorical: Pairs (column, number of codes) compared by equality. Where the parameter may be inactive, the
            number counts one extra code, the last, that stands for "inactive".
        latent: Pairs like those of `categorical`, compared by learned coordinates: for parameters with many choices.

    Raises:
        TypeError: If an entry is not a tuple of integers, or of pairs of integers.
        ValueError: If a column is negative or named twice, `conditional` is no subset of `numeric`, a number of codes
            is below 1, or there is no column at all.

    Example:
        >>> columns = Columns(numeric=(0, 2), conditional=(2,), categorical=((1, 3),))
        >>> columns.num_features
        3
    """

    numeric: tuple[int, ...] = ()
    conditional: tuple[int, ...] = ()
    categorical: tuple[tuple[int, int], ...] = ()
    latent: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("numeric", "conditional"):
            _check_integers(name, getattr(self, name))
        for name in ("categorical", "latent"):
            check_codes(name, getattr(self, name))
        if not set(self.conditional) <= set(self.numeric):
            raise ValueError(
                f"`conditional` must be a subset of `numeric`; got {self.conditional} and {self.numeric}. "
                "Name every conditional column in `numeric` too."
            )
        _check_distinct("conditional", self.conditional)
        used = (*self.numeric, *(column for column, _ in (*self.categorical, *self.latent)))
        if not used:
            raise ValueError("`Columns` must name at least one column; got none. Name the columns of X to compare.")
        _check_distinct("Columns", used)

    @property
    def num_features(self) -> int:
        """F, the number of features that `embed` makes of the numeric columns."""
        return len(self.numeric) + len(self.conditional)


def take(X: Tensor, columns: Sequence[int]) -> Tensor:
    """Read some columns of encoded points.

    Args:
        X: `... x n x d` encoded points.
        columns: The columns to read, in order.

    Returns:
        `... x n x len(columns)` values.

    Raises:
        ValueError: If X has too few columns.
    """
    if X.shape[-1] <= max(columns):
        raise ValueError(
            f"`X` must have at least {max(columns) + 1} columns; got shape {tuple(X.shape)}. "
            "Pass whole encoded points, one column per parameter."
        )
    return X[..., list(columns)]


def check_codes(name: str, pairs: tuple[tuple[int, int], ...]) -> None:
    """Check that an argument holds pairs (column, number of codes).

    Args:
        name: The argument's name, for the message.
        pairs: The argument.

    Raises:
        TypeError: If it is not a tuple of pairs of integers.
        ValueError: If a column is negative, or a number of codes below 1.
    """
    if not isinstance(pairs, tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise TypeError(
            f"`{name}` must be a tuple of pairs (column, number of codes); got {pairs!r}. "
            "For example: ((0, 3), (4, 2))."
        )
    for pair in pairs:
        _check_integers(name, pair)
        if pair[1] < 1:
            raise ValueError(
                f"`{name}` must have at least 1 code per column; got {pair[1]} for column {pair[0]}. "
                "Pass pairs (column, number of codes)."
            )


def _check_integers(name: str, values: tuple[int, ...]) -> None:
    if not isinstance(values, tuple) or not all(type(value) is int for value in values):
        raise TypeError(f"`{name}` must be a tuple of integers; got {values!r}. For example: (0, 2).")
    if any(value < 0 for value in values):
        raise ValueError(f"`{name}` must not be negative; got {values}. Count the columns of X from 0.")


def _check_distinct(name: str, columns: Iterable[int]) -> None:
    columns = tuple(columns)
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise ValueError(f"`{name}` must name each column once; got {twice} more than once. Remove the repeats.")
