"""The batched minimiser against SciPy and against itself."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der
from torch import Tensor

from gpbop.bfgs import Objective, minimize_batch

BOX = torch.tensor([[-2.0] * 3, [2.0] * 3], dtype=torch.float64)


def rosenbrock(x: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    rows = x.numpy()
    values = torch.tensor([rosen(row) for row in rows])
    return values, torch.from_numpy(np.stack([rosen_der(row) for row in rows]))


def starts(m: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(m, 3, generator=generator, dtype=torch.float64) * 4.0 - 2.0


def test_finds_the_minimum_of_rosenbrock_from_everywhere() -> None:
    found = minimize_batch(rosenbrock, starts(8), BOX, tolerance=1e-12)
    # (-1, 1, 1) neighbours a local minimum only from four dimensions on: in three there is one.
    torch.testing.assert_close(found.x, torch.ones(8, 3, dtype=torch.float64), rtol=1e-4, atol=1e-4)


def test_agrees_with_scipy_where_a_bound_is_active() -> None:
    box = torch.tensor([[-2.0] * 3, [0.5, 2.0, 0.1]], dtype=torch.float64)
    found = minimize_batch(rosenbrock, starts(6), box, tolerance=1e-12)
    for x in starts(6):
        expected = minimize(rosen, x.clamp(*box).numpy(), jac=rosen_der, method="L-BFGS-B", bounds=box.mT.tolist())
        assert float(found.value.min()) <= expected.fun + 1e-6
    assert bool((found.x <= box[1]).all())
    assert bool((found.x >= box[0]).all())


def test_batch_equals_loop() -> None:
    x = starts(5)
    together = minimize_batch(rosenbrock, x, BOX)
    for i in range(5):
        alone = minimize_batch(rosenbrock, x[i : i + 1], BOX)
        torch.testing.assert_close(together.x[i : i + 1], alone.x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("p", [1, 2, 7])
def test_quadratic_takes_about_p_steps_and_finds_its_inverse_hessian(p: int) -> None:
    generator = torch.Generator().manual_seed(p)
    root = torch.randn(p, p, generator=generator, dtype=torch.float64)
    A = root @ root.mT + torch.eye(p, dtype=torch.float64)
    box = torch.tensor([[-100.0] * p, [100.0] * p], dtype=torch.float64)

    def quadratic(x: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * ((x @ A) * x).sum(-1), x @ A

    x = torch.randn(1, p, generator=generator, dtype=torch.float64)
    found = minimize_batch(quadratic, x, box, tolerance=1e-14)
    assert float(found.value) < 1e-9
    # Handed on with the right curvature, one step from anywhere is enough (and one more to see that it was).
    inverse = torch.linalg.inv(A).unsqueeze(0)
    again = minimize_batch(quadratic, -x, box, inverse_hessian=inverse, longest_step=10.0, tolerance=1e-9)
    assert again.evaluations <= 3


def test_steps_back_from_infinite_and_nan_values() -> None:
    box = torch.tensor([[-5.0], [5.0]], dtype=torch.float64)

    def walled(x: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        value = torch.where(x > 1.0, torch.nan, -x)[:, 0]
        return value, torch.where(x > 1.0, torch.nan, -torch.ones_like(x))

    found = minimize_batch(walled, torch.tensor([[0.0], [-3.0]], dtype=torch.float64), box)
    assert bool((found.x <= 1.0).all())
    assert float(found.x.min()) > 0.9


def test_a_start_that_is_not_finite_stays() -> None:
    def broken(x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        value = torch.where(start == 0, torch.inf, x.square().sum(-1))
        return value, 2.0 * x

    x = torch.ones(2, 2, dtype=torch.float64)
    found = minimize_batch(broken, x, torch.tensor([[-2.0] * 2, [2.0] * 2], dtype=torch.float64))
    assert torch.equal(found.x[0], x[0])
    assert float(found.x[1].norm()) < 1e-6


def test_box_constrained_quadratics_converge_to_the_optimum_of_scipy() -> None:
    generator = torch.Generator().manual_seed(0)
    box = torch.tensor([[0.0] * 4, [1.0] * 4], dtype=torch.float64)
    for _ in range(100):
        root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
        A = root @ root.mT + 0.05 * torch.eye(4, dtype=torch.float64)
        centre = 2.0 * torch.randn(4, generator=generator, dtype=torch.float64)

        def quadratic(x: Tensor, _: Tensor, A: Tensor = A, centre: Tensor = centre) -> tuple[Tensor, Tensor]:
            away = x - centre
            return 0.5 * ((away @ A) * away).sum(-1), away @ A

        x = torch.rand(1, 4, generator=generator, dtype=torch.float64)
        found = minimize_batch(quadratic, x, box, tolerance=1e-10)

        def flat(v: np.ndarray, f: Objective = quadratic) -> tuple[float, np.ndarray]:
            value, grad = f(torch.from_numpy(v)[None], torch.zeros(1))
            return float(value), grad[0].numpy()

        expected = minimize(flat, x[0].numpy(), jac=True, method="L-BFGS-B", bounds=box.mT.tolist(), tol=1e-14)
        assert float(found.value) <= expected.fun + 1e-7


def test_values_never_rise() -> None:
    box = torch.tensor([[-2.0] * 3, [0.4, 2.0, 0.1]], dtype=torch.float64)
    x = starts(10, seed=3).clamp(*box)
    begin, _ = rosenbrock(x, x)
    for budget in (2, 3, 5, 9, 20, 60):
        found = minimize_batch(rosenbrock, x, box, max_evaluations=budget)
        assert bool((found.value <= begin).all())
        begin = found.value
