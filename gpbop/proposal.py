"""Proposals: which point to run next, from the design, then from the model; and the model that is fitted on the way."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gpbop.acquisition import Acquisition, FunctionAcquisition, Question, acquisition
from gpbop.designs import MOST_CORNERS, design
from gpbop.device import guest, resolve_device
from gpbop.errors import GpbopWarning, NumericalError, SpaceError, SpaceExhausted, StateError, explain
from gpbop.kernels.closed_form import ClosedForm
from gpbop.ledger import Ledger
from gpbop.observations import Observations
from gpbop.search import Avoided, maximize_acquisition, unseen
from gpbop.settings import Settings, check_count
from gpbop.space import Space
from gpbop.surrogate import FitState, GaussianProcess, Prediction
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.feasibility import Feasibility
from gpbop.surrogate.priors import ThetaPrior

# Points whose neighbourhoods the search looks at besides the whole space.
NUM_GOOD = 4
# First experiments: one more than there are parameters, so that each can have been varied alone, and at least this
# many.
LEAST_INITIAL = 4
# Distance of the seeds of two optimizers: none of the first million asks of one takes a seed of the other.
SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class _Fit:
    """Hyperparameters and what they were fitted to.

    Attributes:
        state: The hyperparameters.
        finished: Number of finished experiments; as these only ever grow, it says which ones.
    """

    state: FitState
    finished: int


class Proposer:
    """Chooses points for an `Optimizer`; it is the part of the optimizer that remembers fits.

    What it proposes depends on the seed, the trials and the fits of earlier proposals alone: fits made for predictions
    start from the last proposal's too, but leave no trace.

    Args:
        space: The search space.
        settings: The optimizer's settings.
    Raises:
        SpaceError: If the space has too many corners to begin with all of them.
    """

    def __init__(self, space: Space, settings: Settings) -> None:
        if settings.design == "corners" and settings.initial is None and 2**space.d > MOST_CORNERS:
            advice = "Say how many first experiments to make, or use design='sobol'."
            raise SpaceError(explain("initial", f"be given with 2**{space.d} corners", "None", advice))
        self._space = space
        self._settings = settings
        self._proposed: _Fit | None = None  # of the last proposal
        self._latest: _Fit | None = None  # of the last proposal or prediction
        self._gp: GaussianProcess | None = None  # made with the latest fit, if it is on the CPU
        self._first: Tensor | None = None

    def propose(self, ledger: Ledger) -> Tensor:
        """Return the next point, `1 x d`, on the CPU.

        Raises:
            SpaceExhausted: If every config was told or is pending, and repeats are off.
        """
        if len(ledger) < len(self._design()):
            new = Avoided(ledger.X).new(self._design()).nonzero()
            if len(new):
                return self._design()[new[0]]
        seed = self._settings.seed * SEED_STRIDE + len(ledger)
        if not ledger.told:
            return self._any_point(ledger, seed)
        device = self._device(ledger)
        try:
            with guest(device, ledger.told):
                return self._search(ledger, device, seed)
        except NumericalError as error:
            warnings.warn(
                f"the model failed, so a quasi-random config is proposed: {error}", GpbopWarning, stacklevel=4
            )
            return self._any_point(ledger, seed)

    @property
    def initial(self) -> int:
        """Number of first experiments, before the model decides."""
        return len(self._design())

    def _design(self) -> Tensor:
        if self._first is None:
            default = None if self._settings.design == "corners" else max(LEAST_INITIAL, self._space.d + 1)
            m = self._settings.initial or default
            self._first = design(self._settings.design, self._space, m, self._settings.seed)
        return self._first

    def _any_point(self, ledger: Ledger, seed: int) -> Tensor:
        try:
            return unseen(self._space, Avoided(ledger.X), seed)
        except SpaceExhausted:
            if not self._settings.repeats:
                raise
            return unseen(self._space, Avoided(ledger.X[:0]), seed)

    def _search(self, ledger: Ledger, device: torch.device, seed: int) -> Tensor:
        value, X_good = self._judgement(ledger, device, seed)
        X_avoid = ledger.X.to(device)
        repeats = self._settings.repeats
        found = maximize_acquisition(value, self._space, X_avoid=X_avoid, X_good=X_good, repeats=repeats, seed=seed)
        return found.x.cpu()

    def _judgement(self, ledger: Ledger, device: torch.device, seed: int) -> tuple[Acquisition, Tensor | None]:
        """Return what is to be maximised, and the points whose neighbourhoods are worth searching."""
        told = ledger.observations()
        if not bool(told.succeeded.any()):
            return self._away_from(ledger.X.to(device)), None
        gp = self._fit_on(device, told.successes())
        self._proposed = self._latest
        direction = self._settings.direction
        # A failed point tried again would tell nothing: like the pending ones, it lowers the variance around it. Where
        # a third of a square works, this halved the failures of "ei" and "max_variance".
        known = torch.cat([ledger.X_pending, told.failures()])
        question = Question(gp, direction, known, beta=self._settings.beta, seed=seed)
        feasibility = None
        if not bool(told.succeeded.all()):
            feasibility = Feasibility.of(gp.factor.form, told.X.to(device), told.succeeded.to(device))
        means, _ = gp.row_values()
        order = means[gp.group].argsort(descending=direction == "maximize", stable=True)
        return acquisition(self._settings.acquisition, question, feasibility), gp.X[order[:NUM_GOOD]]

    def _away_from(self, X: Tensor) -> Acquisition:
        """Return the probability of success where all `n x d` points failed, or, still pending, are expected to."""
        form = ClosedForm(columns_of(self._space), "matern52", X.device)
        failed = torch.zeros(len(X), dtype=torch.bool, device=X.device)
        return FunctionAcquisition(Feasibility.of(form, X, failed).probability)

    def fit(self, ledger: Ledger) -> GaussianProcess:
        """Return the process fitted to all finished experiments, of which there must be one."""
        device = self._device(ledger)
        with guest(device, ledger.told):
            return self._fit_on(device, ledger.observations().successes())

    def predict(self, ledger: Ledger, X: Tensor, observation_noise: bool) -> Prediction:
        """Predict the objective at `m x d` encoded points, in its units; a finished experiment must be there."""
        device = self._device(ledger)
        with guest(device, ledger.told):
            gp = self._fit_on(device, ledger.observations().successes())
            return gp.predict_encoded(X, observation_noise=observation_noise)

    def _device(self, ledger: Ledger) -> torch.device:
        return resolve_device(self._settings.device, ledger.told)

    def _fit_on(self, device: torch.device, finished: Observations) -> GaussianProcess:
        n = len(finished)
        if self._gp is not None and self._latest is not None and self._latest.finished == n:
            return self._gp
        known = next((fit for fit in (self._latest, self._proposed) if fit is not None and fit.finished == n), None)
        gp = GaussianProcess.of(
            self._space,
            Observations(finished.X.to(device), finished.y.to(device)),
            warm=None if self._proposed is None else self._proposed.state,
            hyperparameters=None if known is None else known.state.theta,
            seed=self._settings.seed,
        )
        if known is not None:
            gp = replace(gp, fit_state=known.state)
        if self._settings.memory is not None:
            gp = gp.with_memory(self._settings.memory)
        self._latest = _Fit(gp.fit_state, n)
        self._gp = gp if device.type == "cpu" else None
        return gp

    def to_dict(self) -> dict[str, Any] | None:
        """Return the last proposal's fit as JSON values; None without one."""
        if self._proposed is None:
            return None
        return {"finished": self._proposed.finished, "state": self._proposed.state.to_dict()}

    def restore(self, state: Mapping[str, Any] | None, ledger: Ledger) -> None:
        """Take over what `to_dict` returned.

        Raises:
            StateError: If it is no fit of this space to experiments of this ledger.
        """
        if state is None:
            return
        finished = check_count("finished", state["finished"], "It counts.", most=len(ledger.in_state("complete")))
        fit = FitState.from_dict(state["state"])
        check_count("checked_at", fit.checked_at, "It counts.", most=finished)
        form = ClosedForm(columns_of(self._space), "matern52", torch.device("cpu"))
        p = len(ThetaPrior.of(form, self._space.d).start)
        shapes = (tuple(fit.theta.shape), tuple(fit.inverse_hessian.shape))
        numbers = torch.cat([fit.theta.flatten(), fit.inverse_hessian.flatten()])
        if shapes != ((p,), (p, p)) or not bool(numbers.isfinite().all()):
            advice = "Use the state as gpbop saved it."
            raise StateError(explain("fit", f"hold {p} finite hyperparameters and their matrix", repr(shapes), advice))
        self._proposed = _Fit(fit, finished)
