"""How near does each hot path come to what the device can do, and what bounds it?

The ceilings are measured on the same device, with the same threads: the rate of a large matrix product, the bandwidth
of a large copy, the rate of exponentials. A path's floor is the longest of the times that its arithmetic, its least
traffic of memory and its exponentials take at these rates; `of_limit` is that floor over the measured time. What takes
more than four times its floor is bound by overhead: launches, Python, operations on small blocks. Counted are

- kernel rows: 3 F + 10 operations and an exponential for each of m x n covariances, written once;
- screening, the first stage of `score` that reads all observations: for each of `screened` candidates a covariance row
  (as above, never written), its product with alpha, and r^2 operations for the first r pivots;
- dense moments: kernel rows, and the triangular solve of n^2 operations a candidate;
- Cholesky: n^3 / 3 operations; the matrix read and written once;
- likelihood and gradient: kernel rows, Cholesky, the inverse (2 n^3 / 3), and 2 n^2 (F + 2) for the gradient.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks.harness.ceilings import Cost, ceilings
from benchmarks.harness.question import Peer, Question, Row, Setting, Side, Sizes
from benchmarks.harness.show import digits
from benchmarks.problems import fitted, uniform
from gpbop import GaussianProcess
from gpbop.acquisition import Question as Asked
from gpbop.kernels.profiles import Workspace
from gpbop.scoring.cascade import Cascade
from gpbop.scoring.criteria import criterion
from gpbop.scoring.memory import BLOCK_ROWS
from gpbop.surrogate.marginal_likelihood import NegativeLogPosterior, TrainingData
from gpbop.surrogate.priors import ThetaPrior

NOISE = 0.1
PROFILE_FLOPS = 10.0
NUMBER = 8.0  # bytes


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n, m, d = (setting.sizes[name] for name in ("n", "m", "d"))
    gp = fitted(d, 0, n, NOISE, setting.device, setting.seed)
    X = uniform(gp.space, m, setting.seed).to(gp.device)
    pairs = float(n * m)
    row_flops = 3.0 * d + PROFILE_FLOPS
    yield Side("matrix product", _product(setting), values=partial(_ceilings, setting))
    form, theta, workspace = gp.factor.form, gp.factor.theta.unsqueeze(0), Workspace()
    features = form.features(X)
    rows = partial(form.evaluate, theta, features, gp.factor.features, workspace)
    yield Side("kernel rows", rows, m, "rows", cost=Cost(pairs * row_flops, NUMBER * pairs, pairs))
    yield _screening(gp, setting, row_flops)
    with torch.no_grad():
        dense = Cost(pairs * (row_flops + n), NUMBER * (pairs + n * n), pairs)
        yield Side("dense moments", partial(gp.factor.moments, X), m, "candidates", cost=dense)
        L = gp.factor.L
        cholesky = Cost(n**3 / 3.0, 2.0 * NUMBER * n * n)
        yield Side("Cholesky", partial(torch.linalg.cholesky, L @ L.mT), cost=cholesky)
        yield _likelihood(gp, n, d, row_flops)


def _product(setting: Setting) -> Callable[[], object]:
    A = torch.rand(setting.sizes["n"], setting.sizes["n"], dtype=torch.float64).to(setting.torch_device)
    return partial(torch.mm, A, A)


def _ceilings(setting: Setting, *_: object) -> dict[str, dict[str, float]]:
    """Return the ceilings in both precisions, for the heading of the page."""
    found: dict[str, float] = {}
    for dtype in (torch.float64, torch.float32):
        name, of = str(dtype).removeprefix("torch."), ceilings(setting.device, dtype, setting.threads)
        found |= {f"GFLOP/s {name}": of.arithmetic / 1e9, f"Gexp/s {name}": of.exponentials / 1e9}
    found["GB/s"] = ceilings(setting.device, torch.float64, setting.threads).bandwidth / 1e9
    return {"ceilings": found}


def _screening(gp: GaussianProcess, setting: Setting, row_flops: float) -> Side:
    n, m, workspace = setting.sizes["n"], setting.sizes["screened"], Workspace()
    blocks = uniform(gp.space, m, setting.seed).to(gp.device).split(BLOCK_ROWS[setting.device])
    with torch.no_grad():
        first = Cascade(criterion("ei", Asked(gp))).first

    def screen() -> None:
        with torch.no_grad():
            for block in blocks:
                first(block, workspace)

    flops = m * (n * (row_flops + 2.0) + float(first.r**2))
    cost = Cost(flops, NUMBER * m * (gp.space.d + 3.0), float(m * n), first.dtype)
    return Side("screening", screen, m, "candidates", cost=cost)


def _likelihood(gp: GaussianProcess, n: int, d: int, row_flops: float) -> Side:
    form = gp.factor.form
    training = TrainingData.of(form, gp.X, gp.standardization.standardize(gp.y))
    objective = NegativeLogPosterior(form, training, ThetaPrior.of(form, gp.space.d, device=gp.device))
    theta = gp.fit_state.theta.to(gp.X).unsqueeze(0)
    flops = n**3 + n * n * (row_flops + 2.0 * (d + 2.0))
    return Side(
        "likelihood and gradient", partial(objective, theta), cost=Cost(flops, 4.0 * NUMBER * n * n, float(n * n))
    )


def summary(rows: list[Row]) -> str:
    """Return the measured ceilings of each device."""
    lines = []
    for row in rows:
        if "ceilings" in row["values"]:
            rates = ", ".join(f"{digits(value)} {name}" for name, value in row["values"]["ceilings"].items())
            lines.append(f"- {row['device']}, {row['threads']} threads (n={row['sizes']['n']}): {rates}")
    return "Ceilings as measured:\n\n" + "\n".join(dict.fromkeys(lines))


def _cases(ns: list[int], m: int, screened: int) -> list[Sizes]:
    return [{"n": n, "m": m, "screened": screened, "d": 6} for n in ns]


QUESTION = Question(
    cases={
        "smoke": _cases([30], 100, 200),
        "small": _cases([500], 4000, 20_000),
        "full": _cases([300, 1000, 4000], 10_000, 200_000),
    },
    sides=sides,
    summary=summary,
    is_race=False,
)
