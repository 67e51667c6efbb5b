"""Slices of a space: encoded points where one or two parameters move and the others stay, or vary as a sample."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from gpbop.designs import sobol
from gpbop.parameters import INACTIVE
from gpbop.plots.scales import ParameterAxis
from gpbop.plots.style import plain_text
from gpbop.space import Space

# Length of the text that says where a slice is; what does not fit is counted.
MOST_CHARACTERS = 60
# Columns that differ by less are the same point.
SAME = 1e-9


@dataclass(frozen=True)
class Slice:
    """The points of a space where some parameters move while the others stay.

    Attributes:
        space: The space.
        base: `d` encoded numbers of a config that has the moving parameters.
        axes: The moving parameters.
    """

    space: Space
    base: Tensor
    axes: tuple[ParameterAxis, ...]

    @staticmethod
    def through(space: Space, row: Tensor, axes: Sequence[ParameterAxis]) -> "Slice":
        """Cut through a config; parents that keep a moving parameter inactive get the first value that has it.

        Args:
            space: The space.
            row: `d` encoded numbers of the config.
            axes: The moving parameters.
        """
        row = row.clone()
        for axis in axes:
            _activate(space, row, axis.name)
        return Slice(space, space.canonicalize(row), tuple(axes))

    def rows(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points where the moving parameters have given values.

        Args:
            values: `m x k` encoded values of the k moving parameters.
        Returns:
            `m x d` encoded points, and `m` bools: where all moving parameters exist.
        """
        X = self.base.repeat(len(values), 1)
        columns = [axis.column for axis in self.axes]
        X[:, columns] = values
        X = self.space.canonicalize(X)
        return X, (X[:, columns] != INACTIVE).all(-1)

    def contains(self, X: Tensor) -> Tensor:
        """Return which of `n` encoded points lie on the slice."""
        columns = [axis.column for axis in self.axes]
        on, active = self.rows(X[:, columns].clamp_min(0.0))
        return active & ((on - X).abs().amax(-1) < SAME)

    @property
    def text(self) -> str:
        """Where the slice is, in words."""
        moving = {axis.name for axis in self.axes}
        config = self.space.decode(self.base.unsqueeze(0))[0]
        fixed = {name: value for name, value in config.items() if name not in moving}
        named = [f"{plain_text(name)} = {_short(value)}" for name, value in fixed.items()]
        shown = named[:1]
        while len(shown) < len(named) and len(", ".join(named[: len(shown) + 1])) <= MOST_CHARACTERS:
            shown = named[: len(shown) + 1]
        more = [f"{len(named) - len(shown)} more"] if len(shown) < len(named) else []
        return "at " + ", ".join(shown + more) if named else ""


def sampled_rows(space: Space, axis: ParameterAxis, values: Tensor, m: int) -> Tensor:
    """Return points where one parameter has given values and the others vary as a Sobol sample, the same for all.

    Args:
        space: The space.
        axis: The moving parameter.
        values: `k` encoded values of it.
        m: How many points of the sample.
    Returns:
        `k x m' x d` encoded points, all of which have the parameter. Of the sample, the m' points that have it are
        taken; if there are none, all of them, with parents that have it.
    """
    # Without its conditions every parameter has a value, which counts as soon as its parents want it to.
    free = Space({name: replace(parameter, when=None) for name, parameter in space.parameters.items()})
    sample = sobol(free, m, 0)
    has = space.canonicalize(sample)[:, axis.column] != INACTIVE
    if bool(has.any()):
        sample = sample[has]
    else:
        for row in sample:
            _activate(space, row, axis.name)
    X = sample.repeat(len(values), 1, 1)
    X[..., axis.column] = values.unsqueeze(-1)
    return space.canonicalize(X)


def _activate(space: Space, row: Tensor, name: str) -> None:
    """Change the parents of a parameter, in place, so that it exists."""
    for parent, values in (space.parameters[name].when or {}).items():
        _activate(space, row, parent)
        column, allowed = space.names.index(parent), space.parameters[parent].encode_all(values)
        if not bool(((row[column] - allowed).abs() < SAME).any()):
            row[column] = allowed[0]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else plain_text(value, 16)
