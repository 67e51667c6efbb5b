"""The search space: named parameters, and the two doors between configs and encoded points.

An encoded point is a row of `d` float64 numbers, one column per parameter in the order of the space: numeric parameters
in [0, 1], categorical ones a code 0..K-1, and INACTIVE = -1 where the config does not have the parameter.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.conditions import Conditions
from gpbop.configs import Config as Config
from gpbop.configs import decode, encode
from gpbop.enumeration import Product, enumerate_space
from gpbop.errors import ConfigError, ShapeError, SpaceError, explain
from gpbop.layout import Layout
from gpbop.parameters import INACTIVE, Categorical, Float, Integer, Json, Ordinal, Parameter

KINDS: dict[str, type[Parameter]] = {kind.__name__: kind for kind in (Float, Integer, Ordinal, Categorical)}
GRID_CHUNK = 1024  # configs that `grid` decodes at a time
LARGEST_INDEX = 2**63  # int64


class Space:
    """Named parameters, some of which exist only while others have certain values.

    Args:
        parameters: Parameters by name; their order is the order of the columns.
    Raises:
        SpaceError: If there are none, or a name, a parameter or a `when` is not valid.

    Example:
        >>> space = Space({
        ...     "width": Integer(4, 64, log=True),
        ...     "use_dropout": Categorical([False, True]),
        ...     "dropout": Float(0.1, 0.5, step=0.1, when={"use_dropout": [True]}),
        ... })
        >>> space.size
        366
        >>> X = space.encode([{"width": 16, "use_dropout": True, "dropout": 0.3}, {"width": 4, "use_dropout": False}])
        >>> X.tolist()
        [[0.5, 1.0, 0.5], [0.0, 0.0, -1.0]]
        >>> space.decode(X)[1]
        {'width': 4, 'use_dropout': False}
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        """Check the parameters and their conditions."""
        if not isinstance(parameters, Mapping) or not parameters:
            advice = "Write Space({'learning_rate': Float(1e-5, 1e-1, log=True)})."
            raise SpaceError(explain("parameters", "be a dict of at least one parameter", repr(parameters), advice))
        for name, parameter in parameters.items():
            if not isinstance(name, str) or not name:
                raise SpaceError(explain("parameters", "have strings as names", repr(name), "Give it a name."))
            if not isinstance(parameter, Parameter):
                advice = "Use Float, Integer, Ordinal or Categorical."
                raise SpaceError(explain(f"parameters[{name!r}]", "be a parameter", repr(parameter), advice))
        self.parameters = dict(parameters)
        self.names = tuple(self.parameters)
        self.d = len(self.names)
        self._columns = tuple(self.parameters.values())
        self._conditions = Conditions(self.parameters)
        self._layouts: dict[torch.device, Layout] = {}

    @property
    def bounds(self) -> Tensor:
        """`2 x d` least and greatest encoded values of active parameters."""
        return self._layout(torch.device("cpu")).bounds.clone()

    @property
    def size(self) -> int | float:
        """The exact number of configs, inactive parameters apart; math.inf with an active continuous Float."""
        return self._tree.size

    def encode(self, configs: Sequence[Mapping[str, object]], *, device: torch.device | str | None = None) -> Tensor:
        """Return the encoded rows of configs.

        Args:
            configs: `n` dicts. Every active parameter must be there; inactive ones may be, and are ignored.
            device: Where to put the rows; None: the CPU.
        Returns:
            `n x d` float64 encoded rows.
        Raises:
            ConfigError: If a parameter is unknown or missing, or cannot have the value given.
        """
        return encode(configs, self.parameters, self._conditions).to(device)

    def decode(self, X: Tensor) -> list[Config]:
        """Return the configs of encoded rows; of other rows, those of the nearest valid ones.

        Args:
            X: `n x d` encoded rows, on any device.
        Returns:
            `n` dicts, without the inactive parameters.
        Raises:
            ShapeError: If X is not `n x d`.
            ConfigError: If X holds NaN.
        """
        self._check_shape(X)
        if X.ndim != 2:
            raise ShapeError(explain("X", f"have shape n x {self.d}", str(tuple(X.shape)), "Write X.reshape(-1, d)."))
        return decode(self.canonicalize(X.cpu()), self.parameters)

    def activity(self, X: Tensor) -> Tensor:
        """Return which parameters the configs of rows have, as their parents' columns say.

        Args:
            X: `... x d` encoded rows, or any real ones.
        Returns:
            `... x d` bools.
        Raises:
            ShapeError: If the last dimension of X is not d.
            ConfigError: If X holds NaN.
        """
        self._check_shape(X)
        return self._conditions.activity(self._layout(X.device).snap(X.to(torch.float64)))

    def canonicalize(self, X: Tensor) -> Tensor:
        """Return the valid encoded rows nearest to any real rows.

        Finite parameters go to their nearest level, all are clamped to their bounds, and inactive ones become -1. An
        active parameter that holds -1 gets its level next to the middle; a categorical one, code 0. Encoded rows stay
        as they are.

        Args:
            X: `... x d` real rows.
        Returns:
            `... x d` float64 encoded rows, on the same device.
        Raises:
            ShapeError: If the last dimension of X is not d.
            ConfigError: If X holds NaN.
        """
        self._check_shape(X)
        return self._collapse(self._layout(X.device).snap(X.detach().to(torch.float64)))

    def from_unit(self, U: Tensor) -> Tensor:
        """Return encoded rows of uniform numbers.

        Every level of a finite parameter has an equal share of [0, 1); with log=True, a share as wide as its place on
        the log scale, so that 1 to 10 and 10 to 100 are as likely, for integers as for floats.

        Args:
            U: `... x d` numbers in [0, 1).
        Returns:
            `... x d` float64 encoded rows, on the same device.
        Raises:
            ShapeError: If the last dimension of U is not d.
            ConfigError: If U holds NaN.
        """
        self._check_shape(U, "U")
        return self._collapse(self._layout(U.device).spread(U.detach().to(torch.float64)))

    def grid(self, start: int = 0, stop: int | None = None) -> Iterator[Config]:
        """Iterate over all configs, each once, made as they are asked for.

        The first parameter varies slowest, see `gpbop.enumeration`.

        Args:
            start: Number of the first config.
            stop: One past the number of the last; None: all.
        Returns:
            An iterator of dicts.
        Raises:
            SpaceError: If the space is infinite, has 2**63 configs or more, or not 0 <= start <= stop <= size.
        """
        size = self._countable()
        stop = size if stop is None else stop
        if not 0 <= start <= stop <= size:
            got = f"start={start}, stop={stop}"
            raise SpaceError(explain("start", f"be at least 0, at most `stop` and {size}", got, "Stay in the grid."))
        return self._grid(start, stop)

    def grid_rows(self, index: Tensor) -> Tensor:
        """Return encoded rows of the grid by their numbers.

        Args:
            index: `m` int64 numbers in [0, size).
        Returns:
            `m x d` float64 encoded rows, on the same device.
        Raises:
            SpaceError: If the space is infinite, has 2**63 configs or more, or not that number.
            ShapeError: If `index` is not one-dimensional int64.
        """
        size = self._countable()
        if index.ndim != 1 or index.dtype != torch.int64:
            got = f"shape {tuple(index.shape)}, {index.dtype}"
            raise ShapeError(explain("index", "be a vector of int64", got, "Write torch.tensor([0, 1, 2])."))
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < size:
            got = f"{int(index.min())} to {int(index.max())}"
            raise SpaceError(explain("index", f"lie in [0, {size})", got, "Stay below `space.size`."))
        X = torch.full((len(index), self.d), INACTIVE, dtype=torch.float64, device=index.device)
        self._tree.fill(X, torch.arange(len(index), device=index.device), index)
        return X

    def sample(self, m: int, seed: int) -> list[Config]:
        """Return `m` configs drawn independently and uniformly, see `from_unit`; equal seeds give equal configs."""
        generator = torch.Generator().manual_seed(seed)
        return self.decode(self.from_unit(torch.rand(m, self.d, generator=generator, dtype=torch.float64)))

    def to_dict(self) -> dict[str, Json]:
        """Return the space as JSON; `from_dict` builds it again. A list keeps the order whatever sorts the keys."""
        return {"parameters": [{"name": name} | p.to_dict() for name, p in self.parameters.items()]}

    @classmethod
    def from_dict(cls, state: Mapping[str, Json]) -> "Space":
        """Return the space of a dict from `to_dict`.

        Raises:
            SpaceError: If the dict does not describe a valid space.
        """
        try:
            entries = [dict(entry) for entry in state["parameters"]]
            named = [(entry.pop("name"), KINDS[entry.pop("type")](**entry)) for entry in entries]
            parameters = dict(named)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            rule = "be a dict from `Space.to_dict`"
            advice = f"{type(error).__name__}: {error}. Save the space again."
            raise SpaceError(explain("state", rule, repr(state), advice)) from error
        if len(parameters) < len(named):
            names = repr([name for name, _ in named])
            raise SpaceError(explain("state", "name every parameter once", names, "Save the space again."))
        return cls(parameters)

    @override
    def __eq__(self, other: object) -> bool:
        """Compare names, order and parameters."""
        return isinstance(other, Space) and list(self.parameters.items()) == list(other.parameters.items())

    @override
    def __hash__(self) -> int:
        """Hash names, order and parameters."""
        return hash(tuple(self.parameters.items()))

    def grid_parts(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return the parts of the grid that have nothing to do with each other, the slowest first.

        Returns:
            The number of configs of each part and its columns; the number of a config of the grid has the numbers of
            its parts for digits.
        """
        self._countable()
        return [(int(part.size), tuple(sorted(part.columns))) for part in self._tree.parts]

    @override
    def __repr__(self) -> str:
        """Return the call that builds the space."""
        return f"Space({self.parameters!r})"

    @cached_property
    def _tree(self) -> Product:
        return enumerate_space(self._columns, self._conditions)

    def _layout(self, device: torch.device) -> Layout:
        if device.type != "cpu":  # nothing of gpbop stays on a GPU between asks
            return Layout.build(self._columns, device)
        if device not in self._layouts:
            self._layouts[device] = Layout.build(self._columns, device)
        return self._layouts[device]

    def _collapse(self, X: Tensor) -> Tensor:
        return torch.where(self._conditions.activity(X), X, INACTIVE) if self._conditions.of else X

    def _countable(self) -> int:
        if isinstance(self.size, float):
            names = [name for name, p in self.parameters.items() if p.placement is None]
            advice = "Give them a step, or use sample()."
            raise SpaceError(explain("space", "be finite to have a grid", f"continuous {names}", advice))
        if self.size >= LARGEST_INDEX:
            raise SpaceError(explain("space", "have fewer than 2**63 configs", str(self.size), "Use sample()."))
        return self.size

    def _grid(self, start: int, stop: int) -> Iterator[Config]:
        for first in range(start, stop, GRID_CHUNK):
            last = min(first + GRID_CHUNK, stop)
            yield from self.decode(self.grid_rows(torch.arange(first, last)))

    def _check_shape(self, X: Tensor, name: str = "X") -> None:
        if X.ndim == 0 or X.shape[-1] != self.d:
            got = str(tuple(X.shape))
            raise ShapeError(explain(name, f"have {self.d} columns, one a parameter", got, "Encode with this space."))
        if bool(X.isnan().any()):
            raise ConfigError(
                explain(name, "hold no NaN", f"{int(X.isnan().sum())} of them", "Look where it was made.")
            )
