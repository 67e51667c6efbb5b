"""Covariance functions of gpbop, imported as `gpbop.kernels`."""

if __name__ != "gpbop.kernels":
    raise ImportError("`kernels` must be imported as `gpbop.kernels`; got the folder itself. Use: import gpbop.kernels")

from gpbop.kernels.categorical import ExchangeableKernel as ExchangeableKernel
from gpbop.kernels.categorical import LatentKernel as LatentKernel
from gpbop.kernels.columns import INACTIVE as INACTIVE
from gpbop.kernels.columns import Columns as Columns
from gpbop.kernels.conditional import ConditionalKernel as ConditionalKernel
from gpbop.kernels.conditional import embed as embed
from gpbop.kernels.continuous import ContinuousKernel as ContinuousKernel
from gpbop.kernels.continuous import Smoothness as Smoothness
from gpbop.kernels.mixed import MixedKernel as MixedKernel

__all__ = [
    "INACTIVE",
    "Columns",
    "ConditionalKernel",
    "ContinuousKernel",
    "ExchangeableKernel",
    "LatentKernel",
    "MixedKernel",
    "Smoothness",
    "embed",
]
