"""The BoTorch Model behind a GaussianProcess: any BoTorch acquisition function works on it."""

from typing import TYPE_CHECKING, Any

import torch
from botorch.models import SingleTaskGP
from botorch.models.transforms.outcome import Standardize
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.constraints import Interval
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ConstantMean
from gpytorch.priors import LogNormalPrior
from linear_operator import to_linear_operator
from linear_operator.operators import LinearOperator, RootLinearOperator
from torch import Tensor
from typing_extensions import override

from gpbop.kernels.closed_form import ClosedForm
from gpbop.kernels.mixed import MixedKernel
from gpbop.surrogate import priors
from gpbop.surrogate.factor import Factor
from gpbop.surrogate.priors import BetaPrior
from gpbop.surrogate.targets import Standardization

if TYPE_CHECKING:
    from gpytorch.module import Module

# Above this many joint points the posterior covariance stays lazy: variances cost O(q) memory, as a table of
# candidates needs.
LAZY_FROM = 1024
# GPyTorch's constraints are open intervals with bounds rounded to float32; a value on a bound needs this much room.
MARGIN = 1e-6


def build_covar_module(form: ClosedForm, theta: Tensor, d: int) -> ScaleKernel:
    """Build the GPyTorch kernel with the default priors and the given hyperparameters.

    Args:
        form: The covariance in closed form.
        theta: `p` kernel hyperparameters, or `p + 1` with the log noise last.
        d: Number of columns of the space, for the dimension-scaled priors.
    Returns:
        A ScaleKernel around a MixedKernel, float64, on theta's device.
    """
    kernel = MixedKernel(form.columns, form.smoothness).to(theta)
    layout = form.layout
    loc = priors.LENGTHSCALE_LOC + 0.5 * torch.log(torch.tensor(float(d), dtype=torch.float64)).item()
    with torch.no_grad():
        if kernel.numeric_kernel is not None:
            base = kernel.numeric_kernel.base_kernel
            _set(base, "lengthscale", theta[layout.numeric].exp(), priors.LENGTHSCALE_BOUNDS)
            base.register_prior("lengthscale_prior", LogNormalPrior(loc, priors.LENGTHSCALE_SCALE), "lengthscale")
        if kernel.categorical_kernel is not None:
            base = kernel.categorical_kernel
            _set(base, "lengthscale", theta[layout.categorical].exp(), priors.CATEGORICAL_BOUNDS)
            base.register_prior("lengthscale_prior", LogNormalPrior(loc, priors.LENGTHSCALE_SCALE), "lengthscale")
        if kernel.latent_kernel is not None:
            for parameter, value in zip(kernel.latent_kernel.embedding, form.latents(theta.unsqueeze(0)), strict=True):
                parameter.copy_(value[0])
        if layout.weight.stop > layout.weight.start:
            kernel.weight = torch.sigmoid(theta[layout.weight])[0]
            kernel.register_prior("weight_prior", BetaPrior(priors.WEIGHT_CONCENTRATION), "weight")
        outputscale_prior = LogNormalPrior(priors.OUTPUTSCALE_LOC, priors.OUTPUTSCALE_SCALE)
        scaled = ScaleKernel(kernel, outputscale_prior=outputscale_prior).to(theta)
        _set(scaled, "outputscale", theta[layout.outputscale].exp()[0], priors.OUTPUTSCALE_BOUNDS)
    return scaled


def _set(module: "Module", name: str, value: Tensor, bounds: tuple[float, float]) -> None:
    """Set a hyperparameter whose fit is confined to bounds."""
    # A process that was fitted elsewhere may lie outside.
    low, high = min(bounds[0], float(value.min())), max(bounds[1], float(value.max()))
    # In the value's precision first: computed from float32 bounds, the raw value would stand for another one.
    module.register_constraint(f"raw_{name}", Interval(low * (1.0 - MARGIN), high * (1.0 + MARGIN)).to(value))
    module.initialize(**{name: value})


class ExactModel(SingleTaskGP):
    """A SingleTaskGP whose posterior is read from a Cholesky factor that is already there.

    Targets are standardised inside and the posterior is in the objective's units, as with BoTorch's Standardize.
    Whatever changes the data or the hyperparameters (training, new data, a loaded state) drops the factor, and
    BoTorch's own path takes over.

    Args:
        X: `n x d` encoded points.
        y: `n x 1` standardised values.
        factor: The factorised Gaussian process.
        standardization: Where the objective's units lie.
    """

    def __init__(self, X: Tensor, y: Tensor, factor: Factor, standardization: Standardization) -> None:
        noise = GaussianLikelihood(noise_prior=LogNormalPrior(priors.NOISE_LOC, priors.NOISE_SCALE)).to(X)
        _set(noise.noise_covar, "noise", factor.noise, priors.NOISE_BOUNDS)
        mean = ConstantMean().to(X).initialize(constant=factor.mean)
        covar = build_covar_module(factor.form, factor.theta, X.shape[-1])
        super().__init__(X, y, likelihood=noise, covar_module=covar, mean_module=mean, outcome_transform=None)
        self.outcome_transform = _fixed_standardize(standardization, X)
        self._factor: Factor | None = factor
        self._standardization = standardization
        super().train(False)

    @override
    def posterior(  # type: ignore[override]  # BoTorch's own models disagree among themselves
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Any = None,
    ) -> Any:
        """Compute the joint posterior over q points.

        Cost: O(b q n^2); variances of many joint points need O(q n) memory, never O(q^2).

        Args:
            X: `batch_shape x q x d` encoded points.
            output_indices: As in BoTorch; there is one output.
            observation_noise: Whether to add the noise variance; or `batch_shape x q x 1` variances.
            posterior_transform: As in BoTorch.
        Returns:
            A GPyTorchPosterior in the objective's units.
        """
        if self._factor is None or isinstance(observation_noise, Tensor):
            return super().posterior(X, output_indices, observation_noise, posterior_transform)
        mean, covariance = self._joint(X)
        if observation_noise:
            covariance = covariance + self._factor.noise * torch.eye(X.shape[-2]).to(X)
        scale = self._standardization.scale
        # A linear operator, not a tensor: GPyTorch then factorises when something is sampled, with jitter, and not
        # before.
        covariance = to_linear_operator(covariance * scale * scale)
        mvn = MultivariateNormal(self._standardization.restore_mean(mean), covariance)
        posterior = _Posterior(mvn, self._factor.smallest_variance * scale * scale)
        return posterior if posterior_transform is None else posterior_transform(posterior)

    def _joint(self, X: Tensor) -> tuple[Tensor, Tensor | LinearOperator]:
        """Return `*batch x q` means and `*batch x q x q` covariances in standardised units."""
        factor = self._factor
        assert factor is not None, "checked by the caller"
        mean, V = factor.solve_rows(X.reshape(-1, X.shape[-1]))
        mean = mean.reshape(X.shape[:-1])
        if X.shape[-2] == 1:
            variance = (factor.outputscale - V.square().sum(0)).clamp_min(factor.smallest_variance)
            return mean, variance.reshape(*X.shape[:-1], 1)
        V = V.mT.reshape(*X.shape[:-1], -1)  # (*batch, q, n)
        prior: Any = self.covar_module(X)
        if X.shape[-2] > LAZY_FROM:
            return mean, prior + RootLinearOperator(V) * -1.0
        return mean, prior.to_dense() - V @ V.mT

    def _drop_factor(self) -> None:
        self._factor = None

    @override
    def train(self, mode: bool = True) -> "ExactModel":
        """Set training mode; training changes the hyperparameters, so it drops the factor."""
        if mode:
            self._drop_factor()
        super().train(mode)
        return self

    @override
    def set_train_data(self, *args: Any, **kwargs: Any) -> None:
        """Replace the training data, as in GPyTorch."""
        self._drop_factor()
        super().set_train_data(*args, **kwargs)

    @override
    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load hyperparameters, as in BoTorch."""
        self._drop_factor()
        return super().load_state_dict(*args, **kwargs)

    @override
    def condition_on_observations(self, X: Tensor, Y: Tensor, noise: Tensor | None = None, **kwargs: Any) -> Any:
        """Condition on further observations, as in BoTorch; the result computes its posterior by GPyTorch."""
        if self.prediction_strategy is None:
            # GPyTorch extends the caches of a first prediction, so make one of a single point.
            super().posterior(self.train_inputs[0][..., :1, :])
        model = super().condition_on_observations(X, Y, noise=noise, **kwargs)
        assert isinstance(model, ExactModel), "BoTorch copies the model that it extends"
        model._drop_factor()
        return model


class _Posterior(GPyTorchPosterior):
    """A posterior whose variance may be as small as the objective's units make it.

    GPyTorch clamps variances at 1e-10 in any units.

    Args:
        distribution: The multivariate normal.
        smallest: Rounding level of the variance, in the same units.
    """

    def __init__(self, distribution: MultivariateNormal, smallest: float) -> None:
        super().__init__(distribution)
        self._smallest = smallest

    @property
    @override
    def variance(self) -> Tensor:
        """`batch_shape x q x 1` variances."""
        diagonal: Tensor = self.distribution.lazy_covariance_matrix.diagonal(dim1=-1, dim2=-2)
        return diagonal.clamp_min(self._smallest).unsqueeze(-1)


def _fixed_standardize(standardization: Standardization, X: Tensor) -> Standardize:
    transform = Standardize(m=1).to(X)
    transform.means = X.new_full((1, 1), standardization.mean)
    transform.stdvs = X.new_full((1, 1), standardization.scale)
    transform._stdvs_sq = transform.stdvs.square()
    transform._is_trained = torch.tensor(True)
    return transform.eval()
