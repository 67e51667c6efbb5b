"""Which parameters are active: the graph that `when` draws from parents to children, checked and evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.errors import ConfigError, SpaceError, explain
from gpbop.parameters import Parameter
from gpbop.parameters.choices import suggest


@dataclass(frozen=True)
class Condition:
    """One entry of a `when`: the child needs its parent active and on one of the levels.

    Args:
        parent: Column of the parent.
        levels: Sorted levels of the parent.
        encoded: The same levels as encoded values, on the CPU.
    """

    parent: int
    levels: tuple[int, ...]
    encoded: Tensor


class Conditions:
    """All conditions of a space.

    Args:
        parameters: The parameters by name, in the order of the columns.
    Raises:
        SpaceError: If a `when` names no parameter, a continuous one or an impossible value, or goes in a circle.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        """Look up and check every `when`."""
        names = list(parameters)
        self.of: dict[int, tuple[Condition, ...]] = {
            column: tuple(_condition(name, parent, values, parameters) for parent, values in (p.when or {}).items())
            for column, (name, p) in enumerate(parameters.items())
            if p.when
        }
        self.order = _parents_first({j: [c.parent for c in conditions] for j, conditions in self.of.items()}, names)
        self._encoded: dict[torch.device, dict[tuple[int, int], Tensor]] = {}

    def activity(self, X: Tensor) -> Tensor:
        """Return which entries of canonical rows are active.

        Args:
            X: `... x d` encoded rows whose finite columns lie on levels; inactive columns may hold any level.
        Returns:
            `... x d` bools.
        """
        active = torch.ones(X.shape, dtype=torch.bool, device=X.device)
        for column in self.order:
            active[..., column] = self.column_activity(column, X, active)
        return active

    def column_activity(self, column: int, X: Tensor, active: Tensor) -> Tensor:
        """Return `...` bools: where a conditional column is active, given the activity of its parents."""
        encoded = self._on(X.device)
        holds = [
            active[..., c.parent] & (X[..., c.parent, None] == encoded[column, c.parent]).any(-1)
            for c in self.of[column]
        ]
        return torch.stack(holds).all(0) if len(holds) > 1 else holds[0]

    def _on(self, device: torch.device) -> dict[tuple[int, int], Tensor]:
        if device.type != "cpu":  # nothing of gpbop stays on a GPU between asks
            conditions = [(column, c) for column, own in self.of.items() for c in own]
            return {(column, c.parent): c.encoded.to(device) for column, c in conditions}
        if device not in self._encoded:
            self._encoded[device] = {
                (column, c.parent): c.encoded.to(device) for column, conditions in self.of.items() for c in conditions
            }
        return self._encoded[device]


def _condition(child: str, parent: str, values: Sequence[object], parameters: Mapping[str, Parameter]) -> Condition:
    """Return one entry of a `when` in terms of columns and levels, or raise SpaceError."""
    names = list(parameters)
    argument = f"`when` of `{child}`"
    if parent == child:
        advice = "Remove it from its own `when`."
        raise SpaceError(explain(argument, "name another parameter", repr(parent), advice))
    if parent not in parameters:
        raise SpaceError(explain(argument, "name a parameter of the space", repr(parent), suggest(parent, names)))
    if parameters[parent].placement is None:
        rule = "name a parameter with a finite number of values"
        raise SpaceError(explain(argument, rule, f"{parent!r}, a continuous Float", "Give it a step."))
    levels = set()
    for value in values:
        try:
            encoded = parameters[parent].encode_all([value], parent)
        except ConfigError as error:
            rule = f"list values that `{parent}` can have"
            raise SpaceError(explain(argument, rule, repr(value), str(error))) from None
        levels.add(int(parameters[parent].index(encoded)[0]))
    ordered = tuple(sorted(levels))
    return Condition(names.index(parent), ordered, parameters[parent].level(torch.tensor(ordered)))


def _parents_first(parents: Mapping[int, Sequence[int]], names: Sequence[str]) -> list[int]:
    """Return the conditional columns, parents before children, or raise SpaceError that shows a circle."""
    order: list[int] = []
    waiting = dict(parents)
    while waiting:
        ready = [column for column, above in waiting.items() if not any(parent in waiting for parent in above)]
        if not ready:
            path = [next(iter(waiting))]
            while path[-1] not in path[:-1]:
                path.append(next(parent for parent in waiting[path[-1]] if parent in waiting))
            circle = " needs ".join(names[column] for column in path[path.index(path[-1]) :])
            raise SpaceError(explain("when", "not go in a circle", circle, "Remove one of these conditions."))
        order += ready
        for column in ready:
            del waiting[column]
    return order
