"""How long does it take to choose q configs that are to be run side by side?

"score, batch" chooses them from m scattered candidates, each given those before it, "score, top k" takes the q best on
their own, which is what the batch adds to; "ask" is Optimizer.ask(q) after n trials by EI, on the same space, with no
list of candidates. By variance alone the values of a batch come close together, so more candidates have to be computed.
"""

import copy
from collections.abc import Iterator
from functools import partial

from benchmarks.harness.question import Peer, Question, Setting, Side, Sizes, sweep
from benchmarks.problems import data, fitted, space_of, uniform
from gpbop import Optimizer, score
from gpbop.scoring import as_source

D, CATEGORICAL, NOISE = 6, 1, 0.1


def sides(setting: Setting) -> Iterator[Side | Peer]:
    q, n, m = (setting.sizes[name] for name in ("q", "n", "m"))
    gp = fitted(D, CATEGORICAL, n, NOISE, setting.device, setting.seed)
    source = as_source(gp.space, uniform(gp.space, m, setting.seed).to(gp.device))
    asked = setting.sizes["acquisition"]
    find = partial(score, gp, source, acquisition=asked, k=q, threads=setting.threads, progress=False)
    yield Side("score, top k", find)
    yield Side("score, batch", partial(find, batch=True), q, "configs")
    if q <= setting.sizes["ask_up_to"]:
        optimizer = Optimizer(space_of(D, CATEGORICAL), seed=setting.seed, device=setting.device)
        optimizer.tell_many(*data(D, CATEGORICAL, n, NOISE, setting.seed))
        yield Side("ask", lambda own: own.ask(q), q, "configs", fresh=partial(copy.deepcopy, optimizer))


def _case(q: int, n: int, m: int, ask_up_to: int, acquisition: str = "ei") -> Sizes:
    return {"acquisition": acquisition, "q": q, "n": n, "m": m, "ask_up_to": ask_up_to}


QUESTION = Question(
    cases={
        "smoke": [_case(2, 20, 200, 2), _case(2, 20, 200, 0, "max_variance")],
        "small": [_case(q, 200, 5000, 4) for q in (4, 16)],
        "full": [
            *sweep(_case(10, 1000, 100_000, 10), q=[1, 100], n=[200], m=[1_000_000]),
            *(_case(q, 1000, 1_000_000, 0, name) for name in ("ei", "max_variance") for q in (1, 256)),
        ],
    },
    sides=sides,
    is_race=False,
)
