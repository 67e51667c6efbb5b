"""`gpbop score`: what it prints and writes is what `score` returns; every mistake is one line."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from gpbop import Categorical, Float, GaussianProcess, Grid, Integer, Space, cli, score
from gpbop.cli.score import _printed
from gpbop.scoring.sources import Table

SPACE = Space({"width": Integer(1, 16), "kind": Categorical(["A", "B", "1"]), "rate": Float(1e-3, 1.0, log=True)})
TRIALS = SPACE.sample(15, 0)
LOSSES = [(config["width"] - 5) ** 2 + config["rate"] for config in TRIALS]


def test_where_there_is_room_names_are_folded_and_cells_are_not() -> None:
    gp = GaussianProcess.fit(SPACE, TRIALS, LOSSES)
    top = score(gp, Grid(SPACE, {"rate": [0.0012345, 0.12345]}), k=4)
    top = replace(top, extras={"a_long_name_of_a_price_in_euros": [0.12345] * 4})
    for width, is_whole in ((60, True), (40, False)):
        console = Console(width=width, color_system=None)
        with console.capture() as captured:
            console.print(_printed(top, width))
        lines = captured.get().splitlines()
        assert all(len(line) <= width for line in lines)
        rows = [line for line in lines if line.split() and line.split()[0] in map(str, top.indices)]
        assert (len(rows) == 4 and lines[-4:] == rows) == is_whole


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.json").write_text(json.dumps(SPACE.to_dict()))
    failed = [{**SPACE.sample(1, 9)[0], "loss": ""}]
    write_csv(tmp_path / "trials.csv", [c | {"loss": v} for c, v in zip(TRIALS, LOSSES, strict=True)] + failed)
    rows = [*TRIALS, *SPACE.sample(300, 1)]
    pq.write_table(
        pa.Table.from_pylist([c | {"price": i} for i, c in enumerate(rows)]), tmp_path / "candidates.parquet"
    )
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> tuple[Any, str, str]:
    monkeypatch.setattr(sys, "argv", ["gpbop", "score", *line.split()])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code, *capsys.readouterr()


COMMON = "--space space.json --observed trials.csv"


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_best_of_a_table(folder: Path, monkeypatch: Any, capsys: Any, suffix: str) -> None:
    line = f"candidates.parquet {COMMON} --top 25 --out top.{suffix} --all scores.parquet --acquisition ucb --beta 2"
    code, out, err = run(monkeypatch, capsys, line)
    assert (code, err) == (0, "")
    gp = GaussianProcess.fit(SPACE, Table(folder / "trials.csv", SPACE).configs(range(15)), LOSSES)
    expected = score(gp, Table(folder / "candidates.parquet"), acquisition="ucb", beta=2.0, k=25)
    lines = out.splitlines()
    assert lines[0].startswith("315 candidates on cpu with ")
    assert lines[1].split() == ["index", "width", "kind", "rate", "price", "mean", "std", "value"]
    assert [int(line.split()[0]) for line in lines[2:12]] == expected.indices[:10]
    assert lines[12:] == [
        f"25 candidates written to top.{suffix}",
        "315 candidates with their scores written to scores.parquet",
    ]
    assert Table(folder / f"top.{suffix}", SPACE).configs(range(25)) == expected.configs
    read = pq.read_table(folder / "scores.parquet").sort_by([("value", "descending"), ("index", "ascending")])
    new = [index for index in read["index"].to_pylist() if index >= len(TRIALS)]  # the best are without the observed
    assert new[:25] == expected.indices


def test_the_best_of_a_grid(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    line = f"--grid {COMMON} --fix rate=[0.01,0.1] --fix kind=1 --direction maximize --top 7 --batch --out top.csv"
    code, out, err = run(monkeypatch, capsys, line)
    assert (code, err) == (0, "")
    gp = GaussianProcess.fit(SPACE, Table(folder / "trials.csv", SPACE).configs(range(15)), LOSSES)
    grid = Grid(SPACE, {"rate": [0.01, 0.1], "kind": "1"})
    expected = score(gp, grid, direction="maximize", k=7, batch=True)
    assert [int(line.split()[0]) for line in out.splitlines()[2:9]] == expected.indices
    assert out.startswith("32 candidates on cpu")


def test_more_than_there_are_and_repeats(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    code, out, _ = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --top 1000 --repeats")
    assert code == 0
    assert "`k` is 1000, but the source has only 315 candidates: all of them are here." in " ".join(out.split())
    code, out, _ = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --top 1000")
    assert "only 300 candidates that were not observed" in " ".join(out.split())


@pytest.mark.parametrize(
    ("line", "match"),
    [
        (
            "candidates.parquet --space nowhere.json --observed trials.csv",
            "`--space` must name a file that can be read",
        ),
        ("candidates.parquet --space trials.csv --observed trials.csv", "`--space` must name a JSON file"),
        ("candidates.parquet --space empty.json --observed trials.csv", "`state` must be a dict from `Space.to_dict`"),
        ("candidates.parquet --space space.json --observed nowhere.csv", "`path` must exist; got 'nowhere.csv'"),
        (f"nowhere.parquet {COMMON}", "`path` must exist; got 'nowhere.parquet'"),
        (f"cut.parquet {COMMON}", "`cut.parquet` must be readable"),
        (f"trials.csv {COMMON} --acquisition best", "`acquisition` must be one of"),
        (f"{COMMON}", "`candidates` must be a file, or else --grid; got neither"),
        (f"candidates.parquet --grid {COMMON}", "`candidates` must be a file, or else --grid"),
        (f"candidates.parquet {COMMON} --fix kind=A", "`--fix` must come with --grid"),
        (f"--grid {COMMON} --fix kind", "`--fix` must have the form NAME=VALUE; got 'kind'"),
        (f"--grid {COMMON} --fix knd=A", "`fixed` must name parameters of the space; got 'knd'"),
        (f"--grid {COMMON}", "`space` must be finite to have a grid"),
        (f"candidates.parquet {COMMON} --out top.xlsx", "`--out` must end in .parquet or .csv"),
        (
            f"candidates.parquet {COMMON} --out nowhere/top.csv",
            "`--out` must end in .parquet or .csv, in a folder that",
        ),
        (f"candidates.parquet {COMMON} --all scores.csv", "`--all` must end in .parquet"),
        (
            f"candidates.parquet {COMMON} --objective lss",
            "`--objective` must name the column of values in 'trials.csv'",
        ),
        ("candidates.parquet --space space.json --observed two.csv", "got None among ['loss', 'time']"),
        ("candidates.parquet --space space.json --observed text.csv", "`loss` in row 1 of 'text.csv' must be a number"),
        ("candidates.parquet --space space.json --observed none.csv", "`--observed` must hold a value; got none"),
        ("candidates.parquet --space space.json --observed bad.csv", "`kind` in row 0 of 'bad.csv' must be one of"),
    ],
)
def test_mistakes_are_one_line(folder: Path, monkeypatch: Any, capsys: Any, line: str, match: str) -> None:
    (folder / "empty.json").write_text("{}")
    whole = (folder / "candidates.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    good = TRIALS[0]
    write_csv(folder / "two.csv", [good | {"loss": 1.0, "time": 2.0}])
    write_csv(folder / "text.csv", [good | {"loss": 1.0}, good | {"loss": "high"}])
    write_csv(folder / "none.csv", [good | {"loss": None}, good | {"loss": "nan"}])
    write_csv(folder / "bad.csv", [good | {"kind": "C", "loss": 1.0}])
    code, out, err = run(monkeypatch, capsys, line)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert match in err


def test_ctrl_c_prints_the_best_so_far_and_says_so(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    gp = GaussianProcess.fit(SPACE, Table(folder / "trials.csv", SPACE).configs(range(15)), LOSSES)
    top = score(gp, Table(folder / "candidates.parquet"), k=5)
    stopped = replace(top, certificate=replace(top.certificate, is_complete=False, candidates=64))
    monkeypatch.setattr(sys.modules["gpbop.cli.score"], "score_candidates", lambda *_, **__: stopped)
    code, out, _ = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --out top.csv --all scores.parquet")
    assert code == 130
    assert out.splitlines()[-1] == "Stopped: these are the best of the first 64 only."
    assert (folder / "top.csv").exists()
    assert not (folder / "scores.parquet").exists()
