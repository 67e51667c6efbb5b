"""gpbop: find the best settings of an expensive black box with as few experiments as possible."""

from gpbop.errors import GpbopError as GpbopError
from gpbop.errors import GpbopWarning as GpbopWarning
from gpbop.errors import SpaceExhausted as SpaceExhausted
from gpbop.minimize import Result as Result
from gpbop.minimize import maximize as maximize
from gpbop.minimize import minimize as minimize
from gpbop.observations import Observations as Observations
from gpbop.optimizer import Optimizer as Optimizer
from gpbop.parameters import Categorical as Categorical
from gpbop.parameters import Float as Float
from gpbop.parameters import Integer as Integer
from gpbop.parameters import Ordinal as Ordinal
from gpbop.scoring import Grid as Grid
from gpbop.scoring import Plan as Plan
from gpbop.scoring import Sample as Sample
from gpbop.scoring import Table as Table
from gpbop.scoring import Top as Top
from gpbop.scoring import plan as plan
from gpbop.scoring import score as score
from gpbop.scoring import score_all as score_all
from gpbop.scoring import write_scores as write_scores
from gpbop.space import Space as Space
from gpbop.surrogate import GaussianProcess as GaussianProcess
from gpbop.surrogate import Prediction as Prediction
from gpbop.trials import Trial as Trial

__version__ = "0.1.0"

__all__ = [
    "Categorical",
    "Float",
    "GaussianProcess",
    "GpbopError",
    "GpbopWarning",
    "Grid",
    "Integer",
    "Observations",
    "Optimizer",
    "Ordinal",
    "Plan",
    "Prediction",
    "Result",
    "Sample",
    "Space",
    "SpaceExhausted",
    "Table",
    "Top",
    "Trial",
    "maximize",
    "minimize",
    "plan",
    "score",
    "score_all",
    "write_scores",
]
