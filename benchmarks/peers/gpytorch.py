"""GPyTorch's ExactGP with its MaternKernel: score candidates in blocks, compute a covariance and its gradient."""

from typing import Any

from benchmarks.peers.serve import Arrays, Job, Prepared, plain, serve

BLOCK_ROWS = 2048
CHOLESKY_UP_TO = 10**6  # observations, which is all there may be


def score(job: Job, arrays: Arrays, kernel_class: Any = None) -> Prepared:
    """Predict all candidates in blocks and take the best k by LogEI, UCB or the deviation."""
    import gpytorch
    import torch

    X, y, candidates = (torch.from_numpy(arrays[name]).to(job["device"]) for name in ("X", "y", "candidates"))
    kernel = gpytorch.kernels.ScaleKernel((kernel_class or gpytorch.kernels.MaternKernel)(2.5, ard_num_dims=X.shape[1]))
    likelihood = gpytorch.likelihoods.GaussianLikelihood()

    class Model(gpytorch.models.ExactGP):
        def __init__(self) -> None:
            super().__init__(X, y, likelihood)
            self.mean_module, self.covar_module = gpytorch.means.ConstantMean(), kernel

        def forward(self, x: torch.Tensor) -> gpytorch.distributions.MultivariateNormal:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    model = Model().double().to(job["device"])
    model.initialize(
        **{
            "covar_module.base_kernel.lengthscale": torch.from_numpy(arrays["lengthscale"]).to(job["device"]),
            "covar_module.outputscale": job["outputscale"],
            "likelihood.noise": max(job["noise"], 1.1e-4),  # the least that it lets us set
            "mean_module.constant": job["mean"],
        }
    )
    model.eval()
    # By default GPyTorch solves by conjugate gradients, to a tolerance, beyond 800 observations. Cholesky is exact, as
    # the other sides are, and several times faster: 5,180 candidates a second instead of 1,120 at 1,000 observations.
    # KeOps keeps the default: GPyTorch turns to it only beyond that size, and it is meant for iterations.
    largest = gpytorch.settings.max_cholesky_size.value() if kernel_class else CHOLESKY_UP_TO

    def work() -> torch.Tensor:
        with torch.no_grad(), gpytorch.settings.max_cholesky_size(largest):
            parts = []
            for block in candidates.split(BLOCK_ROWS):
                posterior = model(block)
                parts.append(values(posterior.mean, posterior.variance.sqrt(), job))
            return torch.cat(parts).topk(job["k"]).indices

    return work, lambda found: {"best_index": int(found[0])}


def values(mean: Any, std: Any, job: Job) -> Any:
    """Return the acquisition values of a problem that is minimised."""
    import torch

    if job["acquisition"] == "max_variance":
        return std
    if job["acquisition"] == "ucb":
        return -mean + job["beta"] ** 0.5 * std
    u = (job["best"] - mean) / std
    normal = torch.distributions.Normal(0.0, 1.0)
    return std * (u * normal.cdf(u) + normal.log_prob(u).exp())


def covariance(job: Job, arrays: Arrays, kernel_class: Any = None) -> Prepared:
    """Compute K(X, X), or a gradient through it with respect to the lengthscales."""
    import gpytorch
    import torch

    dtype = getattr(torch, job["dtype"])
    X = torch.from_numpy(arrays["X"]).to(job["device"], dtype)
    kernel = gpytorch.kernels.ScaleKernel((kernel_class or gpytorch.kernels.MaternKernel)(2.5, ard_num_dims=X.shape[1]))
    kernel = kernel.to(X)
    G = torch.rand(len(X), len(X), generator=torch.Generator().manual_seed(0), dtype=dtype).to(X.device)

    def work() -> Any:
        with torch.set_grad_enabled(job["gradient"]):
            K = kernel(X).to_dense()
            if not job["gradient"]:
                return K
            return torch.autograd.grad((K * G).sum(), list(kernel.parameters()))

    return work, plain


if __name__ == "__main__":
    serve({"score": score, "covariance": covariance}, ("gpytorch", "torch"))
