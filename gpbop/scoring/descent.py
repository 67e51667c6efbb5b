"""Cells of a strip, level by level: wide cells for all first halves, narrower ones for those that are left.

A level costs a pass over its nodes. The next one follows while that costs little beside what is left to do, so little
is lost where it rules nothing out, and nothing has to be foreseen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gpbop.scoring.acceptance import Judge
from gpbop.scoring.cells import Cells, strides_within
from gpbop.scoring.fused_screening import FusedScreen
from gpbop.scoring.memory import STRIP_PART
from gpbop.scoring.sources.blocks import MOST_TABLE, Strip
from gpbop.scoring.trials import SCATTERED

# How much looser than the corners the bounds of a level may be, in standardised units of the mean (or, without a mean,
# as a share of the threshold).
LOOSENESS = (2.5, 1.6, 0.8, 0.4, 0.2, 0.1, 0.05)
# What a level may cost, as a share of what is left to do without it.
WORTH_IT = 0.5
# First halves under which tables of the nodes take longer than all the rest; covariances of a strip under which its
# cells do.
LEAST_FIRSTS = 24
LEAST_COVARIANCES = 2**22


@dataclass(frozen=True)
class Left:
    """What cells leave of a strip.

    Attributes:
        strip: The first halves that are left, with all second halves.
        places: The candidates that are left, in the strip that the last level saw; None: all of `strip`.
        before: That strip.
        nodes: Number of nodes that were computed.
    """

    strip: Strip
    places: Tensor | None
    before: Strip
    nodes: int


class Descent:
    """Descends from wide cells to narrow ones.

    Args:
        judge: Tells which bounds reach a threshold.
        norm: Bound of the norm of the mean, see `gpbop.scoring.cells`.
    """

    def __init__(self, judge: Judge, norm: float) -> None:
        self._judge, self._norm = judge, norm
        self._levels: tuple[Tensor | None, list[Cells]] = (None, [])

    def __call__(self, strip: Strip, screen: FusedScreen, threshold: float, whole: float, scattered: float) -> Left:
        """Rule out cells of a strip.

        Args:
            strip: The strip.
            screen: Bounds the nodes of cells.
            threshold: What candidates must reach.
            whole: What a candidate of the strip costs without cells, in units of one by `screen` in a strip.
            scattered: What it costs scattered, in units of one by `screen` scattered.
        Returns:
            What is left; the whole strip where no level is worth its time.
        """
        found, count = Left(strip, None, strip, 0), len(strip)
        if not strip.axes or threshold == -torch.inf or count * screen.points < LEAST_COVARIANCES:
            return found
        last: tuple[Cells, Tensor] | None = None
        ends = whole * count, SCATTERED * scattered * count
        for cells in self._cells(strip, threshold):
            rows = len(found.strip.index_first)
            is_worth_it = rows * len(cells.nodes) <= WORTH_IT * min(ends)
            if rows < LEAST_FIRSTS or len(cells.nodes) > MOST_TABLE or not is_worth_it:
                break
            reaching = self._reaching(cells.strip(found.strip), cells, screen, threshold)
            last, count = (cells, reaching), int(cells.counts[reaching % len(cells.counts)].sum())
            kept = found.strip.with_first(torch.unique(reaching // len(cells.counts)))
            found = Left(kept, None, found.strip, found.nodes + rows * len(cells.nodes))
            # First halves that cells leave are not those that cost little.
            ends = float(len(kept)), SCATTERED * scattered * count
        if last is None or ends[0] <= ends[1]:
            return found
        return Left(found.strip, last[0].places(last[1]), found.before, found.nodes)

    def _reaching(self, nodes: Strip, cells: Cells, screen: FusedScreen, threshold: float) -> Tensor:
        """Return the numbers of the cells that may hold a candidate that reaches the threshold."""
        parts, start = [], 0
        for part in nodes.within(STRIP_PART[nodes.device.type]):
            reaching = self._judge(cells.bounds(screen.strip(part), self._judge.criterion), threshold)
            parts.append(reaching + start * len(cells.counts))
            start += len(part.index_first)
        return torch.cat(parts)

    def _cells(self, strip: Strip, threshold: float) -> list[Cells]:
        """Return cells of several widths, the widest first; strips with the same second halves share them."""
        X_second, levels = self._levels
        if X_second is not strip.X_second:
            factor, has_mean, levels, seen = self._judge.criterion.factor, self._judge.criterion.needs_mean, [], set()
            for looseness in LOOSENESS:
                most = looseness / max(self._norm, 1e-300) if has_mean else looseness * threshold
                strides = tuple(strides_within(strip, factor, most))
                if max(strides) > 1 and strides not in seen:
                    seen.add(strides)
                    levels.append(Cells.of(strip, factor, self._norm, strides))
            self._levels = strip.X_second, levels
        return levels
