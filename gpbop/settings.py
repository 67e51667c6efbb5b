"""Settings of an optimizer: what it was given besides the space, checked once, and their JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from gpbop.acquisition import UCB_BETA, Direction, check_acquisition, check_beta
from gpbop.designs import check_design
from gpbop.device import parse_device
from gpbop.errors import ArgumentError, DeviceError, GpbopError, StateError, explain
from gpbop.parameters.choices import plain

DIRECTIONS = ("minimize", "maximize")
# NumPy's range of seeds; the seed of every ask is derived from it and stays an int64.
LARGEST_SEED = 2**32 - 1


def check_count(
    name: str,
    value: object,
    advice: str,
    *,
    least: int = 1,
    most: int | None = None,
    error: type[GpbopError] = ArgumentError,
) -> int:
    """Return a whole number as an int.

    Args:
        name: What the message calls it.
        value: An int of Python, NumPy or torch.
        advice: What the message advises.
        least: Smallest allowed number.
        most: Largest allowed number; none if absent.
        error: What is raised.
    Raises:
        GpbopError: Of the type `error`, if it is no whole number or out of its range.
    """
    number = plain(value)
    is_whole = isinstance(number, int) and not isinstance(number, bool)
    if not is_whole or number < least or (most is not None and number > most):
        limit = "" if most is None else f" and at most {most}"
        raise error(explain(name, f"be a whole number of at least {least}{limit}", repr(value), advice))
    return int(number)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an optimizer works; see `Optimizer`, whose arguments these are.

    Attributes:
        acquisition: Name of the acquisition function.
        direction: "minimize" or "maximize".
        design: Name of the initial design.
        initial: Number of first experiments; None for the default.
        device: "auto", "cpu", "cuda" or "cuda:<number>".
        seed: Seed of everything random.
        beta: Weight of the variance in "ucb".
        repeats: Whether configs may be proposed again.
        memory: Most bytes of device memory for a block of candidates; None for the default.
    """

    acquisition: str = "ei"
    direction: Direction = "minimize"
    design: str = "sobol"
    initial: int | None = None
    device: str | torch.device = "auto"
    seed: int = 0
    beta: float = UCB_BETA
    repeats: bool = False
    memory: int | None = None

    def __post_init__(self) -> None:
        """Check every setting and keep it as a JSON value."""
        self._check_names()
        if self.initial is not None:
            advice = "The model needs a first experiment; leave it out for the default."
            self._keep(initial=check_count("initial", self.initial, advice))
        if self.memory is not None:
            advice = "It is in bytes: 2**30 for a gibibyte."
            self._keep(memory=check_count("memory", self.memory, advice, error=DeviceError))
        self._keep(seed=check_count("seed", self.seed, "Use seed=0.", least=0, most=LARGEST_SEED))
        self._keep(beta=check_beta(self.beta))
        if not isinstance(plain(self.repeats), bool):
            raise ArgumentError(
                explain("repeats", "be True or False", repr(self.repeats), "Use True for noisy objectives.")
            )
        self._keep(repeats=plain(self.repeats))

    def _check_names(self) -> None:
        check_acquisition(self.acquisition)
        if self.direction not in DIRECTIONS:
            rule = "be 'minimize' or 'maximize'"
            raise ArgumentError(explain("direction", rule, repr(self.direction), "Choose one of the two."))
        check_design(self.design)
        self._keep(device=str(parse_device(self.device)))

    def _keep(self, **checked: object) -> None:
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(state: Mapping[str, Any]) -> "Settings":
        """Restore what `to_dict` returned.

        Raises:
            GpbopError: If it is none.
        """
        names = {item.name for item in fields(Settings)}
        if not isinstance(state, Mapping) or set(state) != names:
            advice = "Use the state as gpbop saved it."
            raise StateError(explain("settings", f"have exactly {sorted(names)}", repr(state), advice))
        return Settings(**state)
