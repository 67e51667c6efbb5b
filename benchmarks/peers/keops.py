"""KeOps behind GPyTorch: the same model, its covariances computed by KeOps' fused kernels and never stored.

GPyTorch turns to KeOps from 800 observations on (its `max_cholesky_size`); with fewer this is GPyTorch itself.
"""

from benchmarks.peers import gpytorch as plain_gpytorch
from benchmarks.peers.serve import Arrays, Job, Prepared, serve


def score(job: Job, arrays: Arrays) -> Prepared:
    """Predict all candidates in blocks and take the best k."""
    import pykeops  # noqa: F401  # without it, GPyTorch falls back to its own kernel
    from gpytorch.kernels.keops import MaternKernel

    return plain_gpytorch.score(job, arrays, MaternKernel)


if __name__ == "__main__":
    serve({"score": score}, ("pykeops", "gpytorch", "torch"))
