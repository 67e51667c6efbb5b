"""What a parameter of any kind offers: it checks values, and carries them to one float64 column and back.

The finite ones number their values: *level* i in 0..count-1 is a value, and a `Placement` says where it
stands in the column. Numeric columns are in [0, 1], categorical ones hold codes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from gpbop.errors import SpaceError, explain
from gpbop.parameters.choices import Json, copy, distinct, identity, plain
from gpbop.parameters.placements import Codes, Placement


@dataclass(frozen=True, eq=False, repr=False)
class Parameter(ABC):
    """What a parameter of any kind offers; the classes below are the kinds.

    Args:
        when: Parent parameters, each with the list of its values for which this parameter exists. All parents must be
            active and hold one of their listed values. None: always.
    """

    when: Mapping[str, Sequence[Json]] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check `when` as far as it can be without the parents, and copy it."""
        if self.when is None:
            return
        if not isinstance(self.when, Mapping) or not all(isinstance(parent, str) for parent in self.when):
            advice = "Write when={'parent': [values]}."
            raise SpaceError(explain("when", "map names of parameters to lists of values", repr(self.when), advice))
        lists = {parent: list(distinct(values, f"when[{parent!r}]")) for parent, values in self.when.items()}
        object.__setattr__(self, "when", lists or None)

    @cached_property
    def placement(self) -> Placement | None:
        """Where the levels stand in the column; None for a continuous parameter."""
        return self._place()

    @property
    def count(self) -> int | float:
        """The number of values; math.inf for a continuous Float."""
        return math.inf if self.placement is None else self.placement.count

    @property
    def is_categorical(self) -> bool:
        """Whether the column holds codes rather than numbers in [0, 1]."""
        return isinstance(self.placement, Codes)

    def level(self, index: Tensor) -> Tensor:
        """Return the encoded float64 values of levels.

        Args:
            index: int64 levels in 0..count-1, of any shape.
        Returns:
            float64 tensor of the same shape, on the same device.
        Raises:
            SpaceError: If the parameter is continuous.
        """
        return self._finite().level(index)

    def index(self, column: Tensor) -> Tensor:
        """Return the levels nearest to encoded values, of any shape.

        Args:
            column: Encoded values, or any real numbers.
        Returns:
            int64 tensor of the same shape, on the same device.
        Raises:
            SpaceError: If the parameter is continuous.
        """
        return self._finite().index(column)

    def encode(self, value: object) -> float:
        """Return the encoded float of one value.

        Raises:
            ConfigError: If the parameter cannot hold the value.
        """
        return float(self.encode_all([value])[0])

    def decode(self, encoded: float) -> Json:
        """Return the value of one encoded float; of any other number, that of the nearest valid one."""
        return self.decode_all(torch.tensor([encoded], dtype=torch.float64))[0]

    def encode_all(self, values: Sequence[object], name: str = "value") -> Tensor:
        """Return the `m` encoded values of `m` values, on the CPU.

        Args:
            values: `m` values.
            name: What the error message calls them.
        Raises:
            ConfigError: If the parameter cannot hold one of them.
        """
        levels = [self.level_of(plain(value), name) for value in values]
        return self.level(torch.tensor(levels, dtype=torch.int64))

    def decode_all(self, column: Tensor) -> list[Json]:
        """Return the `m` values of `m` encoded ones on the CPU."""
        return [self.value_of(level) for level in self.index(column).tolist()]

    @abstractmethod
    def _place(self) -> Placement | None:
        """Return the placement; called once."""

    @abstractmethod
    def level_of(self, value: object, name: str) -> int:
        """Return the level of a plain Python value, or raise ConfigError about `name`."""

    @abstractmethod
    def value_of(self, level: int) -> Json:
        """Return the value of a level."""

    def to_dict(self) -> dict[str, Json]:
        """Return the parameter as JSON: its type and the arguments that build it; those that are None are left out."""
        arguments = {item.name: getattr(self, item.name) for item in fields(self)}
        return {"type": type(self).__name__} | {k: copy(v) for k, v in arguments.items() if v is not None}

    def _finite(self) -> Placement:
        if self.placement is None:
            raise SpaceError(explain("step", "be given to number the levels", repr(self), "Use Float(..., step=...)."))
        return self.placement

    def _key(self) -> Hashable:
        return identity(self.to_dict())

    @override
    def __repr__(self) -> str:
        """Return the call that builds the parameter."""
        arguments = [copy(getattr(self, item.name)) for item in fields(self) if not item.kw_only]
        named = {item.name: getattr(self, item.name) for item in fields(self) if item.kw_only}
        defaults = {item.name: item.default for item in fields(self)}
        changed = [f"{name}={value!r}" for name, value in named.items() if value != defaults[name]]
        return f"{type(self).__name__}({', '.join([*map(repr, arguments), *changed])})"

    @override
    def __eq__(self, other: object) -> bool:
        """Compare type and arguments; True and 1 are different choices."""
        return isinstance(other, Parameter) and self._key() == other._key()

    @override
    def __hash__(self) -> int:
        """Hash type and arguments."""
        return hash(self._key())
