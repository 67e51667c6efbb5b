"""The Triton kernels under Triton's interpreter against the reference, and compiled for a GPU that need not be here."""

import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpbop.kernels.fused import SCALES, Sums
from tests.kernels import interpreted
from tests.kernels.fused_cases import Case, assert_within_bounds, evaluate, random_case

pytest.importorskip("triton", reason="Triton is not installed")

FORMS = ("scattered", "strips")
DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Interpreted:
    """The functions of `fused_cuda`, each call sent to the process of the interpreter."""

    worker: Executor

    def scattered(self, *arguments: Any) -> Sums:
        return self._call("scattered", arguments)

    def strips(self, *arguments: Any) -> Sums:
        return self._call("strips", arguments)

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Sums:
        *own, tables = arguments
        sent = (tuple(map(array, own)), tuple(map(array, tables)))
        return Sums(*map(torch.from_numpy, self.worker.submit(interpreted.call, name, *sent).result(timeout=120)))


def array(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


@pytest.fixture(scope="module")
def kernels() -> Iterator[Interpreted]:
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=interpreted.start) as worker:
        yield Interpreted(worker)
    assert "TRITON_INTERPRET" not in os.environ


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=30)
@given(data=st.data())
def test_equal_to_the_reference_within_the_stated_roundings(
    kernels: Interpreted, name: str, data: st.DataObject
) -> None:
    r = data.draw(st.sampled_from((1, 2, 15, 16, 17, 33, 70)))
    F, sizes = data.draw(st.integers(0, 5)), tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    case = random_case(
        r + data.draw(st.sampled_from((0, 1, 16, 63, 80))),
        F,
        sizes,
        r,
        data.draw(st.sampled_from((1, 2, 127, 130, 300))),
        data.draw(st.sampled_from(sorted(SCALES))),
        data.draw(st.sampled_from(DTYPES)),
        has_mean=data.draw(st.booleans()),
        has_h=data.draw(st.booleans()),
        seed=data.draw(st.integers(0, 10**6)),
    )
    hold(kernels, name, case)


def hold(kernels: Any, name: str, case: Case) -> None:
    from gpbop.kernels import fused_cuda

    factors, features = (case.codes.shape[1], case.z.shape[1]) if name == "scattered" else (2, 0)
    bounds = fused_cuda.roundings(factors), fused_cuda.distance_roundings(features), fused_cuda.SUM_BLOCK
    terms = fused_cuda.term_roundings(len(case.tables.T))
    assert_within_bounds(name, evaluate(kernels, name, case), case, *bounds, terms)


@pytest.mark.parametrize("name", FORMS)
def test_an_element_left_out_or_taken_twice_would_be_seen(kernels: Interpreted, name: str) -> None:
    """The test above fails for all inputs that differ in one element, the last or the first of any array."""
    case = random_case(90, 3, (2, 3), 37, 150, "matern52", torch.float32)
    found = evaluate(kernels, name, case)
    own = (case.z, *case.tables[:2], case.tables.weights, case.tables.T)
    for part in own if name == "scattered" else (*case.halves, *own[-2:]):
        for place in (0, -1):
            kept = part.flatten()[place].clone()
            part.view(-1)[place] += 0.05
            with pytest.raises(AssertionError):
                hold(Fixed(found), name, case)
            part.view(-1)[place] = kept
    hold(Fixed(found), name, case)


@dataclass(frozen=True)
class Fixed:
    """Sums that do not follow their arguments."""

    sums: Sums

    def scattered(self, *arguments: Any) -> Sums:
        return self.sums

    strips = scattered


@pytest.mark.parametrize("name", FORMS)
def test_no_candidates(kernels: Interpreted, name: str) -> None:
    case = random_case(5, 2, (2,), 3, 4, "rbf", torch.float32)
    x_first, h_first, x_second, h_second = case.halves
    none = case._replace(z=case.z[:0], codes=case.codes[:0], halves=(x_first[:0], h_first[:0], x_second, h_second))
    assert [part.shape for part in evaluate(kernels, name, none)] == [(0,)] * 4


def test_shapes_are_timed_after_as_much_work_as_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from gpbop.kernels import fused_cuda

    monkeypatch.setattr(fused_cuda, "TUNED_FROM", 100)
    monkeypatch.setattr(fused_cuda, "_computed", defaultdict(int))
    assert [fused_cuda._is_worth_tuning(("one",), 40) for _ in range(4)] == [False, False, True, True]
    assert not fused_cuda._is_worth_tuning(("other",), 99)
    assert fused_cuda._is_worth_tuning(("other",), 1)


@pytest.mark.parametrize(
    ("kernel", "dtype"), [("_scattered", "fp32"), ("_scattered", "fp64"), ("_strips", "fp32"), ("_strips", "fp64")]
)
def test_compiles_for_a_gpu(kernel: str, dtype: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter takes what the compiler refuses; and no product of float32 is left to tensor cores."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from gpbop.kernels import fused_cuda

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    function = getattr(fused_cuda, kernel)
    config = fused_cuda.CONFIGS[kernel, torch.float64 if dtype == "fp64" else torch.float32][0]
    fixed = config.kwargs | {"F": 3, "S": 2, "KIND": 2, "HAS_MEAN": True}
    types = {"codes": "*i32", "starts": "*i32", "mean": "*fp64", "size": "*fp64", "norm": "*fp64", "sway": "*fp64"}
    types |= dict.fromkeys(("stride", "H", "last", "width", "r", "bucket"), "i32") | dict.fromkeys(
        ("m", "p", "q"), "i64"
    )
    types |= dict.fromkeys(fixed, "constexpr")
    signature = {argument: types.get(argument, f"*{dtype}") for argument in function.arg_names}
    source = ASTSource(function, signature, {(function.arg_names.index(name),): value for name, value in fixed.items()})
    options = {"num_warps": config.num_warps, "num_stages": 1, "maxnreg": config.maxnreg}
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    assert compiled.metadata.shared <= 48 * 1024
    ptx = compiled.asm["ptx"]
    assert "tf32" not in ptx
    if dtype == "fp32":
        assert "mma" not in ptx
        assert "ex2.approx.ftz.f32" in ptx
        assert "sqrt.approx.ftz.f32" in ptx
