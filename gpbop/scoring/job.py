"""What is to be scored, checked once: the question, the source, and how to pass over it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gpbop.acquisition import Direction, Question
from gpbop.device import resolve_device
from gpbop.errors import AcquisitionError, ArgumentError, ShapeError, SpaceError, explain
from gpbop.parameters.choices import plain
from gpbop.scoring.memory import default_block_rows, free_bytes
from gpbop.scoring.search import Search
from gpbop.scoring.sources.base import Source
from gpbop.scoring.sources.conversion import as_source
from gpbop.scoring.sources.observed import skip_observed as without_observed
from gpbop.settings import LARGEST_SEED, check_count
from gpbop.space import Space
from gpbop.surrogate import GaussianProcess

Devices = str | torch.device | Sequence[str | torch.device]
SCORED = ("max_variance", "ei", "noisy_ei", "pi", "ucb", "thompson")
# To measure a point again is of use where measurements are noisy, and that is what this one is for.
WITH_REPEATS = ("noisy_ei",)
FLOAT32 = 1e-6  # how far rows in float32 may be off


@dataclass(frozen=True)
class Job:
    """What is to be scored.

    Attributes:
        name: The acquisition function.
        question: The process, where the work is done, and what is asked of it.
        candidates: The whole source.
        threads: Number of CPU threads.
        block_rows: Candidates of a block.
        skips: Whether candidates that were observed or are pending are left out.
        devices: Devices that share the blocks with that of the process.
    """

    name: str
    question: Question
    candidates: Source
    threads: int
    block_rows: int
    skips: bool
    devices: tuple[torch.device, ...] = ()

    @staticmethod
    def of(
        gp: GaussianProcess,
        candidates: Any,
        acquisition: str,
        direction: Direction,
        X_pending: Tensor | None,
        best_f: float | None,
        beta: float,
        seed: int,
        skip_observed: bool | None,
        device: Devices,
        block_rows: int | None,
        threads: int | None = None,
    ) -> "Job":
        """Check what was asked; arguments and exceptions as for `gpbop.score`."""
        if not isinstance(gp, GaussianProcess):
            advice = "Take optimizer.gp of an Optimizer, or GaussianProcess.from_botorch(model) of a BoTorch model."
            raise ArgumentError(explain("gp", "be a GaussianProcess", type(gp).__name__, advice))
        if acquisition not in SCORED:
            rule = "be one of " + ", ".join(map(repr, SCORED))
            raise AcquisitionError(explain("acquisition", rule, repr(acquisition), "Choose one of these names."))
        block_rows = None if block_rows is None else check_positive("block_rows", block_rows)
        threads = None if threads is None else check_positive("threads", threads)
        seed = check_count("seed", seed, "Use seed=0.", least=0, most=LARGEST_SEED)
        if skip_observed is not None and not isinstance(plain(skip_observed), bool):
            advice = "Leave it out if in doubt."
            raise ArgumentError(explain("skip_observed", "be True, False or None", repr(skip_observed), advice))
        first, *others = [device] if isinstance(device, str | torch.device) else list(device) or ["auto"]
        gp = gp if first == "auto" else gp.to(resolve_device(first))
        devices = tuple(map(resolve_device, others))
        if X_pending is not None:
            X_pending = check_pending(gp.space, X_pending).to(gp.X)
        question = Question(gp, direction, X_pending, best_f, beta, seed=seed)
        source = as_source(gp.space, candidates)
        skips = acquisition not in WITH_REPEATS if skip_observed is None else skip_observed
        threads = (threads or torch.get_num_threads()) if gp.device.type == "cpu" else 1
        if block_rows is None:
            block_rows = default_block_rows(gp.factor, gp.space.d, threads, free_bytes(gp.device), source.extent)
        return Job(acquisition, question, source, threads, block_rows, skips, devices)

    @cached_property
    def source(self) -> Source:
        """The candidates that are scored."""
        if not self.skips:
            return self.candidates
        gp, pending = self.question.gp, self.question.X_pending
        return without_observed(self.candidates, gp.X if pending is None else torch.cat([gp.X, pending]))

    def search(self, is_shown: bool = False) -> Search:
        """Return the way to pass over the source."""
        return Search(self.name, self.source, self.threads, self.block_rows, is_shown, self.devices)

    def restored(self, values: Tensor) -> Tensor:
        """Map standardised acquisition values to the objective's units."""
        question, standardization = self.question, self.question.gp.standardization
        if self.name == "max_variance":
            return standardization.restore_std(values)
        if self.name in ("ei", "noisy_ei"):
            return values + torch.tensor(standardization.scale, dtype=torch.float64).log().to(values)
        if self.name in ("ucb", "thompson"):
            return question.sign * standardization.restore_mean(question.sign * values)
        return values


def check_positive(name: str, number: object) -> int:
    """Return a number of things as an int.

    Raises:
        ShapeError: If it is not a positive int.
    """
    whole = plain(number)
    if isinstance(whole, bool) or not isinstance(whole, int) or whole < 1:
        raise ShapeError(explain(name, "be a positive int", repr(number), "Use 1 or more."))
    return whole


def check_pending(space: Space, X: object) -> Tensor:
    """Return points that are being run, as encoded rows.

    Raises:
        ShapeError: If they are not `k x d` numbers.
        ConfigError: If one is NaN.
        SpaceError: If one is no encoded row of the space, nor one but for the rounding of float32.
    """
    advice = "Write space.encode(configs)."
    if not isinstance(X, Tensor) or X.ndim != 2 or X.shape[1] != space.d:
        got = f"shape {tuple(X.shape)}" if isinstance(X, Tensor) else type(X).__name__
        raise ShapeError(explain("X_pending", f"be a tensor of shape k x {space.d}", got, advice))
    encoded = space.canonicalize(X)
    wrong = ((encoded - X).abs() > FLOAT32).any(-1)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        rule = "be an encoded row of the space"
        raise SpaceError(explain(f"`X_pending` in row {row}", rule, str(X[row].tolist()), advice))
    return encoded
