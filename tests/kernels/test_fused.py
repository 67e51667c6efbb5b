"""The compiled evaluation on the CPU against the plain reference, for inputs without a pattern and for extreme ones."""

from dataclasses import dataclass
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gpbop.kernels import fused
from gpbop.kernels.fused import SCALES, Sums, backend, profile
from tests.kernels.fused_cases import Case, assert_within_bounds, evaluate, random_case

pytest.importorskip("numba", reason="Numba is not installed")

FORMS = ("scattered", "strips")
DTYPES = (torch.float32, torch.float64)
# What `gpbop.kernels.fused_cpu` states of 2^-u, in units of v.
POWER = 4.0


def sized(n: int, F: int, sizes: tuple[int, ...], r: int, m: int, *rest: Any, **options: Any) -> Case:
    return random_case(n, F, sizes, r, m, *rest, is_solved=True, **options)


@st.composite
def cases(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = DTYPES) -> Case:
    r = draw(st.sampled_from((1, 2, 3, 4, 5, 31, 32, 33, 66)))
    return sized(
        r + draw(st.sampled_from((0, 1, 2, 31, 64))),
        draw(st.integers(0, 9)),
        tuple(draw(st.lists(st.integers(1, 4), max_size=3))),
        r,
        draw(st.sampled_from((1, 2, 127, 128, 129, 256, 300))),
        draw(st.sampled_from(sorted(SCALES))),
        draw(st.sampled_from(dtypes)),
        has_mean=draw(st.booleans()),
        has_h=draw(st.booleans()),
        seed=draw(st.integers(0, 10**6)),
    )


def hold(module: Any, name: str, case: Case) -> None:
    """Hold sums of a module against the reference; sizes may be upper bounds."""
    found, exact = evaluate(module, name, case), evaluate(fused, name, case.to(torch.float64))
    slack = 200 * torch.finfo(case.z.dtype).eps
    assert len(found.size) == len(exact.size)
    assert bool((found.size >= (1.0 - slack) * exact.size).all())
    most = sum(case.tables.mix) * float(case.tables.weights.abs().sum())
    assert bool((found.size <= most * (1.0 + slack)).all())
    factors, features = (case.codes.shape[1], case.z.shape[1]) if name == "scattered" else (2, 0)
    of_terms = module.SUM_BLOCK, module.term_roundings(len(case.tables.T))
    bounds = module.roundings(factors), module.distance_roundings(features), *of_terms
    assert_within_bounds(name, found._replace(size=exact.size), case, *bounds)


@pytest.mark.parametrize("name", FORMS)
@given(case=cases())
def test_equal_to_the_reference_within_the_stated_roundings(name: str, case: Case) -> None:
    hold(backend("cpu"), name, case)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMS)
def test_an_element_left_out_or_taken_twice_would_be_seen(name: str, dtype: torch.dtype) -> None:
    """The test above fails for all inputs that differ in one element, the last or the first of any array."""
    case = sized(90, 3, (2, 3), 37, 150, "matern52", dtype)
    found = evaluate(backend("cpu"), name, case)
    own = (case.z, *case.tables[:2], case.tables.weights, case.tables.T)
    for part in own if name == "scattered" else (*case.halves, *own[-2:]):
        for place in (0, -1):
            kept = part.flatten()[place].clone()
            part.view(-1)[place] += 0.05 * max(1.0, float(part.abs().max()))
            with pytest.raises(AssertionError):
                hold(Fixed(found), name, case)
            part.view(-1)[place] = kept
    hold(Fixed(found), name, case)


@dataclass(frozen=True)
class Fixed:
    """Sums that do not follow their arguments."""

    sums: Sums

    def __getattr__(self, name: str) -> Any:
        return getattr(backend("cpu"), name)

    def scattered(self, *_: Any) -> Sums:
        return self.sums

    strips = scattered


@given(case=cases(), seed=st.integers(0, 10**6))
def test_no_candidate_knows_of_its_neighbours(case: Case, seed: int) -> None:
    """In another order, and beside others, every candidate has the same sums, bit for bit where codes are the same."""
    module, place = backend("cpu"), torch.randperm(len(case.z), generator=torch.Generator().manual_seed(seed))
    case = case._replace(codes=case.codes[:1].expand(len(case.z), -1))
    sums, permuted = (evaluate(module, "scattered", case._replace(z=case.z[at])) for at in (slice(None), place))
    for part, other in zip(sums, permuted, strict=True):
        assert torch.equal(part[place] if len(part) else part, other)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_candidates(name: str, dtype: torch.dtype) -> None:
    case = sized(5, 2, (2,), 3, 4, "rbf", dtype)
    x_first, h_first, x_second, h_second = case.halves
    none = case._replace(z=case.z[:0], codes=case.codes[:0], halves=(x_first[:0], h_first[:0], x_second, h_second))
    assert [part.shape for part in evaluate(backend("cpu"), name, none)] == [(0,)] * 4


@given(case=cases(), data=st.data())
def test_groups_are_evaluated_each_by_its_own_points(case: Case, data: st.DataObject) -> None:
    """As if each were alone, whatever sizes they have, none included."""
    module, groups = backend("cpu"), data.draw(st.integers(1, 4))
    ends = torch.tensor(sorted(data.draw(st.lists(st.integers(0, len(case.z)), min_size=groups, max_size=groups))))
    ends[-1] = len(case.z)
    shuffled = [case.tables._replace(z=case.tables.z.roll(i, 0), T=case.tables.T * (1.0 + i)) for i in range(groups)]
    fields = ("z", "similarity", "weights", "T")
    stacked = {name: torch.stack([getattr(tables, name) for tables in shuffled]) for name in fields}
    found = module.grouped(case.z, case.codes, ends, case.tables._replace(**stacked))  # type: ignore[union-attr]
    for begin, end, tables in zip([0, *ends.tolist()[:-1]], ends.tolist(), shuffled, strict=True):
        alone = module.scattered(case.z[begin:end], case.codes[begin:end], tables)  # type: ignore[union-attr]
        for part, other in zip(found, alone, strict=True):
            assert torch.equal(part[begin:end] if len(part) else part, other)
    reference = fused.grouped(case.z, case.codes, ends, case.tables._replace(**stacked))
    torch.testing.assert_close(found.norm, reference.norm.double(), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found.mean, reference.mean.double(), rtol=1e-3, atol=1e-4)


@given(m=st.sampled_from((1, 127, 128, 129, 300)), g=st.integers(1, 9), F=st.integers(0, 5), seed=st.integers(0, 10**6))
def test_points_are_sorted_by_the_nearest_centre(m: int, g: int, F: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points, centres = (torch.randint(0, 50, (count, F), generator=generator).float() for count in (m, g))
    order, ends = backend("cpu").by_nearest(points, centres)  # type: ignore[union-attr]
    expected = fused.by_nearest(points, centres)
    assert torch.equal(order, expected[0])
    assert torch.equal(ends, expected[1])


@pytest.mark.parametrize("smoothness", sorted(SCALES))
@pytest.mark.parametrize("dtype", DTYPES)
def test_far_apart_is_no_covariance(smoothness: Any, dtype: torch.dtype) -> None:
    """Where 2^-u cannot be computed any more, almost nothing is left, and no number is infinite or none."""
    case = sized(7, 2, (), 5, 130, smoothness, dtype, has_h=False)
    for far in (1e3, 1e5, 1e9):
        away = case._replace(z=case.z + far, halves=(case.halves[0] + far**2, *case.halves[1:]))
        for name in FORMS:
            mean, _, norm, _ = evaluate(backend("cpu"), name, away)
            assert float(mean.abs().max()) < 1e-15
            assert float(norm.max()) < 1e-15


def powers(u: Any) -> Any:
    """Evaluate 2^-u as the compiled code does."""
    from gpbop.kernels.compiled import compiled, power

    @compiled
    def fill(u: Any, out: Any) -> None:
        for i in range(len(u)):
            out[i] = power(u[i])

    out = numpy.empty_like(u)
    fill(u, out)
    return out


@pytest.mark.parametrize(("dtype", "largest"), [(numpy.float32, 126.0), (numpy.float64, 1020.0)])
def test_powers_of_two_are_good_to_four_roundings(dtype: Any, largest: float) -> None:
    """Over the whole range, and on both sides of where rounding to a whole number turns."""
    turns = (numpy.arange(largest) + 0.5).astype(dtype)
    beside = [numpy.nextafter(turns, dtype(to)) for to in (0, 2 * largest)]
    spread = numpy.random.default_rng(0).uniform(size=200_000)
    tiny = numpy.logspace(-40, 0, 1000)
    u = numpy.concatenate([turns, *beside, spread, largest * spread, tiny, [0.0, largest]]).astype(dtype)
    error = powers(u) / numpy.exp2(-u.astype(numpy.longdouble)) - 1.0
    assert float(numpy.abs(error).max()) <= POWER * numpy.finfo(dtype).eps / 2.0
    assert powers(numpy.array([2.0 * largest, numpy.inf], dtype)).tolist() == [2.0**-largest] * 2


@pytest.mark.parametrize("smoothness", sorted(SCALES))
def test_profiles_are_those_of_the_kernels(smoothness: Any) -> None:
    """x = (c r)^2 for the c of each: the same covariance as by exponentials of the distance r."""
    from gpbop.kernels.profiles import PROFILES

    r = torch.linspace(0.0, 12.0, 500, dtype=torch.float64)
    expected, _ = PROFILES[smoothness](r.clone(), torch.empty_like(r), torch.empty_like(r))
    found: Tensor = profile((SCALES[smoothness] * r).square(), smoothness)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-300)
