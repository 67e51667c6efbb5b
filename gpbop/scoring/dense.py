"""Every candidate's mean, standard deviation and acquisition value, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gpbop.acquisition import UCB_BETA, Acquisition, Direction, acquisition
from gpbop.scoring.job import Job
from gpbop.scoring.memory import halving
from gpbop.scoring.sources.base import Block
from gpbop.surrogate import GaussianProcess
from gpbop.surrogate.factor import Factor


@dataclass(frozen=True)
class Scored:
    """All scores of one block of candidates.

    Attributes:
        index: `m` positions in the source.
        mean: `m` expected values, in the objective's units.
        std: `m` standard deviations, in the objective's units.
        values: `m` values of the acquisition function, as in `Top`.
    """

    index: Tensor
    mean: Tensor
    std: Tensor
    values: Tensor


def score_all(
    gp: GaussianProcess,
    candidates: Any,
    *,
    acquisition: str = "ei",
    direction: Direction = "minimize",
    X_pending: Tensor | None = None,
    best_f: float | None = None,
    beta: float = UCB_BETA,
    seed: int = 0,
    skip_observed: bool = False,
    device: str | torch.device = "auto",
    block_rows: int | None = None,
) -> Iterator[Scored]:
    """Compute mean, standard deviation and acquisition value of every candidate, block by block.

    Dense: every value is computed.   Cost: O(m n^2) time, O(n) memory times the rows of a block.

    Args:
        gp: The fitted process.
        candidates: As for `score`.
        acquisition: As for `score`.
        direction: "minimize" or "maximize".
        X_pending: As for `score`.
        best_f: As for `score`.
        beta: As for `score`.
        seed: As for `score`.
        skip_observed: Whether to leave out the candidates that were observed or are pending.
        device: As for `score`.
        block_rows: Candidates of a block; as many as are fast and fit into memory, if absent.
    Returns:
        An iterator of blocks of scores, on the CPU.
    Raises:
        AcquisitionError: If the acquisition function is unknown or cannot be scored.
        SourceError: If the candidates cannot be read, or belong to another space.
        ShapeError: If `block_rows` is not a positive int, or `X_pending` is not `k' x d`.
        SpaceError: If a row of `X_pending` is no encoded row of the space.
        ConfigError: If one is NaN.
        ArgumentError: If `direction`, `best_f`, `beta` or `seed` is none.
        DeviceError: If the device is unknown, absent, or too full for one candidate.
    """
    asked = acquisition, direction, X_pending, best_f, beta, seed, skip_observed, device, block_rows
    return (scored for _, scored in scored_blocks(Job.of(gp, candidates, *asked)))


def scored_blocks(job: Job) -> Iterator[tuple[Block, Scored]]:
    """Iterate over the candidates of a job beside their scores."""
    value, factor = acquisition(job.name, job.question), job.question.factor()
    for block in job.source.blocks(job.block_rows, device=job.question.gp.device):
        parts = halving(partial(_scored, job, value, factor), block, block.device)
        yield block, Scored(*(torch.cat([getattr(part, name) for part in parts]) for name in Scored.__annotations__))


def _scored(job: Job, value: Acquisition, factor: Factor, block: Block) -> Scored:
    standardization = job.question.gp.standardization
    with torch.no_grad():
        mean, variance = factor.moments(block.X)
        values = job.restored(value(block.X))
        std = standardization.restore_std(variance.sqrt())
    return Scored(block.index.cpu(), standardization.restore_mean(mean).cpu(), std.cpu(), values.cpu())
