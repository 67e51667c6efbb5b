"""`python -m benchmarks`: list the questions, run them, compare two runs, plot and tabulate what was recorded.

`run NAME --only KEY=VALUE ...` measures those cases alone whose sizes have these values, such as `--only n=1000 d=6`;
several values of one key are alternatives. Rows of several runs into one folder, or of several folders once their files
are concatenated, make one result.

On a GPU machine: name the device, as both are measured otherwise, and run piece by piece; each is meant to take less
than ten minutes, and says at its end how long it took. All with `python -m benchmarks run --size full --device cuda`:

    kernels --peers --only dtype=float64
    kernels --peers --only dtype=float32
    scoring --peers --only source=scattered acquisition=ei n=1000
    scoring --peers --only source=scattered acquisition=ei n=100 n=300 n=2000 n=5000
    scoring --peers --only source=scattered acquisition=ucb acquisition=max_variance
    scoring --only source=sample source=table source=grid
    grids
    batches tables sources
    fit --peers
    ask tell trials
    precision roofline
    efficiency
    exactness --only n=10 n=50 n=200
    exactness --only n=1000 n=2000
    crossover

then, for the CPU of the same machine beside it, `python -m benchmarks run crossover --size full --device cpu`; at last
`python -m benchmarks plot` and `python -m benchmarks table`.

Rows are written case by case, so a run that is cut off keeps what it had. Where time is short, what tells most comes
first: `python -m pytest tests/test_cuda.py`, then `crossover`, `grids`, and these of `scoring` and of `exactness`:

    scoring --only source=scattered n=1000 k=100 noise=0.1
    exactness --only noise=1e-06
"""

import argparse
import sys
from pathlib import Path

import torch

from benchmarks.harness.compare import TOLERANCE, report
from benchmarks.harness.registry import load, names, text
from benchmarks.harness.results import FOLDER
from benchmarks.harness.selection import selection


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; return the exit status."""
    asked = _parser().parse_args(arguments)
    status: int = asked.do(asked)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="name the questions")
    listing.set_defaults(do=_list)
    run = commands.add_parser("run", help="measure, and append a row for each side of each case")
    run.add_argument("names", nargs="+", metavar="NAME", help="questions, or all")
    run.add_argument("--device", nargs="+", choices=["cpu", "cuda"], help="default: cpu, and cuda where it is present")
    run.add_argument("--size", choices=["smoke", "small", "full"], default="small")
    run.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="cases with these sizes alone"
    )
    run.add_argument("--peers", action="store_true", help="measure peers too, in processes of their own")
    run.add_argument(
        "--peer-python", nargs="+", default=[], metavar="PEER=PATH", help="interpreters of peers, such as botorch=PATH"
    )
    run.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where the rows go")
    run.add_argument("--threads", type=int, default=1, help="of the CPU")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--rounds", type=int, default=1, help="how often all is measured, for compare")
    run.add_argument("--commit", help="what the rows name where no checkout tells it")
    run.set_defaults(do=_run)
    compare = commands.add_parser("compare", help="say what differs by more than the noise; status 1 for a slowdown")
    compare.add_argument("first", type=Path, metavar="A", help="file or folder")
    compare.add_argument("second", type=Path, metavar="B", help="file or folder")
    compare.add_argument("--tolerance", type=float, default=TOLERANCE, help="share that counts as no difference")
    compare.set_defaults(do=_compare)
    for name, action, description in (
        ("plot", _plot, "draw what was recorded"),
        ("table", _table, "write RESULTS.md and the README's section from what was recorded"),
    ):
        command = commands.add_parser(name, help=description)
        command.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where the rows are")
        command.set_defaults(do=action)
    return parser


def _list(_: argparse.Namespace) -> int:
    for name in names():
        counts = ", ".join(f"{len(cases)} {size}" for size, cases in load(name).cases.items())
        print(f"{name:12} {text(name)[0]}  [cases: {counts}]")
    return 0


def _run(asked: argparse.Namespace) -> int:
    from benchmarks.harness.runner import Run, run

    has_cuda = torch.cuda.is_available()
    devices = asked.device or (["cpu", "cuda"] if has_cuda else ["cpu"])
    if "cuda" in devices and not has_cuda:
        raise SystemExit("`--device` must name devices that are present; got cuda without one. Use --device cpu.")
    chosen = names() if "all" in asked.names else asked.names
    only = selection(asked.only, [sizes for name in chosen for sizes in load(name).cases[asked.size]])
    pythons = dict(pair.split("=", 1) for pair in asked.peer_python)
    failed = run(
        Run(
            chosen,
            asked.size,
            devices,
            asked.out,
            threads=asked.threads,
            seed=asked.seed,
            rounds=asked.rounds,
            has_peers=asked.peers,
            pythons=pythons,
            commit=asked.commit,
            only=only,
        )
    )
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _compare(asked: argparse.Namespace) -> int:
    found, is_slower = report(asked.first, asked.second, asked.tolerance)
    print(found)
    return int(is_slower)


def _plot(asked: argparse.Namespace) -> int:
    from benchmarks.harness.headline import write_headline_plots
    from benchmarks.harness.plot import write_plots

    for path in [*write_plots(asked.out), *write_headline_plots(asked.out)]:
        print(path)
    return 0


def _table(asked: argparse.Namespace) -> int:
    from benchmarks.harness.table import RESULTS_PAGE, write_page
    from benchmarks.readme import write_readme

    is_own = asked.out == FOLDER
    page = RESULTS_PAGE if is_own else asked.out / "RESULTS.md"
    write_page(asked.out, page)
    print(page)
    if is_own:
        write_readme()
    return 0


if __name__ == "__main__":
    sys.exit(main())
