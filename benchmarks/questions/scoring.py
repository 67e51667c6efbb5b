"""How many candidates a second does exact scoring by bounds get through, beside scoring them all?

Each case has one size of the base case changed. gpbop finds the exact best k of all m candidates; "dense" is
`score_all` and a sort, of `part` of them (50 times as many on a GPU), and its row says whether gpbop found the same
candidates there in the same order (`same_best` of a peer: the same best one). Candidates are scattered (a tensor of
encoded rows, uniform), a `Sample`, a Parquet file, or a `Grid` of about m configs. Peers score `part` of the
scattered candidates, whatever m and k are, so they take part where these, the source and the noise are those of the
base case: in spaces of six and of twelve floats, of none and of three categorical parameters, under every acquisition
function, and up to 2000 observations. They have the same kernel and hyperparameters: BoTorch by
`optimize_acqf_discrete` on a SingleTaskGP, GPyTorch and KeOps by an ExactGP in blocks, scikit-learn by
`predict(return_std=True)`; "BoTorch on gp.model" searches on gpbop's own model. With categorical parameters they do
what their users do: BoTorch takes a MixedSingleTaskGP, as it is before a fit, the others one-hot columns, encoded
beforehand, of lengthscale 1. These are other models with other answers, so only their speed is compared.
Rates are candidates a second. `dense_share` is the certificate's: multiplications done, as a share of dense scoring.
"""

import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.question import Peer, Question, Setting, Side, Sizes, sweep
from benchmarks.problems import fitted, uniform
from gpbop import GaussianProcess, Grid, Sample, Space, Table, Top, score
from gpbop.acquisition import UCB_BETA, botorch_acquisition
from gpbop.acquisition import Question as Asked
from gpbop.kernels import Columns
from gpbop.kernels.features import OneHot
from gpbop.scoring import Source, as_source, score_all

ACQUISITIONS = ["ei", "ucb", "max_variance"]
CUDA_PART = 50
# Peers take part in these spaces and up to so many observations, where the sizes are the base case's on which the work
# of a peer for one candidate does not depend.
PEERS = {"d": [6, 12], "categorical": [0, 3]}
PEERS_UP_TO = 2000  # observations
OURS_ALONE = ("source", "m", "k", "noise")
DENSE_BLOCK = {"cpu": 256, "cuda": 16384}  # rows that suit the cache, and rows that fill the device


def sides(setting: Setting) -> Iterator[Side | Peer]:
    sizes = setting.sizes
    gp = fitted(sizes["d"], sizes["categorical"], sizes["n"], sizes["noise"], setting.device, setting.seed)
    with tempfile.TemporaryDirectory() as folder:
        source = candidates(gp, sizes["source"], sizes["m"], Path(folder) / "all.parquet", setting.seed)
        assert source.size is not None
        find = partial(best_of, gp, sizes=sizes, threads=setting.threads)
        yield Side("gpbop", partial(find, source), source.size, "candidates", values=_certificate)
        part = min(sizes["m"], sizes["part"] * (CUDA_PART if setting.device == "cuda" else 1))
        few = candidates(gp, sizes["source"], part, Path(folder) / "part.parquet", setting.seed)
        assert few.size is not None

        def agrees(indices: list[int], _: float) -> dict[str, Any]:
            return {"same_as_gpbop": find(few).indices == indices}

        yield Side("dense", partial(dense, gp, few, sizes, setting.device), few.size, "candidates", values=agrees)
    if setting.has_peers and takes_peers(sizes):
        yield from _peers(gp, uniform(gp.space, part, setting.seed), setting, find(few).indices[0])


def takes_peers(sizes: Sizes) -> bool:
    """Return whether peers take part in a case."""
    is_base = any(all(sizes[key] == base[key] for key in OURS_ALONE) for base in BASES.values())
    return is_base and sizes["n"] <= PEERS_UP_TO and all(sizes[key] in usual for key, usual in PEERS.items())


def candidates(gp: GaussianProcess, kind: str, m: int, path: Path, seed: int) -> Source:
    """Return about `m` candidates of a kind; a table is written to `path`."""
    if kind == "scattered":
        return as_source(gp.space, uniform(gp.space, m, seed).to(gp.device))
    if kind == "sample":
        return Sample(gp.space, m, seed=seed)
    if kind == "grid":
        return Grid(gp.space, fixed=_levels(gp.space, m))
    import pyarrow.parquet

    configs = gp.space.decode(uniform(gp.space, m, seed))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(configs), path)
    return as_source(gp.space, Table(path))


def _levels(space: Space, m: int) -> dict[str, list[float]]:
    """Return levels for the floats of a space such that its grid has at most, and nearly, `m` configs."""
    floats = [name for name in space.names if name.startswith("x")]
    counts, total = [1] * len(floats), 3 ** (space.d - len(floats))
    while total // counts[j := counts.index(min(counts))] * (counts[j] + 1) <= m:
        total = total // counts[j] * (counts[j] + 1)
        counts[j] += 1
    return {name: [(i + 0.5) / count for i in range(count)] for name, count in zip(floats, counts, strict=True)}


def best_of(gp: GaussianProcess, source: Source, sizes: Sizes, threads: int) -> Top:
    return score(gp, source, acquisition=sizes["acquisition"], k=sizes["k"], threads=threads, progress=False)


def dense(gp: GaussianProcess, source: Source, sizes: Sizes, device: str) -> list[int]:
    """Score all candidates and sort."""
    blocks = list(score_all(gp, source, acquisition=sizes["acquisition"], block_rows=DENSE_BLOCK[device]))
    values, index = torch.cat([block.values for block in blocks]), torch.cat([block.index for block in blocks])
    return index[values.argsort(descending=True, stable=True)[: sizes["k"]]].tolist()


def _certificate(top: Top, _: float) -> dict[str, Any]:
    return {"dense_share": top.certificate.dense_share}


def _peers(gp: GaussianProcess, X: Tensor, setting: Setting, best: int) -> Iterator[Side | Peer]:
    choices, acqf = X.to(gp.device), botorch_acquisition(setting.sizes["acquisition"], Asked(gp))
    columns = gp.factor.form.columns

    def search() -> None:
        from botorch.optim import optimize_acqf_discrete

        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            optimize_acqf_discrete(acqf, q=1, choices=choices)

    def agrees(found: dict[str, Any]) -> dict[str, Any]:
        return {} if columns.categorical else {"same_best": found["best_index"] == best}

    yield Side("BoTorch on gp.model", search, len(X), "candidates")
    z = gp.standardization.standardize(gp.y)
    job = {"acquisition": setting.sizes["acquisition"], "k": setting.sizes["k"], "beta": UCB_BETA}
    job |= {"outputscale": float(gp.factor.outputscale), "noise": float(gp.factor.noise), "best": float(z.min())}
    job |= {"mean": float(gp.factor.mean), "categorical": [column for column, _ in columns.categorical]}
    encoded = {"X": gp.X, "candidates": choices}
    onehot = {name: _onehot(columns, part) for name, part in encoded.items()}
    lengthscales = [gp.lengthscales[gp.space.names[column]] for column in columns.numeric]
    lengthscales += [1.0] * (onehot["X"].shape[1] - len(lengthscales))
    peers = [("BoTorch", "botorch", encoded), ("GPyTorch", "gpytorch", onehot), ("KeOps", "keops", onehot)]
    for name, module, rows in [*peers, *([("scikit-learn", "sklearn", onehot)] if setting.device == "cpu" else [])]:
        arrays = rows | {"y": z, "lengthscale": z.new_tensor(lengthscales)}
        yield Peer(name, module, "score", job, arrays, len(X), "candidates", agrees)


def _onehot(columns: Columns, X: Tensor) -> Tensor:
    """Return the numeric columns of encoded rows, and a column for each choice of the categorical ones."""
    return torch.cat([X[:, list(columns.numeric)], OneHot(columns.categorical, X.device)(X)], 1)


def _base(n: int, m: int, part: int) -> Sizes:
    case = {"source": "scattered", "acquisition": "ei", "n": n, "m": m, "d": 6, "categorical": 0, "k": 100}
    return case | {"noise": 0.1, "part": part}


BASES = {
    "smoke": _base(40, 600, 300) | {"k": 5},
    "small": _base(300, 20_000, 1000),
    "full": _base(1000, 1_000_000, 4000),
}
SOURCES = ["scattered", "sample", "table", "grid"]
QUESTION = Question(
    cases={
        "smoke": sweep(BASES["smoke"], source=SOURCES[1:], acquisition=ACQUISITIONS[1:]),
        "small": sweep(
            BASES["small"],
            source=SOURCES,
            acquisition=ACQUISITIONS,
            n=[100, 800],
            m=[5000, 60_000],
            d=[3, 12],
            categorical=[3],
            k=[10],
        ),
        "full": [
            *sweep(
                BASES["full"],
                source=SOURCES,
                acquisition=ACQUISITIONS,
                n=[100, 300, 2000, 5000],
                m=[10_000, 100_000],
                d=[3, 24],
                categorical=[3],
                k=[1, 10, 1000],
                noise=[0.01, 0.5],
            ),
            *(
                BASES["full"] | {"acquisition": name, "d": d, "categorical": categorical}
                for d, categorical in ((12, 0), (12, 3), (6, 3))
                for name in ACQUISITIONS
                if (d, name) != (6, "ei")  # it is above
            ),
        ],
    },
    sides=sides,
    y="rate",
)
