"""Pictures of a search: each function draws on an axes and returns the figure.

They are drawn with matplotlib's object-oriented interface, without a window and without pyplot: save a picture with
`figure.savefig("picture.png")`.
"""

from gpbop.plots.calibration import calibration as calibration
from gpbop.plots.comparison import comparison as comparison
from gpbop.plots.convergence import convergence as convergence
from gpbop.plots.importance import importance as importance
from gpbop.plots.maps import surface as surface
from gpbop.plots.maps import uncertainty as uncertainty
from gpbop.plots.order import order as order
from gpbop.plots.posterior import posterior as posterior
from gpbop.plots.savings import savings as savings

__all__ = [
    "calibration",
    "comparison",
    "convergence",
    "importance",
    "order",
    "posterior",
    "savings",
    "surface",
    "uncertainty",
]
