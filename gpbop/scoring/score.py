"""The exact best of a candidate source under an acquisition function."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gpbop.acquisition import UCB_BETA, Direction, Question, acquisition
from gpbop.errors import AcquisitionError, ShapeError, explain
from gpbop.progress import is_watched
from gpbop.scoring.batch import choose_batch
from gpbop.scoring.scan import one_core
from gpbop.scoring.search import Found, Search
from gpbop.scoring.sources.base import Source
from gpbop.scoring.sources.conversion import as_source
from gpbop.scoring.top import Top
from gpbop.surrogate import GaussianProcess

# Candidates of a block: some megabytes of encoded rows, and groups of equal codes large enough to share their tables.
BLOCK_ROWS = 16384
SCORED = ("max_variance", "ei", "noisy_ei", "pi", "ucb", "thompson")


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


def score(
    gp: GaussianProcess,
    candidates: Any,
    *,
    acquisition: str = "ei",
    direction: Direction = "minimize",
    k: int = 100,
    batch: bool = False,
    X_pending: Tensor | None = None,
    best_f: float | None = None,
    beta: float = UCB_BETA,
    seed: int = 0,
    threads: int | None = None,
    block_rows: int = BLOCK_ROWS,
    progress: bool | None = None,
) -> Top:
    """Find the `k` candidates of a source with the greatest acquisition values.

    The answer is exact: the same candidates in the same order, ties by index, as computing `gp.factor.moments` and the
    acquisition function in float64 for one candidate after the other. It does not depend on blocks, threads or their
    timing. Most candidates are ruled out by an upper bound of their value; the certificate counts them.

    `thompson` draws one function from an approximate posterior (`gpbop.surrogate.sample_path`) and computes it densely;
    the best of that draw are exact.

    Cost: O(m n F) for `m` candidates and F features, and O(n^2) for those that no bound rules out; memory O(n) times
    the rows of a tile, whatever m is.

    Args:
        gp: The fitted process; the work is done where it is.
        candidates: A `Source` (`Grid`, `Table`, `Sample`), or what `as_source` makes one of: the space itself for its
            grid, encoded rows, a list of configs, a DataFrame, a pyarrow Table, a Parquet or CSV path.
        acquisition: "max_variance", "ei", "noisy_ei", "pi", "ucb" or "thompson".
        direction: "minimize" or "maximize".
        k: How many to find.
        batch: Whether they are to be run side by side: each is then the best given that those before it return their
            mean, see `gpbop.scoring.batch`, and comes with its value at that moment.
        X_pending: `k' x d` encoded points that are being run.
        best_f: Incumbent in the objective's units; the best observed value if absent.
        beta: Weight of the variance in `ucb`.
        seed: Seed of `thompson` and of the draws of `noisy_ei`.
        threads: Number of CPU threads; torch.get_num_threads() if absent.
        block_rows: Candidates of a block.
        progress: Whether to show a progress bar; if somebody is watching, if absent.
    Returns:
        The best, with a certificate. All candidates if there are fewer than `k`, with a note. After Ctrl-C the best so
        far, marked incomplete.
    Raises:
        AcquisitionError: If the acquisition function is unknown or cannot be scored.
        SourceError: If the candidates cannot be read, or belong to another space.
        ShapeError: If `k`, `threads` or `block_rows` is not a positive int.
    """
    source = as_source(gp.space, candidates)
    question = _question(gp, acquisition, direction, X_pending, best_f, beta, seed)
    for name, number in (("k", k), ("block_rows", block_rows), ("threads", 1 if threads is None else threads)):
        _check_positive(name, number)
    is_shown = is_watched() if progress is None else progress
    search = Search(acquisition, source, _threads(threads, gp.device), block_rows, is_shown)
    found = choose_batch(search, question, k) if batch else search(question, k)
    return _top(question, acquisition, source, found, k)


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
    block_rows: int = BLOCK_ROWS,
) -> Iterator[Scored]:
    """Compute mean, standard deviation and acquisition value of every candidate, block by block.

    Dense: every value is computed.   Cost: O(m n^2) time, O(n) memory times the rows of a block.

    Args:
        gp: The fitted process; the work is done where it is.
        candidates: A `Source` (`Grid`, `Table`, `Sample`), or what `as_source` makes one of: the space itself for its
            grid, encoded rows, a list of configs, a DataFrame, a pyarrow Table, a Parquet or CSV path.
        acquisition: As for `score`.
        direction: "minimize" or "maximize".
        X_pending: As for `score`.
        best_f: As for `score`.
        beta: As for `score`.
        seed: As for `score`.
        block_rows: Candidates of a block.
    Returns:
        An iterator of blocks of scores, on the CPU.
    Raises:
        AcquisitionError: If the acquisition function is unknown or cannot be scored.
        SourceError: If the candidates cannot be read, or belong to another space.
        ShapeError: If `block_rows` is not a positive int.
    """
    source = as_source(gp.space, candidates)
    question = _question(gp, acquisition, direction, X_pending, best_f, beta, seed)
    _check_positive("block_rows", block_rows)
    return _scores(question, acquisition, source, block_rows)


def _scores(question: Question, name: str, source: Source, block_rows: int) -> Iterator[Scored]:
    value, factor, standardization = acquisition(name, question), question.factor(), question.gp.standardization
    for block in source.blocks(block_rows, device=question.gp.device):
        with torch.no_grad():
            mean, variance = factor.moments(block.X)
            values = _restored(name, question, value(block.X))
            std = standardization.restore_std(variance.sqrt())
            scored = Scored(block.index.cpu(), standardization.restore_mean(mean).cpu(), std.cpu(), values.cpu())
        yield scored


def _top(question: Question, name: str, source: Source, found: Found, k: int) -> Top:
    factor, standardization = question.factor(), question.gp.standardization
    with one_core(), torch.no_grad():
        moments = [factor.moments(x.unsqueeze(0)) for x in found.X]
    mean = [float(standardization.restore_mean(mean)) for mean, _ in moments]
    std = [float(standardization.restore_std(variance.sqrt())) for _, variance in moments]
    indices = found.index.tolist()
    certificate = found.certificate
    if certificate.is_complete and len(indices) < k:
        note = f"`k` is {k}, but the source has only {len(indices)} candidates: all of them are here."
        certificate = replace(certificate, note=note)
    values = _restored(name, question, found.values).tolist()
    return Top(source.configs(indices), mean, std, values, indices, source.extras(indices), certificate)


def _restored(name: str, question: Question, values: Tensor) -> Tensor:
    """Map standardised acquisition values to the objective's units."""
    standardization = question.gp.standardization
    if name == "max_variance":
        return standardization.restore_std(values)
    if name in ("ei", "noisy_ei"):
        return values + torch.tensor(standardization.scale, dtype=torch.float64).log().to(values)
    if name in ("ucb", "thompson"):
        return question.sign * standardization.restore_mean(question.sign * values)
    return values


def _question(
    gp: GaussianProcess,
    name: str,
    direction: Direction,
    X_pending: Tensor | None,
    best_f: float | None,
    beta: float,
    seed: int,
) -> Question:
    if name not in SCORED:
        rule = "be one of " + ", ".join(map(repr, SCORED))
        raise AcquisitionError(explain("acquisition", rule, repr(name), "Choose one of these names."))
    if X_pending is not None:
        X_pending = X_pending.to(gp.X)
    return Question(gp, direction, X_pending, best_f, beta, seed=seed)


def _check_positive(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ShapeError(explain(name, "be a positive int", repr(number), "Use 1 or more."))


def _threads(threads: int | None, device: torch.device) -> int:
    if device.type != "cpu":
        return 1
    return threads or torch.get_num_threads()
