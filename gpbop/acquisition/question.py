"""What an acquisition function is asked about."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gpbop.designs import sobol
from gpbop.errors import ArgumentError, explain
from gpbop.parameters.choices import plain
from gpbop.surrogate import GaussianProcess
from gpbop.surrogate.factor import Factor

Direction = Literal["minimize", "maximize"]

# Points over which the remaining error is integrated.
NUM_REFERENCE = 512
# Vizier's coefficient of sigma is 1.8 (Song et al. 2024, arXiv:2408.11527).
UCB_BETA = 1.8**2


def check_beta(beta: object) -> float:
    """Return the weight of the variance as a float.

    Raises:
        ArgumentError: If it is no finite number, or negative.
    """
    number = plain(beta)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0.0 <= number < math.inf:
        advice = "It weighs the variance: 0 only exploits, large values explore."
        raise ArgumentError(explain("beta", "be a finite number of at least 0", repr(beta), advice))
    return float(number)


@dataclass(frozen=True)
class Question:
    """What an acquisition function is asked about.

    Attributes:
        gp: The fitted process.
        direction: "minimize" or "maximize".
        X_pending: `k x d` encoded points that are being run.
        best_f: Incumbent in the objective's units; the best observed value if absent.
        beta: Weight of the variance in `ucb`.
        reference: `r x d` encoded points over which `integrated_variance` integrates; a Sobol sample of the space if
            absent.
        seed: Seed of everything random.
    """

    gp: GaussianProcess
    direction: Direction = "minimize"
    X_pending: Tensor | None = None
    best_f: float | None = None
    beta: float = UCB_BETA
    reference: Tensor | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.direction not in ("minimize", "maximize"):
            rule, advice = "be 'minimize' or 'maximize'", "Choose one of the two."
            raise ArgumentError(explain("direction", rule, repr(self.direction), advice))
        best_f = plain(self.best_f)
        is_number = isinstance(best_f, int | float) and not isinstance(best_f, bool) and math.isfinite(best_f)
        if best_f is not None and not is_number:
            advice = "Leave it out for the best observed value."
            raise ArgumentError(explain("best_f", "be a finite number", repr(self.best_f), advice))
        check_beta(self.beta)

    @property
    def sign(self) -> float:
        """+1 to maximise, -1 to minimise."""
        return 1.0 if self.direction == "maximize" else -1.0

    @property
    def incumbent(self) -> float:
        """Best value so far, in the objective's units; repeated measurements of a point count as their mean."""
        if self.best_f is not None:
            return self.best_f
        return self.sign * max(self.sign * value for value in self.gp.row_means())

    def factor(self) -> Factor:
        """The process conditioned on the pending points, whose results are believed to be the mean."""
        if self.X_pending is None or not len(self.X_pending):
            return self.gp.factor
        return self.gp.factor.believe(self.X_pending.to(self.gp.X))

    def standardized(self, value: float) -> float:
        """Map a value to standardised units, with the sign of the direction."""
        return self.sign * float(self.gp.standardization.standardize(torch.tensor(value, dtype=torch.float64)))

    def reference_points(self) -> Tensor:
        """The points over which the remaining error is integrated."""
        points = sobol(self.gp.space, NUM_REFERENCE, self.seed) if self.reference is None else self.reference
        return points.to(self.gp.X)
