"""Trials: what was asked, what came back, and their JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gpbop.errors import StateError

TrialState = Literal["pending", "complete", "failed"]


@dataclass(frozen=True)
class Trial:
    """One experiment.

    Attributes:
        number: Position in the order of asking and telling.
        config: Its config, inactive parameters left out.
        state: "pending" until told; then "complete", or "failed" when there was no finite value.
        value: The objective's value, None unless complete.
        reason: Why it failed.
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

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        known = {"config": self.config, "state": self.state, "value": self.value, "reason": self.reason}
        return {key: value for key, value in known.items() if value is not None}

    @staticmethod
    def from_dict(number: int, state: Mapping[str, Any]) -> "Trial":
        """Restore what `to_dict` returned.

        Raises:
            StateError: If it is no trial.
        """
        trial = Trial(number, dict(state["config"]), state["state"], state.get("value"), state.get("reason"))
        complete = trial.state == "complete" and isinstance(trial.value, int | float)
        if not complete and not (trial.state in ("pending", "failed") and trial.value is None):
            raise StateError(
                f"`trials[{number}]` must be pending, failed, or complete with a number; got {trial.state!r} with "
                f"{trial.value!r}. Use the file as gpbop saved it."
            )
        return trial
