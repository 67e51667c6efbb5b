"""Exact Gaussian processes of BoTorch and GPyTorch, read part by part.

Notation:
    x       what the model is given, x = low + (high - low) u
    u       encoded points, in [0, 1]
    t       what its kernel reads, t = (x - offset) / coefficient; a lengthscale l of t is one of l coefficient /
            (high - low) of u
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import gpytorch
import linear_operator
import torch
from botorch.models.transforms.input import Normalize
from botorch.models.transforms.outcome import Standardize
from gpytorch.kernels import MaternKernel, RBFKernel, ScaleKernel
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood, GaussianLikelihood
from gpytorch.means import ConstantMean, ZeroMean
from torch import Tensor

from gpbop.designs import sobol
from gpbop.errors import ArgumentError, ConfigError, explain
from gpbop.kernels.continuous import Smoothness
from gpbop.parameters import Categorical, Float, Integer, Parameter
from gpbop.space import Space
from gpbop.surrogate.targets import Standardization

Inputs = Literal["values", "encoded"]

MATERN: dict[float, Smoothness] = {1.5: "matern32", 2.5: "matern52"}
# Points at which the taken over process is held against the model, and by how much of the prior's size it may differ.
CHECKED_POINTS, TOLERANCE = 32, 1e-6
# Distance from a valid encoded point that is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Foreign:
    """What a model consists of.

    Attributes:
        space: The search space of its columns.
        X: `n x d` encoded training points.
        z: `n` standardised values.
        standardization: Where the objective's units lie.
        smoothness: Of the kernel.
        theta: `p + 1` hyperparameters of the closed form, the log noise last.
        mean: The constant mean, in standardised units, a 0-d tensor.
        affine: `2 x d` numbers low and high of the notation.
    """

    space: Space
    X: Tensor
    z: Tensor
    standardization: Standardization
    smoothness: Smoothness
    theta: Tensor
    mean: Tensor
    affine: Tensor

    def check(self, model: Any, predict: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        """Hold predictions at encoded points against the model: its `forward` may do more than its parts say.

        Raises:
            ArgumentError: If they differ.
        """
        U = torch.cat([self.X[:CHECKED_POINTS], sobol(self.space, CHECKED_POINTS, seed=0).to(self.X)])
        low, high = self.affine
        mean, std = predict(U)
        expected, variance = _posterior(model, low + (high - low) * U)
        prior = self.standardization.scale * float(self.theta[-2].exp().sqrt())
        size = prior + float(self.z.abs().max()) * self.standardization.scale
        wrong = float((mean - expected).abs().max()) / size
        wrong = max(wrong, float((std.square() - variance).abs().max()) / prior**2)
        if not wrong <= TOLERANCE:
            got = f"predictions that differ from it by {wrong:.1e} of the prior's size"
            raise _refused("do no more than its parts say", got, "Does its forward method change the inputs?")


def read_model(model: Any, space: Space | None, inputs: Inputs) -> Foreign:
    """Read the parts of a model; arguments and exceptions as for `GaussianProcess.from_botorch`."""
    if inputs not in ("values", "encoded"):
        raise ArgumentError(explain("inputs", "be 'values' or 'encoded'", repr(inputs), "Use 'values' if in doubt."))
    x, z = _training_data(model)
    coefficient, bounds = _normalization(model, x)
    if space is None:
        low, high = bounds
        ranges = zip(low.tolist(), high.tolist(), strict=True)
        space, inputs = Space({f"x{j}": Float(*pair) for j, pair in enumerate(ranges)}), "values"
    affine = _affine(space, inputs, x)
    smoothness, outputscale, lengthscale = _kernel(model, x)
    lengthscale = lengthscale * coefficient / (affine[1] - affine[0])
    numbers = [lengthscale, outputscale.reshape(1), _noise(model).reshape(1)]
    theta = torch.cat(numbers).log().detach()
    X = _encoded(space, x, inputs)
    return Foreign(space, X, z, _standardization(model), smoothness, theta, _mean(model, x), affine)


def _refused(rule: str, got: str, advice: str) -> ArgumentError:
    return ArgumentError(explain("model", rule, got, advice))


@contextmanager
def _mode(model: Any, training: bool) -> Iterator[None]:
    """Put a model into training mode while inside, or into evaluation mode, where BoTorch transforms its inputs."""
    before = model.training
    model.train(training)
    try:
        yield
    finally:
        model.train(before)


def _training_data(model: Any) -> tuple[Tensor, Tensor]:
    """Return `n x d` training inputs before any transform, and `n` values after it."""
    kind: type = type(model)  # narrowed types would hide that attributes of modules are Tensor | Module
    if not issubclass(kind, gpytorch.models.ExactGP):
        advice = "Use a SingleTaskGP, or an ExactGP of GPyTorch."
        raise _refused("be an exact Gaussian process", type(model).__name__, advice)
    if model.train_inputs is None or model.train_targets is None:
        raise _refused("have training data", "none", "Build it with train_X and train_Y.")
    if len(model.train_inputs) != 1:
        raise _refused("have one tensor of inputs", f"{len(model.train_inputs)} of them", "Join their columns.")
    with _mode(model, True):
        x, z = model.train_inputs[0].detach().clone(), model.train_targets.detach().clone()
    if x.ndim == 1:
        x = x.unsqueeze(-1)
    if x.ndim != 2 or z.shape != x.shape[:1]:
        got = f"train_inputs {tuple(x.shape)} and train_targets {tuple(z.shape)}"
        raise _refused("have one output and no batch", got, "Take one model of the batch, with one output.")
    if x.dtype != torch.float64 or z.dtype != torch.float64:
        raise _refused("be in float64", str(x.dtype), "Fit it in float64, or write model.double().")
    return x, z


def _normalization(model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the `d` coefficients of the input transform, and its `2 x d` bounds."""
    low, coefficient = torch.zeros_like(x[0]), torch.ones_like(x[0])
    transform = getattr(model, "input_transform", None)
    if transform is not None:
        is_plain = type(transform) is Normalize and not transform.batch_shape and not transform.reverse
        if not (is_plain and transform.transform_on_train and transform.transform_on_eval):
            advice = "Fit it with Normalize, or with none on encoded points."
            raise _refused("have Normalize or no input transform", type(transform).__name__, advice)
        columns = getattr(transform, "indices", slice(None))
        coefficient[columns] = transform.coefficient[0]
        low[columns] = (transform.offset - (0.5 - transform.center) * transform.coefficient)[0]
    high = low + coefficient
    # Learned bounds are those of the data, but for rounding.
    least, most, room = x.amin(0), x.amax(0), ROUNDING * coefficient
    low = torch.where(least > low - room, torch.minimum(low, least), low)
    high = torch.where(most < high + room, torch.maximum(high, most), high)
    return coefficient, torch.stack([low, high])


def _standardization(model: Any) -> Standardization:
    transform = getattr(model, "outcome_transform", None)
    if transform is None:
        return Standardization(0.0, 1.0)
    if type(transform) is not Standardize:
        got, advice = type(transform).__name__, "Fit it to values that were transformed before."
        raise _refused("have Standardize or no outcome transform", got, advice)
    return Standardization(transform.means.item(), transform.stdvs.item())


def _part(model: Any, name: str) -> Any:
    part = getattr(model, name, None)
    if part is None:
        raise _refused(f"have a {name}", "none", f"Call the attribute `{name}`, as GPyTorch's examples do.")
    return part


def _mean(model: Any, x: Tensor) -> Tensor:
    module = _part(model, "mean_module")
    kind: type = type(module)
    if kind is ZeroMean:
        return x.new_zeros(())
    if kind is not ConstantMean:
        raise _refused("have a ConstantMean", kind.__name__, "Fit it with a constant mean.")
    constant: Tensor = module.constant.detach().to(x).reshape(())
    return constant


def _noise(model: Any) -> Tensor:
    likelihood = _part(model, "likelihood")
    if type(likelihood) not in (GaussianLikelihood, FixedNoiseGaussianLikelihood):
        got = type(likelihood).__name__
        raise _refused("have a GaussianLikelihood", got, "Fit it with Gaussian noise of one level.")
    noise: Tensor = likelihood.noise.detach().reshape(-1)
    if not bool((noise == noise[0]).all()):
        got = f"noise from {float(noise.min()):.3g} to {float(noise.max()):.3g}"
        raise _refused("have one level of noise", got, "Fit it without train_Yvar.")
    return noise[0]


def _kernel(model: Any, x: Tensor) -> tuple[Smoothness, Tensor, Tensor]:
    """Return the smoothness, the outputscale and the `d` lengthscales."""
    kernel, outputscale = _part(model, "covar_module"), x.new_ones(())
    d = x.shape[1]
    while True:
        active_dims = getattr(kernel, "active_dims", None)
        if active_dims is not None and active_dims.tolist() != list(range(d)):
            got = f"active_dims {active_dims.tolist()}"
            raise _refused("have a kernel of all columns", got, "Leave active_dims out.")
        kind: type = type(kernel)
        if kind is not ScaleKernel:
            break
        outputscale, kernel = outputscale * kernel.outputscale.detach().to(x).reshape(()), kernel.base_kernel
    smoothness: Smoothness | None = None
    if kind is RBFKernel:
        smoothness = "rbf"
    elif kind is MaternKernel:
        smoothness = MATERN.get(float(kernel.nu))
    if smoothness is None:
        got = kind.__name__ + (f" with nu={kernel.nu}" if kind is MaternKernel else "")
        rule = "have an RBFKernel or a MaternKernel with nu 1.5 or 2.5"
        raise _refused(rule, got, "Fit it with one of these, in a ScaleKernel or not.")
    return smoothness, outputscale, kernel.lengthscale.detach().to(x).reshape(-1).expand(d)


def _affine(space: Space, inputs: Inputs, x: Tensor) -> Tensor:
    """Return low and high of the notation, `2 x d`."""
    if space.d != x.shape[1]:
        got = f"{space.d} parameters and {x.shape[1]} columns"
        raise ArgumentError(explain("space", "have a parameter for each column of the model", got, "Name them all."))
    for name, parameter in space.parameters.items():
        if parameter.when or isinstance(parameter, Categorical):
            advice = "Use GaussianProcess.fit."
            rule = "have numeric parameters without conditions"
            raise ArgumentError(explain("space", rule, f"{name!r}: {parameter!r}", advice))
        if inputs == "values" and not _is_linear(parameter):
            advice = "If the model was fitted to space.encode(configs), say inputs='encoded'."
            rule = "have Float and Integer parameters without log"
            raise ArgumentError(explain("space", rule, f"{name!r}: {parameter!r}", advice))
    if inputs == "encoded":
        return torch.stack([torch.zeros_like(x[0]), torch.ones_like(x[0])])
    ends = space.decode(space.bounds)
    return x.new_tensor([[float(config[name]) for name in space.names] for config in ends])


def _is_linear(parameter: Parameter) -> bool:
    return isinstance(parameter, Float | Integer) and not parameter.log


def _encoded(space: Space, x: Tensor, inputs: Inputs) -> Tensor:
    """Return `n x d` canonical encoded training points."""
    advice = "Give a space that holds all of them."
    if inputs == "encoded":
        X = space.canonicalize(x)
        far = float((X - x).abs().max())
        if far > ROUNDING:
            got = f"points that are up to {far:.3g} away from it"
            raise _refused("have training points in the space", got, advice)
        return X
    configs = [dict(zip(space.names, row, strict=True)) for row in x.tolist()]
    try:
        return space.encode(configs, device=x.device)
    except ConfigError as error:
        raise _refused("have training points in the space", str(error), advice) from error


def _posterior(model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the model's own `m` means and variances, on the CPU."""
    exact = linear_operator.settings.max_cholesky_size(len(model.train_targets) + len(x))
    with _mode(model, False), torch.no_grad(), exact:
        posterior = model.posterior(x) if hasattr(model, "posterior") else model(x)
        return posterior.mean.reshape(-1).cpu(), posterior.variance.reshape(-1).cpu()
