"""How long does one ask take (fit and search) after n trials?

Ten mixed parameters. "gpbop" goes on from its last fit after one more tell, as a search does; "gpbop, first" is the
first ask of an Optimizer that was told all n trials at once. Peer: Optuna's GPSampler, which goes on from its last fit
too. `python -m benchmarks.ask_latency` sets BoTorch's MixedSingleTaskGP beside them, and compares the answers.
"""

import copy
from collections.abc import Iterator
from functools import partial

from benchmarks.harness.question import Peer, Question, Setting, Side
from benchmarks.problems import TEN, bowl
from gpbop import Optimizer

OPTUNA_UP_TO = 500  # trials
LATER = 200  # asks of a peer, at most


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n = setting.sizes["n"]
    configs = TEN.sample(n, setting.seed)
    values = [bowl(config) for config in configs]
    first = Optimizer(TEN, seed=setting.seed, device=setting.device)
    first.tell_many(configs, values)
    yield Side("gpbop, first", lambda own: own.ask(), fresh=partial(copy.deepcopy, first))
    config = first.ask()
    first.tell(config, bowl(config))
    yield Side("gpbop", lambda own: own.ask(), fresh=partial(copy.deepcopy, first))
    if setting.has_peers and setting.device == "cpu" and n <= OPTUNA_UP_TO:
        later = [bowl(config) for config in TEN.sample(LATER, setting.seed + 1)]
        job = {"configs": configs, "values": values, "later_values": later, "parameters": TEN.to_dict()["parameters"]}
        yield Peer("Optuna GPSampler", "optuna", "ask", job)


QUESTION = Question(
    cases={
        "smoke": [{"n": 12}],
        "small": [{"n": n} for n in (20, 100)],
        "full": [{"n": n} for n in (20, 50, 100, 200, 500, 1000, 2000)],
    },
    sides=sides,
)
