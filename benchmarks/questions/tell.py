"""How long does a tell take when n trials are told already, and how long one more observation in the model?

"tell" and "tell_many" (all n at once) record; nothing is fitted before the next ask. "condition" adds one observation
to a fitted process in O(n^2), "fit, same hyperparameters" computes it anew in O(n^3).
"""

import copy
from collections.abc import Iterator
from functools import partial

from benchmarks.harness.question import Peer, Question, Setting, Side
from benchmarks.problems import TEN, bowl
from gpbop import GaussianProcess, Optimizer

FITTED = 200


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n = setting.sizes["n"]
    configs = TEN.sample(n + 1, setting.seed)
    values = [bowl(config) for config in configs]
    told = Optimizer(TEN, seed=setting.seed, device=setting.device)
    told.tell_many(configs[:n], values[:n])
    if setting.device == "cpu":  # recording is the CPU's everywhere
        yield Side("tell", lambda own: own.tell(configs[n], values[n]), fresh=partial(copy.deepcopy, told))
        yield Side(
            "tell_many",
            lambda own: own.tell_many(configs[:n], values[:n]),
            n,
            "tells",
            fresh=partial(Optimizer, TEN, seed=setting.seed),
        )
    few = min(n, FITTED)
    theta = GaussianProcess.fit(TEN, configs[:few], values[:few], restarts=1, device="cpu").fit_state.theta
    build = partial(GaussianProcess.fit, TEN, hyperparameters=theta, device=setting.device)
    gp = build(configs[:n], values[:n])
    yield Side("condition", partial(gp.condition, configs[n:], values[n:]))
    yield Side("fit, same hyperparameters", partial(build, configs, values))


QUESTION = Question(
    cases={
        "smoke": [{"n": 20}],
        "small": [{"n": n} for n in (20, 200, 1000)],
        "full": [{"n": n} for n in (20, 200, 1000, 4000)],
    },
    sides=sides,
    is_race=False,
)
