"""Stock BoTorch: SingleTaskGP or MixedSingleTaskGP, fit_gpytorch_mll and optimize_acqf_discrete."""

from typing import Any

from benchmarks.peers.serve import Arrays, Job, Prepared, plain, serve


def score(job: Job, arrays: Arrays) -> Prepared:
    """Let optimize_acqf_discrete find the best candidate.

    The model is a SingleTaskGP with the given hyperparameters. Where there are categorical columns it is a
    MixedSingleTaskGP with its defaults, not fitted: its time tells something, its answer nothing.
    """
    import torch
    from botorch.models import MixedSingleTaskGP
    from botorch.optim import optimize_acqf_discrete

    X, y, candidates = (torch.from_numpy(arrays[name]).to(job["device"]) for name in ("X", "y", "candidates"))
    if job["categorical"]:
        model = MixedSingleTaskGP(X, y.unsqueeze(-1), cat_dims=job["categorical"])
    else:
        model = _model(job, arrays, X, y)
    acqf = _acquisition(model.eval(), job, y)

    def work() -> Any:
        with torch.no_grad():
            return optimize_acqf_discrete(acqf, q=1, choices=candidates)[0]

    def values(best: Any) -> dict[str, Any]:
        return {"best_index": int((candidates == best).all(-1).nonzero()[0, 0])}

    return work, values


def _model(job: Job, arrays: Arrays, X: Any, y: Any) -> Any:
    import torch
    from botorch.models import SingleTaskGP
    from gpytorch.constraints import GreaterThan
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood

    likelihood = GaussianLikelihood(noise_constraint=GreaterThan(1e-10)).to(X)
    covar = ScaleKernel(MaternKernel(2.5, ard_num_dims=X.shape[1])).to(X)
    model = SingleTaskGP(X, y.unsqueeze(-1), likelihood=likelihood, covar_module=covar, outcome_transform=None)
    return model.initialize(
        **{
            "covar_module.base_kernel.lengthscale": torch.from_numpy(arrays["lengthscale"]).to(job["device"]),
            "covar_module.outputscale": job["outputscale"],
            "likelihood.noise": job["noise"],
            "mean_module.constant": job["mean"],
        }
    )


def _acquisition(model: Any, job: Job, y: Any) -> Any:
    from botorch.acquisition.analytic import LogExpectedImprovement, PosteriorStandardDeviation, UpperConfidenceBound

    if job["acquisition"] == "max_variance":
        return PosteriorStandardDeviation(model)
    if job["acquisition"] == "ucb":
        return UpperConfidenceBound(model, beta=job["beta"], maximize=False)
    return LogExpectedImprovement(model, best_f=y.new_tensor(job["best"]), maximize=False)


def fit(job: Job, arrays: Arrays) -> Prepared:
    """Fit a SingleTaskGP with its defaults."""
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    X, y = (torch.from_numpy(arrays[name]).to(job["device"]) for name in ("X", "y"))

    def work() -> Any:
        model = SingleTaskGP(X, y.unsqueeze(-1))
        return fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))

    return work, plain


if __name__ == "__main__":
    serve({"score": score, "fit": fit}, ("botorch", "gpytorch", "torch"))
