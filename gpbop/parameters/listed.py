"""Parameters that list their values: Ordinal and Categorical."""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

from typing_extensions import override

from gpbop.errors import ConfigError, explain
from gpbop.parameters.base import Parameter
from gpbop.parameters.choices import Json, copy, distinct, identity, suggest
from gpbop.parameters.placements import Codes, Even, Placement


class _Listed(Parameter):
    """The part that Ordinal and Categorical share: values of any JSON type, looked up by their identity."""

    @property
    @abstractmethod
    def listed(self) -> tuple[Json, ...]:
        """The values, in the order of their levels."""

    @cached_property
    def _levels(self) -> dict[Hashable, int]:
        return {identity(value): level for level, value in enumerate(self.listed)}

    @override
    def level_of(self, value: object, name: str) -> int:
        try:
            return self._levels[identity(value)]
        except (KeyError, TypeError):
            rule = "be one of the choices"
            raise ConfigError(explain(name, rule, repr(value), suggest(value, self.listed))) from None

    @override
    def value_of(self, level: int) -> Json:
        value = self.listed[level]
        return copy(value) if isinstance(value, list | dict) else value


@dataclass(frozen=True, eq=False, repr=False)
class Ordinal(_Listed):
    """One of the values, whose order means something: value i of K is encoded as i / (K - 1).

    Args:
        values: JSON values, at least one, all different, in their order.

    Example:
        >>> size = Ordinal(["small", "medium", "large"])
        >>> size.encode("medium"), size.decode(1.0)
        (0.5, 'large')
    """

    values: Sequence[Json]

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", distinct(self.values, "values"))

    @property
    @override
    def listed(self) -> tuple[Json, ...]:
        return tuple(self.values)

    @override
    def _place(self) -> Placement:
        return Even(len(self.values))


@dataclass(frozen=True, eq=False, repr=False)
class Categorical(_Listed):
    """One of the choices, in no order: choice i is encoded as the code i.

    Args:
        choices: JSON values, at least one, all different. True and 1 are different; 1 and 1.0 are the same number.

    Example:
        >>> decoder = Categorical(["A", "B", None, True, 1])
        >>> decoder.encode(True), decoder.decode(4.0)
        (3.0, 1)
    """

    choices: Sequence[Json]

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "choices", distinct(self.choices, "choices"))

    @property
    @override
    def listed(self) -> tuple[Json, ...]:
        return tuple(self.choices)

    @override
    def _place(self) -> Placement:
        return Codes(len(self.choices))
