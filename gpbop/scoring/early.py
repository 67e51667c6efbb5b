"""Stages that may come before the first one: bounds that read few training points, or all of them in float32.

Where few parameters matter, most candidates are ruled out by what the first pivots alone say of their mean (see
`gpbop.scoring.partial`) and of their variance; a trial tells which of these stages are worth their time.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gpbop.kernels.fused import backend
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.criteria import Criterion
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.local import (
    CENTRES,
    EARLY,
    EARLY_BY_WEIGHT,
    PROBES,
    LocalScreen,
    Neighbourhoods,
    is_local_known,
    spread,
)
from gpbop.scoring.partial import Means, Pivots
from gpbop.scoring.pivoting import Projection
from gpbop.scoring.refining import Level
from gpbop.scoring.screening import ALONE, NEARBY, Bounds, Screen, stage_name
from gpbop.scoring.sources.blocks import Block, Strip

# Pivots of the stages that read no other training points.
FEW = (48, 96, 192)
# Stages of neighbourhoods: scattered candidates that must have come before, and what one costs beside what is computed
# of it, in multiplications, and what it costs that tiles are not full. CPU: as measured.
LOCAL_FROM = 32_000
# Candidates from which neighbourhoods are made, at least.
LEAST_KNOWN = 256
ASSIGNED, TILED = 9000.0, 1.4
# Of how many neighbourhoods one is tried.
ONE_OF = 4
# How often a candidate of a queue is bounded, with all that is done for those that stay; CPU: as measured.
QUEUED = 3.0
# What a covariance costs beside a multiplication, and float64 beside float32: chosen by benchmarks/fused_rows.py.
COVARIANCE = 48
DOUBLE = {"cpu": 2.0, "cuda": 12.0}
# What scattered candidates cost beside those of a strip: by counting instructions on CUDA; a CPU takes as long for
# each; and what it takes to make and to read a row of them, in multiplications. CPU: as measured.
SCATTERED = {
    "cpu": {torch.float32: 1.0, torch.float64: 1.0},
    "cuda": {torch.float32: 2.1, torch.float64: 1.4},
}
ROW = {"cpu": 16_000.0, "cuda": 0.0}


@dataclass(frozen=True)
class _Kind:
    """What a stage reads: the first `r` pivots or `r` points nearby, alone, or all training points."""

    r: int
    is_alone: bool
    dtype: torch.dtype
    is_local: bool = False

    def name(self, needs_mean: bool) -> str:
        """What it computes, for the certificate."""
        if self.is_local:
            return stage_name(self.r, self.dtype, NEARBY)
        return stage_name(self.r, self.dtype, more=ALONE if self.is_alone and needs_mean else "")


class EarlyStages:
    """Stages to choose from, each built when it is first asked.

    Args:
        criterion: The acquisition function.
        projection: The pivots of the factor.
        first: The stage that all candidates pass otherwise; another one may take its place.
        next_level: The stage that comes next where candidates of which no mean is needed need not pass the first one.
    """

    def __init__(
        self, criterion: Criterion, projection: Projection, first: Screen, next_level: Level | None = None
    ) -> None:
        self._criterion, self._projection, self.first = criterion, projection, first
        self._next = next_level
        self._kinds = self._possible() if isinstance(first, FusedScreen) else []
        self._screens: dict[_Kind, FusedScreen] = {}
        self._pivots: Pivots | None = None
        self._neighbourhoods: Neighbourhoods | None = None
        self._expected: Tensor | None = None
        self._known: Tensor | None = None

    def __len__(self) -> int:
        return len(self._kinds)

    @cached_property
    def _costs(self) -> list[float]:
        return [self._cost(kind) for kind in self._kinds]

    @property
    def costs(self) -> list[float]:
        """What a candidate costs in each of them, in units of the first stage."""
        whole = self._whole  # another one may take the place of the first
        return [cost / whole for cost in self._costs]

    @property
    def after(self) -> float | None:
        """What a candidate costs that they leave, in units of the first stage; None where it passes that one."""
        if self._next is None:
            return None
        return QUEUED * self._cost(_Kind(self._next.r, True, torch.float64, self._next.is_local)) / self._whole

    @property
    def scattered(self) -> float:
        """What a scattered candidate costs in the first stage beside one of a strip."""
        device = self._criterion.factor.L.device.type
        return SCATTERED[device][self.first.dtype] + ROW[device] / self._whole

    @property
    def _whole(self) -> float:
        return self._cost(_Kind(self.first.r, not self._criterion.needs_mean, self.first.dtype))

    def _possible(self) -> list[_Kind]:
        dtypes = (torch.float32, torch.float64)
        kinds = [_Kind(r, True, dtype) for r in FEW if r < len(self._projection) for dtype in dtypes]
        known = self._criterion.factor, self._criterion.dense
        nearby = EARLY_BY_WEIGHT if self._next else EARLY
        kinds += [_Kind(r, True, dtype, True) for r in nearby if is_local_known(*known, 2 * r) for dtype in dtypes]
        # The first one itself, where that goes over to float64, or may be left out.
        of_first = dtypes if self._next else dtypes[:1]
        return [*kinds, *(_Kind(self.first.r, not self._criterion.needs_mean, dtype) for dtype in of_first)]

    def _cost(self, kind: _Kind) -> float:
        factor = self._criterion.factor
        points = kind.r if kind.is_alone else len(factor.L)
        operations = points * (COVARIANCE + 2 * factor.features.numeric.shape[1]) + kind.r**2 / 2
        cost = operations * (DOUBLE[factor.L.device.type] if kind.dtype == torch.float64 else 1.0)
        return ASSIGNED + TILED * cost if kind.is_local else cost

    def takes_strips(self, number: int) -> bool:
        """Whether a stage takes strips as they are."""
        return not self._kinds[number].is_local

    def ends(self, number: int) -> bool:
        """Whether what a stage leaves may go on without the first one.

        Those with the highest bounds go on first, to raise the threshold, so no bounds may be far worse than others.
        """
        kind = self._kinds[number]
        return kind.is_local or kind.r >= self.first.r or self._criterion.believes > 0

    def is_ready(self, number: int) -> bool:
        """Whether a stage may be built: those of neighbourhoods cost so much that many candidates must share it."""
        return not self._kinds[number].is_local or self._known is not None

    def expect(self, X: Tensor) -> None:
        """Take note of `m x d` candidates from all over the source, if they are the first."""
        self._expected = X if self._expected is None else self._expected

    def see(self, candidates: int, X: Tensor) -> None:
        """Take note of how many scattered candidates have come, and of the next ones, `m x d`."""
        if self._known is None and candidates >= LOCAL_FROM and any(kind.is_local for kind in self._kinds):
            known = [some for some in (self._expected, X) if some is not None and len(some) >= LEAST_KNOWN]
            self._known = spread(known[0], CENTRES * (1 + PROBES)) if known else None

    def some(self, work: Block | Strip, count: int, seed: int) -> Block:
        """Return about so many random candidates; those of a few neighbourhoods, as tiles of a few take no less."""
        generator, share = torch.Generator().manual_seed(seed), 1 if self._known is None else ONE_OF
        some = work.take(torch.randint(len(work), (share * count,), generator=generator).to(work.device))
        if share == 1:
            return some
        order, ends = self._near().sorted(some.X)
        sizes = ends.diff(prepend=ends.new_zeros(1))
        present = sizes.nonzero()[:, 0]  # few of them where a source is sorted
        chosen = present[torch.randperm(len(present), generator=generator)[: -(-len(present) // share)]]
        return some.take(order[torch.isin(torch.arange(len(ends)).repeat_interleave(sizes), chosen)])

    def bounds(self, number: int, work: Block | Strip) -> tuple[Tensor | None, Bounds]:
        """Bound candidates by a stage: in their own order, None, or in the one that is returned."""
        screen = self._screen(self._kinds[number])
        return (None, screen.strip(work)) if isinstance(work, Strip) else screen(work.X, Workspace())

    def _screen(self, kind: _Kind) -> FusedScreen:
        screen = self._screens.get(kind)
        if screen is None:
            factor, dense, needs_mean = self._criterion.factor, self._criterion.dense, self._criterion.needs_mean
            fused, partial = backend(factor.L.device.type), None
            assert fused is not None, "only where there is one"
            if kind.is_local:
                screen = LocalScreen(self._near(), kind.r, needs_mean, kind.dtype)
            else:
                if kind.is_alone and needs_mean:
                    self._pivots = self._pivots or Pivots(factor, self._projection, self._means)
                    partial = self._pivots.mean(kind.r)
                screen = FusedScreen(factor, self._projection, dense, kind.r, needs_mean, kind.dtype, fused, partial)
            self._screens[kind] = screen
        return screen

    def _near(self) -> Neighbourhoods:
        if self._neighbourhoods is None:
            assert self._known is not None, "they are ready"
            criterion, means = self._criterion, self._means if self._criterion.needs_mean else None
            known = criterion.factor, self._projection, criterion.dense
            # A pass for a queue keeps so many that what sets them apart is worth more time.
            self._neighbourhoods = Neighbourhoods(*known, self._known, means, by_weight=self._next is not None)
        return self._neighbourhoods

    @cached_property
    def _means(self) -> Means:
        return Means(self._criterion.factor, self._criterion.dense)

    @property
    def names(self) -> list[str]:
        """What each computes, for the certificate."""
        return [kind.name(self._criterion.needs_mean) for kind in self._kinds]

    @property
    def multiplications(self) -> list[float]:
        """Number of multiplications for one candidate, of each."""
        return [self._screens[kind].multiplications() if kind in self._screens else 0.0 for kind in self._kinds]
