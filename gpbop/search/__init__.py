"""Search: the config of a mixed, conditional space that maximises an acquisition function."""

from gpbop.search.avoided import Avoided as Avoided
from gpbop.search.avoided import unseen as unseen
from gpbop.search.maximize import Candidate as Candidate
from gpbop.search.maximize import maximize_acquisition as maximize_acquisition

__all__ = ["Avoided", "Candidate", "maximize_acquisition", "unseen"]
