"""Acquisition functions: what the next experiment is worth."""

from gpbop.acquisition.base import Acquisition as Acquisition
from gpbop.acquisition.base import FunctionAcquisition as FunctionAcquisition
from gpbop.acquisition.base import MomentAcquisition as MomentAcquisition
from gpbop.acquisition.catalog import ACQUISITIONS as ACQUISITIONS
from gpbop.acquisition.catalog import acquisition as acquisition
from gpbop.acquisition.catalog import botorch_acquisition as botorch_acquisition
from gpbop.acquisition.catalog import check_acquisition as check_acquisition
from gpbop.acquisition.question import UCB_BETA as UCB_BETA
from gpbop.acquisition.question import Direction as Direction
from gpbop.acquisition.question import Question as Question
from gpbop.acquisition.question import check_beta as check_beta

__all__ = [
    "ACQUISITIONS",
    "UCB_BETA",
    "Acquisition",
    "Direction",
    "FunctionAcquisition",
    "MomentAcquisition",
    "Question",
    "acquisition",
    "botorch_acquisition",
    "check_acquisition",
    "check_beta",
]
