"""GaussianProcess: the surrogate that users fit and ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gpbop.device import guest, resolve_device
from gpbop.errors import ObjectiveError
from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.continuous import Smoothness
from gpbop.observations import Observations
from gpbop.space import Space
from gpbop.surrogate.columns import columns_of
from gpbop.surrogate.factor import Factor
from gpbop.surrogate.fitting import FitState, check_fit, fit_hyperparameters
from gpbop.surrogate.foreign import Inputs, read_model
from gpbop.surrogate.marginal_likelihood import NegativeLogPosterior, TrainingData
from gpbop.surrogate.model import ExactModel
from gpbop.surrogate.priors import ThetaPrior
from gpbop.surrogate.targets import Standardization, group_means, group_repeats


class Prediction(NamedTuple):
    """What the model expects.

    Attributes:
        mean: `m` expected values, in the objective's units.
        std: `m` standard deviations, in the objective's units.
    """

    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class GaussianProcess:
    """A Gaussian process over a space, conditioned on finished experiments.

    Make one with `GaussianProcess.fit`. It is a value: conditioning on more data returns a new one.

    Attributes:
        space: The search space.
        X: `n x d` encoded points, repeats included.
        y: `n` values in the objective's units.
        standardization: The map between the objective's and standardised units.
        fit_state: Hyperparameters, and what warm-starts the next fit.
        factor: The factorised process, in standardised units.
        group: `n` numbers of the factor's row that each observation went to.
        smoothness: "matern52", "matern32" or "rbf".
        is_foreign: Whether it was fitted elsewhere: its units and its constant mean are then kept by `condition`.
    """

    space: Space
    X: Tensor
    y: Tensor
    standardization: Standardization
    fit_state: FitState
    factor: Factor
    group: Tensor
    smoothness: Smoothness
    is_foreign: bool = False

    @staticmethod
    def fit(
        space: Space,
        configs: Sequence[Mapping[str, Any]],
        values: Sequence[float],
        *,
        smoothness: Smoothness = "matern52",
        device: str | torch.device = "auto",
        warm: "FitState | None" = None,
        hyperparameters: Tensor | None = None,
        restarts: int = 4,
        seed: int = 0,
    ) -> "GaussianProcess":
        """Fit the hyperparameters to finished experiments and condition on them.

        Cost: O(n^3) time for each of some tens of likelihood evaluations, O(n^2) memory.

        Args:
            space: The search space.
            configs: `n` configs; repeats are merged.
            values: `n` finite values.
            smoothness: Of the numeric part: "matern52", "matern32" or "rbf".
            device: "auto", "cpu", "cuda" or a torch device.
            warm: The `fit_state` of an earlier fit on this space.
            hyperparameters: `p` fixed hyperparameters (a `fit_state.theta`): nothing is fitted then.
            restarts: Number of fresh starts.
            seed: Seed of the random starts.
        Returns:
            The fitted process.
        Raises:
            ArgumentError: If `space`, `smoothness`, `hyperparameters`, `restarts` or `seed` is not as described.
            ConfigError: If a config does not belong to the space.
            ObjectiveError: If a value is no finite number, or there is none.
            DeviceError: If the device is unknown or absent.
        """
        check_fit(space, smoothness, hyperparameters, restarts, seed)
        where = resolve_device(device, len(configs))
        observations = Observations.of(space, configs, values, device=where)
        if not len(observations) or not bool(observations.succeeded.all()):
            missing = (~observations.succeeded).nonzero().flatten().tolist()
            raise ObjectiveError(
                f"`values` must hold at least one number and only finite ones; got {len(observations)} values, "
                f"not finite at {missing[:5]}. Leave failed experiments out, or use an Optimizer: it learns from them."
            )
        with guest(where, len(observations)):
            return GaussianProcess.of(
                space,
                observations,
                smoothness=smoothness,
                warm=warm,
                hyperparameters=hyperparameters,
                restarts=restarts,
                seed=seed,
            )

    @staticmethod
    def of(
        space: Space,
        observations: Observations,
        *,
        smoothness: Smoothness = "matern52",
        warm: FitState | None = None,
        hyperparameters: Tensor | None = None,
        restarts: int = 4,
        seed: int = 0,
    ) -> "GaussianProcess":
        """Fit to successful observations that are already encoded, on their device; arguments as for `fit`."""
        X, y = observations.X, observations.y
        form = ClosedForm(columns_of(space), smoothness, X.device)
        standardization = Standardization.of(y)
        data = TrainingData.of(form, X, standardization.standardize(y))
        prior = ThetaPrior.of(form, space.d, device=X.device)
        if hyperparameters is None:
            state = fit_hyperparameters(form, data, prior, warm=warm, restarts=restarts, seed=seed)
        else:
            theta = hyperparameters.cpu()
            state = FitState(theta, torch.eye(len(theta)).to(theta), len(data.y))
        factor = Factor.of(form, state.theta.to(X), data)
        return GaussianProcess(space, X, y, standardization, state, factor, data.group, smoothness)

    @staticmethod
    def from_botorch(model: Any, space: Space | None = None, *, inputs: Inputs = "values") -> "GaussianProcess":
        """Take over an exact model that was fitted with BoTorch or GPyTorch.

        Supported: one output, a constant mean, an RBF, Matern-3/2 or Matern-5/2 kernel, with or without a ScaleKernel
        and a lengthscale for each dimension, one noise level, Normalize and Standardize. The result predicts as the
        model does, to rounding; the hyperparameters stay, those of `condition` too.   Cost: O(n^3).

        Args:
            model: A BoTorch SingleTaskGP or a GPyTorch ExactGP, in float64.
            space: The search space whose parameters are the columns of the model, in order; none of them conditional
                or compared by equality. If absent: Float parameters x0, x1, ... over the bounds of Normalize, or over
                [0, 1] without it.
            inputs: What the columns hold: "values" of parameters that are not logarithmic, or "encoded" points.
        Raises:
            ArgumentError: If a part of the model is none of these; the message names it.
        """
        foreign = read_model(model, space, inputs)
        form = ClosedForm(columns_of(foreign.space), foreign.smoothness, foreign.X.device)
        data = TrainingData.of(form, foreign.X, foreign.z)
        factor = Factor.of(form, foreign.theta, data, foreign.mean)
        theta = foreign.theta.cpu()
        state = FitState(theta, torch.eye(len(theta)).to(theta), len(data.y))
        scale, y = foreign.standardization, foreign.standardization.restore_mean(foreign.z)
        gp = GaussianProcess(
            foreign.space, foreign.X, y, scale, state, factor, data.group, foreign.smoothness, is_foreign=True
        )
        foreign.check(model, gp.predict_encoded)
        return gp

    def to(self, device: str | torch.device) -> "GaussianProcess":
        """Return the same process on another device, number for number.

        Args:
            device: "cpu", "cuda" or a torch device; "auto" as for `fit`.
        Raises:
            DeviceError: If the device is unknown or absent.
        """
        where = resolve_device(device, len(self.y))
        if where == self.device:
            return self
        X, y, group = (part.to(where) for part in (self.X, self.y, self.group))
        return replace(self, X=X, y=y, group=group, factor=self.factor.to(where))

    def condition(self, configs: Sequence[Mapping[str, Any]], values: Sequence[float]) -> "GaussianProcess":
        """Add observations at fixed hyperparameters.

        The Cholesky factor is extended, not computed anew.   Cost: O(k n^2).

        Args:
            configs: `k` configs.
            values: `k` finite values, in the objective's units.
        Returns:
            The process on all `n + k` observations; equal to a fit to them with these hyperparameters.
        """
        new = Observations.of(self.space, configs, values, device=self.X.device)
        if not bool(new.succeeded.all()):
            raise ObjectiveError(
                "`values` must be finite; got a failed experiment. Leave it out: it adds no value to the model."
            )
        X, y = torch.cat([self.X, new.X]), torch.cat([self.y, new.y])
        standardization = self.standardization if self.is_foreign else Standardization.of(y)
        mean = self.factor.mean if self.is_foreign else None
        group = torch.cat([self.group, len(self.factor.L) + torch.arange(len(new)).to(self.group)])
        row_means, _ = group_means(standardization.standardize(y), group)
        factor = self.factor.append(new.X, row_means.to(y), mean)
        return replace(self, X=X, y=y, standardization=standardization, factor=factor, group=group)

    def predict(self, configs: Sequence[Mapping[str, Any]], *, observation_noise: bool = False) -> Prediction:
        """Predict the objective.

        Args:
            configs: `m` configs.
            observation_noise: Whether the deviation is that of a new measurement instead of the underlying function.
        Returns:
            `m` means and `m` standard deviations in the objective's units, on the CPU.
        """
        return self.predict_encoded(self.space.encode(configs), observation_noise=observation_noise)

    def predict_encoded(self, X: Tensor, *, observation_noise: bool = False) -> Prediction:
        """Predict the objective at `m x d` encoded points; otherwise as `predict`."""
        with torch.no_grad():
            mean, variance = self.factor.moments(X.to(self.X))
            if observation_noise:
                variance = variance + self.factor.noise
            mean = self.standardization.restore_mean(mean)
            return Prediction(mean.cpu(), self.standardization.restore_std(variance.sqrt()).cpu())

    def with_memory(self, block_bytes: int) -> "GaussianProcess":
        """Return this process with a cap on the bytes that a block of candidates takes."""
        return replace(self, factor=replace(self.factor, block_bytes=block_bytes))

    def row_means(self) -> list[float]:
        """Return the mean value of each different point, in the objective's units, in order of first appearance."""
        first, group = group_repeats(self.X)
        size = float(self.y.abs().max()) or 1.0
        means, _ = group_means(self.y / size, group)
        means = torch.where(torch.bincount(group.cpu()) == 1, self.y[first].cpu(), means * size)
        return [float(value) for value in means]

    def row_values(self) -> tuple[Tensor, Tensor]:
        """Return, for each row of the factor, the mean of its standardised values and their number."""
        means, counts = group_means(self.standardization.standardize(self.y), self.group)
        return means.to(self.y), counts.to(self.y)

    @cached_property
    def model(self) -> ExactModel:
        """The BoTorch Model: `model.posterior(X)` on encoded points, in the objective's units."""
        z = self.standardization.standardize(self.y).unsqueeze(-1)
        return ExactModel(self.X, z, self.factor, self.standardization)

    @property
    def device(self) -> torch.device:
        """Where the factor lives."""
        return self.X.device

    @property
    def lengthscales(self) -> dict[str, float]:
        """Lengthscale of each parameter, in unit-scale distance; of exchangeable choices 1 / log(1 / similarity)."""
        form, theta, names = self.factor.form, self.factor.theta, self.space.names
        numeric = theta[form.layout.numeric].exp().tolist()
        exchangeable = theta[form.layout.categorical].exp().tolist()
        named = {names[j]: numeric[i] for i, j in enumerate(form.columns.numeric)}
        named |= {names[j]: exchangeable[i] for i, (j, _) in enumerate(form.columns.categorical)}
        return {name: named[name] for name in names if name in named}

    @property
    def noise_std(self) -> float:
        """Standard deviation of one measurement, in the objective's units."""
        return self.standardization.scale * float(self.factor.noise.sqrt())

    @cached_property
    def log_posterior(self) -> float:
        """Log marginal likelihood of the standardised values plus log prior of the hyperparameters, in nats."""
        form = self.factor.form
        data = TrainingData.of(form, self.X, self.standardization.standardize(self.y))
        prior = ThetaPrior.of(form, self.space.d, device=self.X.device)
        return -float(NegativeLogPosterior(form, data, prior)(self.fit_state.theta.to(self.X).unsqueeze(0))[0])
