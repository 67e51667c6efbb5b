"""The surrogate: a Gaussian process over mixed, conditional spaces."""

from gpbop.surrogate.fitting import FitState as FitState
from gpbop.surrogate.gaussian_process import GaussianProcess as GaussianProcess
from gpbop.surrogate.gaussian_process import Prediction as Prediction

__all__ = ["FitState", "GaussianProcess", "Prediction"]
