"""scikit-learn's GaussianProcessRegressor: score candidates, fit hyperparameters."""

import math

import numpy as np

from benchmarks.peers.serve import Arrays, Job, Prepared, plain, serve


def score(job: Job, arrays: Arrays) -> Prepared:
    """Predict all candidates and take the best k by the acquisition function in NumPy, with given hyperparameters."""
    from scipy.special import ndtr
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    kernel = ConstantKernel(job["outputscale"]) * Matern(arrays["lengthscale"], nu=2.5)
    model = GaussianProcessRegressor(kernel, alpha=job["noise"], optimizer=None)
    model.fit(arrays["X"], arrays["y"] - job["mean"])

    def work() -> np.ndarray:
        mean, std = model.predict(arrays["candidates"], return_std=True)
        mean = mean + job["mean"]
        if job["acquisition"] == "max_variance":
            values = std
        elif job["acquisition"] == "ucb":
            values = -mean + math.sqrt(job["beta"]) * std
        else:
            u = (job["best"] - mean) / std
            values = std * (u * ndtr(u) + np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi))
        return np.argsort(-values, kind="stable")[: job["k"]]

    return work, lambda found: {"best_index": int(found[0])}


def fit(job: Job, arrays: Arrays) -> Prepared:
    """Fit Matern-5/2 with a lengthscale for each column, an outputscale and noise, from one start."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    d = arrays["X"].shape[1]
    kernel = ConstantKernel() * Matern([0.5] * d, nu=2.5) + WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, normalize_y=True)
    return lambda: model.fit(arrays["X"], arrays["y"]), plain


if __name__ == "__main__":
    serve({"score": score, "fit": fit}, ("scikit-learn", "numpy", "scipy"))
