"""Which parameters matter: Sobol' indices of the model's mean.

Notation, for f the posterior mean as a function of d independent uniform numbers u, one a parameter:
    A, B        m points each, a Sobol sequence of 2 d columns;  AB_j is A with column j of B
    V           variance of f
    S_j         V[E[f | u_j]] / V = mean(f(B) (f(AB_j) - f(A))) / V: the share that parameter j explains alone
    T_j         E[V[f | all but u_j]] / V = mean((f(A) - f(AB_j))^2) / (2 V): with all of its interactions
"""

from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from torch import Tensor
from torch.quasirandom import SobolEngine

from gpbop.errors import SpaceError, explain
from gpbop.minimize import Result
from gpbop.optimizer import Optimizer
from gpbop.plots.experiments import Experiments
from gpbop.plots.style import BLACK, BLUE, figure_of, legend_above, new_figure, percent, plain_text, styled
from gpbop.surrogate.gaussian_process import GaussianProcess

# Points of each sample; fewer where each costs more. With 1024, indices of the Ishigami function are right to 0.02.
SAMPLE, SMALLER_SAMPLE, MANY_OBSERVATIONS = 1024, 256, 1000
SEED = 0
# A variance of the mean below this, in standardised units, is rounding: the model sees no difference anywhere.
NO_VARIANCE = 1e-12
MOST_BARS = 20


class Shares(NamedTuple):
    """How much of the variance of the model's mean over the space each parameter explains.

    Attributes:
        first: `d` first-order indices: what a parameter explains alone.
        total: `d` total indices: with all of its interactions.
    """

    first: Tensor
    total: Tensor


@styled
def importance(optimizer: Optimizer | Result, ax: Axes | None = None) -> Figure:
    """Draw which parameters matter, by a variance decomposition of the model's mean over the whole space.

    Solid bars are first-order Sobol' indices; hatched ones add the interactions with other parameters (total indices).
    A conditional parameter counts where it exists: elsewhere, changing it changes nothing. Of more than 20 parameters,
    those with the 20 largest total indices are drawn.

    Args:
        optimizer: The search.
        ax: Where to draw; a new figure if absent.
    Returns:
        The figure.
    Raises:
        ArgumentError: If `optimizer` is no search.
        NoTrialsError: If no experiment has finished.
    """
    experiments = Experiments.of(optimizer)
    shares = variance_shares(experiments.optimizer.gp)
    names = experiments.space.names
    order = shares.total.argsort(descending=True, stable=True)[:MOST_BARS].flip(0)
    if ax is None:
        ax = new_figure(9.0, 2.2 + 0.42 * max(len(order), 3)).add_subplot()
    places = list(range(len(order)))
    first, total = shares.first[order], torch.maximum(shares.total, shares.first)[order]
    ax.barh(places, first.tolist(), color=BLUE, height=0.62, label="alone", zorder=3)
    ax.barh(
        places,
        (total - first).tolist(),
        left=first.tolist(),
        height=0.62,
        facecolor="white",
        edgecolor=BLUE,
        hatch="///",
        label="with other parameters",
        zorder=2,
    )
    room = max(float(total.max()), 0.25)
    for place, share, end in zip(places, first.tolist(), total.tolist(), strict=True):
        text = percent(share) + (f" + {percent(end - share)}" if end - share >= 0.005 else "")
        ax.text(end + 0.012 * room, place, text, va="center", fontsize=12.0, color=BLACK)
    ax.set_yticks(places, [plain_text(names[j], 24) for j in order.tolist()])
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0.0, 1.22 * room), ylim=(-0.6, len(order) - 0.4))
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))
    ax.set_xlabel("share of the variance of the model's mean\n(Sobol' indices over the whole space)")
    hidden = len(names) - len(order)
    title = "the model sees no difference between configs" if not bool(total.any()) else ""
    legend_above(ax, 3, title or (f"{hidden} more parameters are not shown" if hidden else ""))
    return figure_of(ax)


def variance_shares(gp: GaussianProcess) -> Shares:
    """Decompose the variance of the posterior mean over the space, by pick-freeze with a fixed seed.

    Cost: (d + 2) m evaluations of the mean, m = 1024 (256 from 1000 observations on).

    Args:
        gp: The process.
    Returns:
        First-order and total indices on the CPU, in [0, 1]; all 0 if the mean is constant.
    Raises:
        SpaceError: If the space has too many parameters for a Sobol sequence.
    References:
        Saltelli et al. (2010), Variance based sensitivity analysis of model output, table 2, (b) and (f).
    Example:
        >>> from gpbop import Float, GaussianProcess, Space
        >>> space = Space({"x": Float(0, 1), "y": Float(0, 1)})
        >>> configs = [{"x": i / 4, "y": j / 4} for i in range(5) for j in range(5)]
        >>> shares = variance_shares(GaussianProcess.fit(space, configs, [config["x"] for config in configs]))
        >>> [round(share, 2) + 0.0 for share in shares.first.tolist()]
        [1.0, 0.0]
    """
    d = gp.space.d
    if 2 * d > SobolEngine.MAXDIM:
        advice = "Use GaussianProcess.lengthscales."
        raise SpaceError(explain("space", f"have at most {SobolEngine.MAXDIM // 2} parameters", str(d), advice))
    m = SAMPLE if len(gp.y) <= MANY_OBSERVATIONS else SMALLER_SAMPLE
    engine = SobolEngine(2 * d, scramble=True, seed=SEED)  # type: ignore[no-untyped-call]
    U = engine.draw(m, dtype=torch.float64)
    A, B = U[:, :d], U[:, d:]
    f_A, f_B = _mean(gp, A), _mean(gp, B)
    both = torch.cat([f_A, f_B])
    center, variance = both.mean(), both.var()
    if float(variance) < NO_VARIANCE:
        return Shares(torch.zeros(d).double(), torch.zeros(d).double())
    f_A, f_B = f_A - center, f_B - center
    first, total = [], []
    for j in range(d):
        AB = A.clone()
        AB[:, j] = B[:, j]
        f_AB = _mean(gp, AB) - center
        first.append((f_B * (f_AB - f_A)).mean() / variance)
        total.append(0.5 * (f_A - f_AB).square().mean() / variance)
    return Shares(torch.stack(first).clamp(0.0, 1.0), torch.stack(total).clamp(0.0, 1.0))


def _mean(gp: GaussianProcess, U: Tensor) -> Tensor:
    """Compute the posterior mean, standardised, at `m x d` uniform numbers, without the cost of a variance."""
    factor = gp.factor
    X = gp.space.from_unit(U).to(gp.X)
    blocks = [factor.rows(block) @ factor.alpha for block in torch.split(X, factor.block_rows())]
    return (factor.mean + torch.cat(blocks)).cpu()
