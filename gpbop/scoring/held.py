"""Candidates between two stages, and how many went through each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Held:
    """Candidates between two stages, with what is known of them.

    Attributes:
        places: `m` positions in the source.
        X: `m x d` encoded points.
        mean: `m x s` standardised means.
        delta: `m x s` bounds of their errors.
        upper: `m` upper bounds of their values.
    """

    places: Tensor
    X: Tensor
    mean: Tensor
    delta: Tensor
    upper: Tensor

    def __len__(self) -> int:
        return len(self.places)

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return 8 * len(self) * (2 + self.X.shape[1] + 2 * self.mean.shape[1])

    @staticmethod
    def none(d: int, means: int, device: torch.device) -> "Held":
        """Return no candidates, of so many columns and means."""
        zeros = torch.zeros(0, dtype=torch.float64, device=device)
        X, mean = (zeros.view(0, 1).expand(0, columns) for columns in (d, means))
        return Held(zeros.long(), X, mean, mean, zeros)

    @staticmethod
    def joined(parts: Sequence["Held"]) -> "Held":
        """Join some, at least one."""
        return Held(*(torch.cat([getattr(part, name) for part in parts]) for name in Held.__annotations__))

    def to(self, device: torch.device) -> "Held":
        """Move to a device."""
        return Held(*(getattr(self, name).to(device) for name in Held.__annotations__))

    def take(self, which: Tensor | slice) -> "Held":
        """Select some."""
        return Held(self.places[which], self.X[which], self.mean[which], self.delta[which], self.upper[which])

    def halves(self) -> tuple["Held", "Held"]:
        """Cut them in two."""
        cut = len(self) // 2
        return self.take(slice(0, cut)), self.take(slice(cut, None))

    def reaching(self, threshold: float) -> "Held":
        """Select those whose bound reaches the threshold."""
        return self.take((self.upper >= threshold).nonzero()[:, 0])


@dataclass
class Counts:
    """How many candidates entered each stage, and how many it settled."""

    entered: list[int]
    settled: list[int]

    @staticmethod
    def of(stages: int) -> "Counts":
        """Return zeros."""
        return Counts([0] * stages, [0] * stages)

    def count(self, stage: int, entered: int, left: int) -> None:
        """Count what one stage did."""
        self.entered[stage] += entered
        self.settled[stage] += entered - left

    def add(self, other: "Counts") -> None:
        """Add what another thread counted."""
        for own, new in ((self.entered, other.entered), (self.settled, other.settled)):
            own[:] = map(int.__add__, own, new)
