"""What does a long search cost beside its asks: many tells one by one, saving, loading, and the ask at its end?

Ten mixed parameters. "tells" is the time of all n tells of one Optimizer, "save" and "load" that of its whole state as
JSON text, "ask" one ask after them; the ask is left out on a CPU beyond 2000 trials, where a fit takes minutes.
"""

import copy
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.harness.question import Peer, Question, Setting, Side
from benchmarks.problems import TEN, bowl
from gpbop import Optimizer

ASK_ON_CPU_UP_TO = 2000


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n = setting.sizes["n"]
    configs = TEN.sample(n, setting.seed)
    values = [bowl(config) for config in configs]
    told = Optimizer(TEN, seed=setting.seed, device=setting.device)
    told.tell_many(configs, values)
    if setting.device == "cpu":  # all but the ask is the CPU's everywhere
        tells = partial(_tell_all, configs, values)
        yield Side("tells", tells, n, "tells", fresh=partial(Optimizer, TEN, seed=setting.seed))
        text = json.dumps(told.to_dict())
        yield Side("save", lambda: json.dumps(told.to_dict()), values=lambda text, _: {"bytes": len(text)})
        yield Side("load", lambda: Optimizer.from_dict(json.loads(text)))
    if setting.device != "cpu" or n <= ASK_ON_CPU_UP_TO:
        yield Side("ask", lambda own: own.ask(), fresh=partial(copy.deepcopy, told))


def _tell_all(configs: list[dict[str, Any]], values: list[float], optimizer: Optimizer) -> None:
    for config, value in zip(configs, values, strict=True):
        optimizer.tell(config, value)


QUESTION = Question(
    cases={"smoke": [{"n": 30}], "small": [{"n": 300}, {"n": 3000}], "full": [{"n": n} for n in (300, 2000, 10_000)]},
    sides=sides,
    is_race=False,
)
