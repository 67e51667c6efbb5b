"""How fast are the best rows of real tables found, and how good are they?

- "diabetes" (442 patients, 10 measurements, scikit-learn): candidates are the patients, the objective the progression
  of the disease after a year;
- "photograph" (273,280 pixels of scikit-learn's china.jpg): place, red and green of a pixel are the parameters, blue
  the objective, to show many rows of real, correlated data;
- "autoencoder" (768 trainings recorded in gpbop): hyperparameters, one of them conditional; the objective is the loss.

The model is told `n` rows, drawn at random; `score` ranks all rows by their expected improvement, to be minimised.
`percentile` is the mean rank of the objective of the 10 rows found, in per cent of the table: 50 is chance.
"""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np

from benchmarks.harness.question import Peer, Question, Setting, Side, sweep
from benchmarks.questions.scoring import dense
from gpbop import Float, GaussianProcess, Space, Top, score
from gpbop.examples import autoencoder
from gpbop.examples.recorded import autoencoder_grid
from gpbop.scoring import as_source

K = 10
DENSE_UP_TO = 10_000  # rows of a table, the first of them


@cache
def table(name: str) -> tuple[Space, list[dict[str, Any]], list[float]]:
    """Return the space of a table, its rows as configs, and their objective."""
    if name == "autoencoder":
        grid = autoencoder_grid()
        return autoencoder.space(), list(grid.configs), list(grid.losses)
    columns, target = _photograph() if name == "photograph" else _diabetes()
    space = Space({key: Float(float(column.min()), float(column.max())) for key, column in columns.items()})
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]
    return space, rows, target.tolist()


def _diabetes() -> tuple[dict[str, np.ndarray], np.ndarray]:
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    return dict(zip(found.feature_names, found.data.T, strict=True)), found.target


def _photograph() -> tuple[dict[str, np.ndarray], np.ndarray]:
    from sklearn.datasets import load_sample_image

    image = load_sample_image("china.jpg").astype(float)
    y, x = (part.ravel().astype(float) for part in np.indices(image.shape[:2]))
    return {"x": x, "y": y, "red": image[..., 0].ravel(), "green": image[..., 1].ravel()}, image[..., 2].ravel()


def sides(setting: Setting) -> Iterator[Side | Peer]:
    space, rows, target = table(setting.sizes["table"])
    chosen = np.random.default_rng(setting.seed).permutation(len(rows))[: setting.sizes["n"]].tolist()
    gp = GaussianProcess.fit(
        space, [rows[i] for i in chosen], [target[i] for i in chosen], restarts=1, device=setting.device
    )
    X = space.encode(rows).to(gp.device)
    everything, few = as_source(space, X), as_source(space, X[:DENSE_UP_TO])
    find = partial(score, gp, acquisition="ei", k=K, threads=setting.threads, progress=False)
    rank = np.argsort(np.argsort(target))

    def found(top: Top, _: float) -> dict[str, Any]:
        percentile = float(100.0 * rank[top.indices].mean() / len(rows))
        return {"rows": len(rows), "percentile": percentile, "dense_share": top.certificate.dense_share}

    def agrees(indices: list[int], _: float) -> dict[str, Any]:
        return {"same_as_gpbop": find(few).indices == indices}

    yield Side("gpbop", partial(find, everything), len(rows), "candidates", values=found)
    work = partial(dense, gp, few, {"acquisition": "ei", "k": K}, setting.device)
    yield Side("dense", work, min(len(rows), DENSE_UP_TO), "candidates", values=agrees)


QUESTION = Question(
    cases={
        "smoke": [{"table": "diabetes", "n": 20}],
        "small": [
            {"table": "diabetes", "n": 100},
            {"table": "autoencoder", "n": 60},
            {"table": "photograph", "n": 150},
        ],
        "full": [
            {"table": "diabetes", "n": 100},
            {"table": "autoencoder", "n": 60},
            *sweep({"table": "photograph", "n": 500}, n=[2000]),
        ],
    },
    sides=sides,
    y="rate",
)
