"""Random inputs of the fused evaluation, and the largest error that its stated roundings allow."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from gpbop.kernels import fused
from gpbop.kernels.fused import Sums, Tables


class Case(NamedTuple):
    """Candidates of both forms and the training points."""

    z: Tensor
    codes: Tensor
    halves: tuple[Tensor, Tensor, Tensor, Tensor]
    tables: Tables

    def to(self, to: Any) -> "Case":
        """Return the same case in another dtype or on another device, codes as they are."""
        moved = {name: part.to(to) for name, part in self.tables._asdict().items() if isinstance(part, Tensor)}
        moved["starts"] = moved["starts"].int()
        halves = tuple(half.to(to) for half in self.halves)
        return Case(self.z.to(to), self.codes.to(to).int(), halves, self.tables._replace(**moved))  # type: ignore[arg-type]


def random_case(
    n: int, F: int, sizes: tuple[int, ...], r: int, m: int, smoothness: Any, dtype: torch.dtype, *,
    has_mean: bool = True, has_h: bool = True, is_solved: bool = False, seed: int = 0,
) -> Case:  # fmt: skip
    """Return numbers without a pattern; the first candidate is a training point. `m` is cut into halves for strips."""
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)

    starts = torch.tensor([sum(sizes[:i]) for i in range(len(sizes))], dtype=torch.int32)
    mix = (0.7, 0.2, 0.1) if has_h else (0.0, 0.9, 0.0)
    weights, T = rand(n if has_mean else 0) - 0.5, rand(r, r) - 0.5
    if is_solved:
        T = (T / r**0.5).tril(-1) + (0.5 + rand(r)).diag()
    g = T.tril().abs().sum(1)[: 0 if is_solved else r]
    tables = Tables(3.0 * rand(n, F), rand(n, sum(sizes)), starts, mix, weights, T, g, smoothness)
    z = 3.0 * rand(m, F)
    z[:1] = tables.z[:1]
    codes = [torch.randint(0, size, (m,), generator=generator) for size in sizes]
    stacked = torch.stack(codes, 1).int() if codes else torch.zeros(m, 0, dtype=torch.int32)
    p = max(m // 20, 1)
    q = m // p
    return Case(z, stacked, (9.0 * rand(p, n), rand(p, n), 9.0 * rand(n, q), rand(n, q)), tables)


def assert_within_bounds(
    name: str, found: Sums, case: Case, roundings: int, distance_roundings: float, block: int, terms: int
) -> None:
    """Hold sums against the reference in float64, for the same rounded inputs, with the errors that are stated.

    A covariance is off by R u k and by what the distance's D u do to k_x, at most 0.74 D u; sums of `block` terms add
    `block` roundings, those of G k, or of L1 y, `terms`.
    """
    u = torch.finfo(case.z.dtype).eps / 2.0
    exact = case.to(torch.float64)
    T, matrix = exact.tables, exact.tables.T.tril()
    expected = evaluate(fused, name, exact)
    assert len(found.mean) == len(found.size) == len(expected.mean)
    reach = 0.74 * distance_roundings * (T.mix[0] + T.mix[1])
    if len(T.weights):
        allowed = u * ((roundings + block + 2) * expected.size + reach * T.weights.abs().sum())
        assert bool(((found.mean - expected.mean).abs() <= allowed).all())
        assert bool(((found.size - expected.size).abs() <= allowed).all())
    # |G k|^2: each entry of G k is off by e_i at most, so the square root of the sum by |e|.
    k_at_most = sum(T.mix)
    error, length = (found.norm.sqrt() - expected.norm.sqrt()).abs(), expected.norm.sqrt()
    assert found.norm.shape == expected.norm.shape
    assert found.sway.shape == expected.sway.shape
    if T.is_solved:
        steepest = torch.linalg.matrix_norm(torch.linalg.inv(matrix), 2)
        of_k = len(matrix) ** 0.5 * u * (roundings * k_at_most + reach)
        allowed = steepest * (of_k + u * terms * matrix.norm() * length)
        assert bool((error <= 1.01 * allowed + 1e-15 * length).all())
        return
    rows = matrix.abs().sum(1) * u * ((roundings + terms) * k_at_most + reach)
    assert bool((error <= rows.square().sum().sqrt() + 1e-15 * length).all())
    moved = rows @ T.g + u * (len(matrix) + 4) * expected.sway
    assert bool(((found.sway - expected.sway).abs() <= moved).all())


def evaluate(module: Any, name: str, case: Case) -> Sums:
    """Call `scattered` or `strips` of a module."""
    arguments = (case.z, case.codes) if name == "scattered" else case.halves
    return getattr(module, name)(*arguments, case.tables)
