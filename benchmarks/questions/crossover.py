"""From which number of observations n and of candidates m on does the GPU pay off?

"score" finds the exact 100 best of m scattered candidates; "fit" fits n observations, from four starts, once for each
n. The map gives how many times faster CUDA was than the CPU of the same machine with the threads of the run; below 1
the CPU wins. On the CPU, cases of n m beyond 1e9 and fits beyond 3000 observations are left out.
"""

from collections.abc import Iterator
from functools import partial

from benchmarks.harness.question import Peer, Question, Row, Setting, Side, Sizes
from benchmarks.harness.show import digits, markdown_table
from benchmarks.problems import data, fitted, space_of, uniform
from gpbop import GaussianProcess, score
from gpbop.scoring import as_source

D, CATEGORICAL, NOISE, K = 6, 1, 0.1, 100
MOST_ON_CPU = 1e9
FIT_ON_CPU_UP_TO = 3000


def sides(setting: Setting) -> Iterator[Side | Peer]:
    n, m = setting.sizes["n"], setting.sizes["m"]
    if m is None:
        if setting.device == "cpu" and n > FIT_ON_CPU_UP_TO:
            return
        configs, values = data(D, CATEGORICAL, n, NOISE, setting.seed)
        yield Side(
            "fit", partial(GaussianProcess.fit, space_of(D, CATEGORICAL), configs, values, device=setting.device)
        )
        return
    if setting.device == "cpu" and n * m > MOST_ON_CPU:
        return
    gp = fitted(D, CATEGORICAL, n, NOISE, setting.device, setting.seed)
    source = as_source(gp.space, uniform(gp.space, m, setting.seed).to(gp.device))
    find = partial(score, gp, source, acquisition="ei", k=min(K, m), threads=setting.threads, progress=False)
    yield Side("score", find, m, "candidates")


def summary(rows: list[Row]) -> str:
    """Return the map of speed-ups; a line that says so where there is no GPU."""
    seconds = {(row["device"], row["sizes"]["n"], row["sizes"]["m"]): row["median"] for row in rows}
    if not any(device == "cuda" for device, _, _ in seconds):
        return "This machine has no CUDA device, or none was asked for: there is no map, only the CPU's times."
    ns = sorted({n for _, n, _ in seconds})
    ms = sorted({m for _, _, m in seconds if m is not None})

    def entry(n: int, m: int | None) -> str:
        cpu, cuda = seconds.get(("cpu", n, m)), seconds.get(("cuda", n, m))
        return "-" if cpu is None or cuda is None else f"{digits(cpu / cuda, 2)}x"

    head = ["n", "fit", *(f"score m={m:,}" for m in ms)]
    table = markdown_table(head, [[f"{n:,}", entry(n, None), *(entry(n, m) for m in ms)] for n in ns])
    return f"CUDA's speed-up over the CPU:\n\n{table}"


def _cases(ns: list[int], ms: list[int]) -> list[Sizes]:
    return [{"n": n, "m": m} for n in ns for m in (None, *ms)]


QUESTION = Question(
    cases={
        "smoke": _cases([20], [100]),
        "small": _cases([50, 300], [1000, 10_000]),
        "full": _cases([100, 300, 1000, 3000, 10_000], [1000, 10_000, 100_000, 1_000_000]),
    },
    sides=sides,
    summary=summary,
    lines=("n",),
)
