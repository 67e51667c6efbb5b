"""Trials: what was asked, what came back, and their JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gpbop.errors import StateError, explain
from gpbop.parameters.choices import copy

TrialState = Literal["pending", "complete", "failed"]


@dataclass(frozen=True)
class Trial:
    """One experiment.

    Attributes:
        number: Position in the order of asking and telling.
        config: Its config, inactive parameters left out.
        state: "pending" until told; then "complete", or "failed" when there was no finite value.
        value: The objective's value, None unless complete.
        reason: Why it failed, None unless failed.
    """

    number: int
    config: dict[str, Any]
    state: TrialState = "pending"
    value: float | None = None
    reason: str | None = None

    def told(self, value: float, reason: str | None) -> "Trial":
        """Return this trial with its result; NaN is a failure."""
        if math.isnan(value):
            return replace(self, state="failed", value=None, reason=reason or "no finite value")
        return replace(self, state="complete", value=value, reason=None)

    def copy(self) -> "Trial":
        """Return this trial with a config of its own, which the caller may change."""
        return replace(self, config=copy(self.config))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        known = {"config": copy(self.config), "state": self.state, "value": self.value, "reason": self.reason}
        return {key: value for key, value in known.items() if value is not None}

    @staticmethod
    def from_dict(number: int, state: Mapping[str, Any]) -> "Trial":
        """Restore what `to_dict` returned.

        Raises:
            StateError: If it is no trial.
        """
        if not isinstance(state, Mapping) or not isinstance(state.get("config"), Mapping):
            raise _damaged(number, "be a dict with a config", state)
        config, value, reason = copy(dict(state["config"])), state.get("value"), state.get("reason")
        match state.get("state"), value, reason:
            case "pending", None, None:
                return Trial(number, config)
            case "complete", int() | float(), None if not isinstance(value, bool) and math.isfinite(value):
                return Trial(number, config, "complete", float(value))
            case "failed", None, str():
                return Trial(number, config, "failed", None, reason)
        raise _damaged(number, "be pending, complete with a finite number, or failed with a reason", state)


def _damaged(number: int, rule: str, state: object) -> StateError:
    return StateError(explain(f"trials[{number}]", rule, repr(state), "Use the state as gpbop saved it."))
