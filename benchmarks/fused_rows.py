"""How many candidates a second does the fused evaluation take, beside torch and beside the card's matrix products?

Sides, in turns, on the same inputs: the kernels of the device (Triton on CUDA, Numba on the CPU) for `scattered`
candidates and for `strips`; `torch`, the same sums of scattered candidates by dense matrix products in tiles (distances
as |a|^2 + |b|^2 - 2 a b, which cancels and so has no error bound). `roofline` is a large square matrix product of the
same dtype, without TF32, timed in the same run; `dense_at_roofline` is what dense scoring, n^2 + 2 n (d + 1) operations
a candidate, could reach at that speed if nothing else took time. The median of the rounds counts.

    python -m benchmarks.fused_rows --device cuda
"""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.environment import describe
from gpbop.kernels.fused import SCALES, Sums, Tables, profile

RESULTS = Path(__file__).parent / "results" / "fused_rows.jsonl"
CODES = 3
SECOND_HALF = 4096
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def tables_of(n: int, d: int, codes: int, r: int, dtype: torch.dtype, device: torch.device) -> Tables:
    """Return training points in d numeric and some code columns of CODES codes each; T is scaled to tame sums."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64).to(device, dtype)

    starts = torch.arange(0, codes * CODES, CODES, dtype=torch.int32, device=device)
    scale = SCALES["matern52"] / d**0.5
    T = (rand(r, r) - 0.5).tril(-1) / r + torch.eye(r, dtype=dtype, device=device)
    codings, g = rand(n, codes * CODES), T.abs().sum(1)
    if device.type == "cpu":  # which solves T y = k
        g = g[:0]
    return Tables(scale * rand(n, d), codings, starts, (0.7, 0.2, 0.1), rand(n) - 0.5, T, g, "matern52")


def dense(z: Tensor, codes: Tensor, tables: Tables, tile: int) -> Sums:
    """Compute the sums of scattered candidates by matrix products, a tile at a time."""
    norms, parts = tables.z.square().sum(1), []
    both, only_x, only_h = tables.mix
    for a, c in zip(z.split(tile), codes.split(tile), strict=True):
        x = torch.addmm(norms + a.square().sum(1, keepdim=True), a, tables.z.mT, alpha=-2.0).clamp_(min=0.0)
        k = profile(x, tables.smoothness)
        if len(tables.starts):
            columns = zip(c.unbind(1), tables.starts, strict=True)
            kh = torch.stack([tables.similarity.mT[column.long() + start] for column, start in columns]).prod(0)
            k = k * (both * kh + only_x) + only_h * kh
        else:
            k = k * (both + only_x) + only_h
        y, sums = k[:, : len(tables.T)], (k @ tables.weights, k.abs() @ tables.weights.abs())
        if tables.is_solved:
            y = torch.linalg.solve_triangular(tables.T, y.mT, upper=False).mT
            parts.append(Sums(*sums, y.square().sum(1), y[:0, 0]))
        else:
            y = y @ tables.T.mT
            parts.append(Sums(*sums, y.square().sum(1), y.abs() @ tables.g))
    return Sums(*map(torch.cat, zip(*parts, strict=True)))


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Return the time of one call."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def roofline(dtype: torch.dtype, device: torch.device, rounds: int) -> float:
    """Return the operations a second of a large matrix product."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.rand(size, size, dtype=dtype, device=device) - 0.5 for _ in range(2))
    times = [seconds(lambda: a @ b, device) for _ in range(rounds + 2)]
    return 2.0 * size**3 / statistics.median(times[2:])


def measure(n: int, d: int, codes: int, r: int, dtype: torch.dtype, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time all sides for one size, after one round to warm up and, on CUDA, to choose block sizes."""
    device = torch.device(arguments.device)
    fused = importlib.import_module(f"gpbop.kernels.fused_{device.type}")
    tables = tables_of(n, d, codes, r, dtype, device)
    m, p = arguments.candidates, max(arguments.candidates // SECOND_HALF, 1)
    z = torch.rand(m, d, dtype=dtype, device=device) * SCALES["matern52"] / d**0.5
    code = torch.randint(CODES, (m, codes), dtype=torch.int32, device=device)
    x_first, h_first = (torch.rand(p, n, dtype=dtype, device=device) for _ in range(2))
    x_second, h_second = (torch.rand(n, SECOND_HALF, dtype=dtype, device=device) for _ in range(2))
    few = max(m // 8, 1)
    sides: dict[str, tuple[int, Callable[[], Sums]]] = {
        "scattered": (m, lambda: fused.scattered(z, code, tables)),
        "strips": (p * SECOND_HALF, lambda: fused.strips(x_first, h_first, x_second, h_second, tables)),
        "torch": (few, lambda: dense(z[:few], code[:few], tables, arguments.tile)),
    }
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(arguments.rounds + 1):
        for side, (count, work) in sides.items():
            elapsed = seconds(work, device)
            if number:
                rates[side].append(count / elapsed)
    found, expected = sides["scattered"][1](), sides["torch"][1]()
    difference = (found.mean[:few] - expected.mean).abs().max() / expected.size.max()
    return {
        "rate": {side: statistics.median(values) for side, values in rates.items()},
        "spread": {side: [min(values), max(values)] for side, values in rates.items()},
        "largest_difference": float(difference),
    }


def row_of(
    n: int, d: int, codes: int, r: int, dtype: str, flops: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Measure one size, print it and return its row."""
    row = measure(n, d, codes, r, DTYPES[dtype], arguments)
    at_roofline = flops / (n**2 + 2.0 * n * (d + 1))
    rate = row["rate"]
    shown = "  ".join(f"{side} {value:.3g}/s" for side, value in rate.items())
    print(
        f"n={n:5d} d={d:2d} codes={codes} r={r:3d} {dtype}  {shown}  dense at roofline {at_roofline:.3g}/s", flush=True
    )
    size = {
        "n": n,
        "d": d,
        "codes": codes,
        "r": r,
        "dtype": dtype,
        "m": arguments.candidates,
        "device": arguments.device,
    }
    return (
        size
        | row
        | {
            "roofline": flops,
            "dense_at_roofline": at_roofline,
            "rounds": arguments.rounds,
            "threads": arguments.threads,
        }
    )


def main() -> None:
    """Run the benchmark, print a table and append one JSON line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--observations", type=int, nargs="+", default=[200, 500, 1000, 2000, 5000])
    parser.add_argument("--dims", type=int, nargs="+", default=[6, 12, 20], help="numeric features")
    parser.add_argument("--codes", type=int, nargs="+", default=[0, 3], help="code columns")
    parser.add_argument("--pivots", type=int, nargs="+", default=[32, 128], help="rows of T")
    parser.add_argument("--dtypes", nargs="+", choices=list(DTYPES), default=list(DTYPES))
    parser.add_argument("--candidates", type=int, default=0, help="default: 2^22 on CUDA, 2^15 on the CPU")
    parser.add_argument("--tile", type=int, default=0, help="candidates in a tile of torch; default as above, / 64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    arguments = parser.parse_args()
    arguments.candidates = arguments.candidates or (2**22 if arguments.device.startswith("cuda") else 2**15)
    arguments.tile = arguments.tile or max(arguments.candidates // 64, 1)
    torch.set_num_threads(arguments.threads)
    environment = describe()
    print(json.dumps(environment))
    sizes = [(n, 12, 0, 32) for n in arguments.observations]
    sizes += [(1000, d, codes, r) for d in arguments.dims for codes in arguments.codes for r in arguments.pivots]
    lines = []
    for dtype in arguments.dtypes:
        flops = roofline(DTYPES[dtype], torch.device(arguments.device), arguments.rounds)
        for size in dict.fromkeys(sizes):
            lines.append(json.dumps(row_of(*size, dtype, flops, arguments) | environment))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.writelines(line + "\n" for line in lines)


if __name__ == "__main__":
    main()
