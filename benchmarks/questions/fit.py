"""How long does it take to fit the hyperparameters to n observations?

"gpbop" starts afresh (four starts), "gpbop, warm" goes on from a fit to the same data without its last observation, as
an Optimizer does. Peers fit their own models to the same encoded points: BoTorch a SingleTaskGP by fit_gpytorch_mll,
scikit-learn a Matern-5/2 with a lengthscale for each column. `log_posterior` is gpbop's, to be compared between runs.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.harness.question import Peer, Question, Setting, Side, sweep
from benchmarks.problems import data, space_of
from gpbop import GaussianProcess

# Beyond these, one fit takes minutes: observations on a CPU, of gpbop and of BoTorch; observations times parameters.
ON_CPU_UP_TO = 2000
BOTORCH_ON_CPU_UP_TO = 1000
SKLEARN_UP_TO = 3000
NOISE = 0.1


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n, d, categorical = (setting.sizes[name] for name in ("n", "d", "categorical"))
    is_cpu = setting.device == "cpu"
    if is_cpu and n > ON_CPU_UP_TO:
        return
    configs, values = data(d, categorical, n, NOISE, setting.seed)
    space = space_of(d, categorical)
    fit = partial(GaussianProcess.fit, space, configs, values, device=setting.device, seed=setting.seed)
    state = GaussianProcess.fit(space, configs[:-1], values[:-1], device=setting.device, seed=setting.seed).fit_state
    yield Side("gpbop", fit, values=_posterior)
    yield Side("gpbop, warm", partial(fit, warm=state), values=_posterior)
    if setting.has_peers:
        arrays = {"X": space.encode(configs), "y": space.encode(configs).new_tensor(values)}
        if not is_cpu or n <= BOTORCH_ON_CPU_UP_TO:
            yield Peer("BoTorch", "botorch", "fit", arrays=arrays)
        if is_cpu and n * space.d <= SKLEARN_UP_TO:
            yield Peer("scikit-learn", "sklearn", "fit", arrays=arrays)


def _posterior(gp: GaussianProcess, _: float) -> dict[str, Any]:
    return {"log_posterior": gp.log_posterior, "evaluations": gp.fit_state.evaluations}


QUESTION = Question(
    cases={
        "smoke": [{"n": 12, "d": 3, "categorical": 1}],
        "small": sweep({"n": 200, "d": 6, "categorical": 0}, n=[50], d=[12], categorical=[3]),
        "full": sweep(
            {"n": 1000, "d": 6, "categorical": 0}, n=[50, 200, 500, 2000, 4000], d=[3, 12, 24], categorical=[3]
        ),
    },
    sides=sides,
)
