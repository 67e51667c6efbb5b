"""From which number of observations n and of candidates m on does the GPU pay off?

"score" finds the exact 100 best of m scattered candidates; "fit" fits n observations, from four starts, once for each
n. The map gives how many times faster CUDA was than the CPU of the same machine with the threads of the run; below 1
the CPU wins. On the CPU, cases of n m beyond 3e8 and fits beyond 2000 observations are left out. Its pieces are
`run crossover --device cpu` and `run crossover --device cuda` on the same machine; their rows are merged by
concatenation, which two runs into one folder do by themselves.
"""

from collections.abc import Iterator
from functools import partial

from benchmarks.harness.question import Peer, Question, Row, Setting, Side, Sizes
from benchmarks.harness.show import digits, markdown_table
from benchmarks.problems import data, fitted, space_of, uniform
from gpbop import GaussianProcess, score
from gpbop.scoring import as_source

D, CATEGORICAL, NOISE, K = 6, 1, 0.1, 100
MOST_ON_CPU = 3e8
FIT_ON_CPU_UP_TO = 2000
Seconds = dict[tuple[int, int | None], float]  # by n and m; m is None for fits


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
    """Return a map of speed-ups for each number of CPU threads; a line that says so where a device is missing."""
    cuda = _seconds([row for row in rows if row["device"] == "cuda"])
    threads = sorted({row["threads"] for row in rows if row["device"] == "cpu"})
    if not cuda or not threads:
        return f"There is no map: of this machine, only times of {'CUDA' if cuda else 'the CPU'} are recorded."
    own = {count: [row for row in rows if (row["device"], row["threads"]) == ("cpu", count)] for count in threads}
    maps = (f"(threads: {count}):\n\n{_map(_seconds(of_cpu), cuda)}" for count, of_cpu in own.items())
    return "\n\n".join(f"CUDA's speed-up over the CPU {text}" for text in maps)


def _seconds(rows: list[Row]) -> Seconds:
    return {(row["sizes"]["n"], row["sizes"]["m"]): row["median"] for row in rows}


def _map(cpu: Seconds, cuda: Seconds) -> str:
    ns = sorted({n for n, _ in cpu | cuda})
    ms = sorted({m for _, m in cpu | cuda if m is not None})

    def entry(n: int, m: int | None) -> str:
        has_both = (n, m) in cpu and (n, m) in cuda
        return f"{digits(cpu[n, m] / cuda[n, m], 2)}x" if has_both else "-"

    head = ["n", "fit", *(f"score m={m:,}" for m in ms)]
    return markdown_table(head, [[f"{n:,}", entry(n, None), *(entry(n, m) for m in ms)] for n in ns])


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
