"""The exact best of a candidate source under an acquisition function."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gpbop.acquisition import UCB_BETA, Direction
from gpbop.progress import is_watched
from gpbop.scoring.batch import choose_batch
from gpbop.scoring.job import Devices, Job, check_positive
from gpbop.scoring.scan import one_core
from gpbop.scoring.search import Found
from gpbop.scoring.top import Top
from gpbop.surrogate import GaussianProcess


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
    skip_observed: bool | None = None,
    device: Devices = "auto",
    threads: int | None = None,
    block_rows: int | None = None,
    progress: bool | None = None,
) -> Top:
    """Find the `k` candidates of a source with the greatest acquisition values.

    The answer is exact: the same candidates in the same order, ties by index, as computing `gp.factor.moments` and the
    acquisition function in float64 for one candidate after the other. It does not depend on blocks, threads or their
    timing. Most candidates are ruled out by an upper bound of their value; the certificate counts them. The values that
    come with the best are computed side by side, so their last digits may depend on `k`; the order does not.

    `thompson` draws one function from an approximate posterior (`gpbop.surrogate.sample_path`) and computes it densely;
    the best of that draw are exact.

    Cost: O(m n F) for `m` candidates and F features, and O(n^2) for those that no bound rules out; memory O(n) times
    the rows of a tile, whatever m is.

    Args:
        gp: The fitted process.
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
        skip_observed: Whether to leave out the candidates that were observed or are pending: of these a noiseless
            experiment would tell nothing new. If absent, they are left out unless the acquisition function is
            "noisy_ei", which is for experiments that are worth repeating.
        device: Where to work: "auto" for where the process is, "cpu", "cuda", a torch device, or a list of devices that
            share the blocks, as ["cuda:0", "cuda:1"].
        threads: Number of CPU threads; torch.get_num_threads() if absent.
        block_rows: Candidates of a block; as many as are fast and fit into memory, if absent.
        progress: Whether to show a progress bar; if somebody is watching, if absent.
    Returns:
        The best, with a certificate. All candidates if there are fewer than `k`, with a note. After Ctrl-C the best so
        far, marked incomplete.
    Raises:
        AcquisitionError: If the acquisition function is unknown or cannot be scored.
        SourceError: If the candidates cannot be read, or belong to another space.
        ShapeError: If `k`, `threads` or `block_rows` is not a positive int, or `X_pending` is not `k' x d`.
        SpaceError: If a row of `X_pending` is no encoded row of the space.
        ConfigError: If one is NaN.
        ArgumentError: If `gp`, `direction`, `best_f`, `beta` or `seed` is none.
        DeviceError: If the device is unknown, absent, or too full for one candidate.
    """
    k = check_positive("k", k)
    asked = acquisition, direction, X_pending, best_f, beta, seed, skip_observed, device, block_rows, threads
    job = Job.of(gp, candidates, *asked)
    search = job.search(is_watched() if progress is None else progress)
    found = choose_batch(search, job.question, k) if batch else search(job.question, k)
    return _top(job, found, k)


def _top(job: Job, found: Found, k: int) -> Top:
    factor, standardization, source = job.question.factor(), job.question.gp.standardization, job.source
    with one_core(), torch.no_grad():
        means, variances = factor.moments(found.X)
    mean, std = standardization.restore_mean(means).tolist(), standardization.restore_std(variances.sqrt()).tolist()
    indices = found.index.tolist()
    certificate = found.certificate
    if certificate.is_complete and len(indices) < k:
        new = " that were not observed" if job.skips else ""
        note = f"`k` is {k}, but the source has only {len(indices)} candidates{new}: all of them are here."
        certificate = replace(certificate, note=note)
    values = job.restored(found.values).tolist()
    return Top(source.configs(indices), mean, std, values, indices, source.extras(indices), certificate)
