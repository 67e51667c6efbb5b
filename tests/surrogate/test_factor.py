"""The factor: pending points, moving moments, and rows with others."""

import pytest
import torch

from gpbop import Categorical, Float, GaussianProcess, Space
from gpbop.surrogate.factor import Factor

SPACE = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Categorical(["x", "y", "z"]),
        "c": Float(0.0, 1.0, when={"b": ["x", "y"]}),
        "many": Categorical(list(range(13))),
    }
)


@pytest.fixture(scope="module")
def gp() -> GaussianProcess:
    configs = SPACE.sample(18, 0)
    return GaussianProcess.fit(SPACE, configs, [c["a"] ** 2 + 0.1 * c["many"] for c in configs])


def points(m: int, seed: int) -> torch.Tensor:
    return SPACE.encode(SPACE.sample(m, seed))


def test_believed_points_lower_the_variance_and_keep_the_mean(gp: GaussianProcess) -> None:
    X, pending = points(50, 1), points(4, 2)
    mean, variance = gp.factor.moments(X)
    believed_mean, believed_variance = gp.factor.believe(pending).moments(X)
    torch.testing.assert_close(believed_mean, mean, rtol=1e-12, atol=1e-12)
    assert bool((believed_variance <= variance + 1e-12).all())
    at_pending = gp.factor.believe(pending).moments(pending)[1]
    assert bool((at_pending < gp.factor.moments(pending)[1]).all())


def test_believing_is_telling_the_mean(gp: GaussianProcess) -> None:
    pending, X = points(3, 3), points(20, 4)
    factor: Factor = gp.factor
    mean, _ = factor.moments(pending)
    y, _ = gp.row_values()
    told = factor.append(pending, torch.cat([y, mean]))
    torch.testing.assert_close(told.moments(X)[1], factor.believe(pending).moments(X)[1], rtol=1e-9, atol=1e-12)


def test_order_of_pending_points_does_not_matter(gp: GaussianProcess) -> None:
    pending, X = points(4, 5), points(20, 6)
    forward, backward = (gp.factor.believe(rows).moments(X)[1] for rows in (pending, pending.flip(0)))
    torch.testing.assert_close(forward, backward, rtol=1e-8, atol=1e-12)
    one_by_one = gp.factor
    for row in pending:
        one_by_one = one_by_one.believe(row.unsqueeze(0))
    torch.testing.assert_close(one_by_one.moments(X)[1], forward, rtol=1e-8, atol=1e-12)


def test_rows_with_others_are_rows_and_others(gp: GaussianProcess) -> None:
    X, others = points(7, 7), points(5, 8)
    features = gp.factor.form.features(others)
    rows, to_others = gp.factor.rows_with(features)(X)
    torch.testing.assert_close(rows, gp.factor.rows(X))
    kernel = gp.model.covar_module
    torch.testing.assert_close(to_others, kernel(X, others).to_dense().detach(), rtol=1e-9, atol=1e-12)


def test_many_mean_functions_share_one_variance(gp: GaussianProcess) -> None:
    from dataclasses import replace

    alpha = torch.stack([gp.factor.alpha, 2.0 * gp.factor.alpha], -1)
    mean, variance = replace(gp.factor, alpha=alpha).moments(points(6, 9))
    single, same = gp.factor.moments(points(6, 9))
    torch.testing.assert_close(mean[:, 0], single)
    torch.testing.assert_close(mean[:, 1] - gp.factor.mean, 2.0 * (single - gp.factor.mean))
    torch.testing.assert_close(variance, same)
