"""`gpbop score`: what it prints and writes is what `score` returns; every mistake is one line."""

import csv
import json
import os
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from gpbop import Categorical, Float, GaussianProcess, Grid, Integer, Space, cli, score
from gpbop.cli.score import _fixed, _printed
from gpbop.files import replacing
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


def test_a_column_called_index_is_shown_beside_the_position() -> None:
    gp = GaussianProcess.fit(SPACE, TRIALS, LOSSES)
    top = score(gp, [config | {"index": f"i{i}", "mean": "m"} for i, config in enumerate(SPACE.sample(9, 3))], k=3)
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(_printed(top, 200))
    lines = [line.split() for line in captured.get().splitlines()]
    assert lines[0] == ["index_", "width", "kind", "rate", "index", "mean", "mean_", "std", "value"]
    assert [(row[0], row[4]) for row in lines[1:]] == [(str(i), f"i{i}") for i in top.indices]


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("use=False", False),
        ("use=TRUE", True),
        ("use=false", False),
        ("use=[False, True]", [False, True]),
        ("text=False", "False"),
        ("width=8", 8),
        ("width=.5", 0.5),
        ("width=" + 10**5 * "[", 10**5 * "["),
    ],
)
def test_fixed_values_are_read_in_json_or_python(pair: str, expected: Any) -> None:
    space = Space(
        {"use": Categorical([False, True]), "text": Categorical(["True", "False"]), "width": Float(0, 9, step=0.5)}
    )
    assert _fixed(space, pair) == (pair.partition("=")[0], expected)


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
    monkeypatch.setattr(sys, "argv", ["gpbop", "score", *shlex.split(line)])
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
        (f"{260 * 'x'}.parquet {COMMON} --out top.csv", "`path` must exist; got 'xxx"),
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
        (
            "candidates.parquet --space space.json --observed yes.csv",
            "`loss` in row 1 of 'yes.csv' must be a number; got",
        ),
        ("candidates.parquet --space latin.json --observed trials.csv", "`--space` must name a JSON file; got 'latin"),
        ("candidates.parquet --space deep.json --observed trials.csv", "`--space` must name a JSON file; got 'deep"),
        (f"--grid {COMMON} --fix width={10**4 * '['}", "`fixed` of `width` must be a number"),
        (f"--grid {COMMON} --fix kind={900 * '['}{900 * ']'}", "`--fix` must be a value; got lists in lists"),
        (f"candidates.parquet {COMMON} --out folder.csv", "`--out` must name a file that can be written; got 'folder"),
        (f"candidates.parquet {COMMON} --all folder.parquet", "`--all` must name a file that can be written"),
        (f"candidates.parquet {COMMON} --out {260 * 'x'}.parquet", "`--out` must name a file that can be written"),
        (f"candidates.parquet {COMMON} --out top.parquet --all ./top.parquet", "which is `--out`. Give another place."),
        (f"candidates.parquet {COMMON} --out candidates.parquet", "`--out` must be a file of its own; got 'candidates"),
        (f"candidates.parquet {COMMON} --all candidates.parquet", "`--all` must be a file of its own"),
        (f"candidates.parquet {COMMON} --out linked.csv", "got 'linked.csv', which is `--observed`."),
        (f"folder.parquet {COMMON} --all folder.parquet/b.parquet", "which is in `candidates`. Give another place."),
        (f"folder.parquet {COMMON} --out folder.parquet/link.parquet", "which is in `candidates`."),
        ("t.csv --space s.csv --observed trials.csv --out s.csv", "got 's.csv', which is `--space`."),
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
    write_csv(folder / "yes.csv", [good | {"loss": 1.0}, good | {"loss": "true"}])
    (folder / "latin.json").write_bytes("{'ä': 1}".encode("latin-1"))
    (folder / "deep.json").write_text(10**5 * "[")
    for name in ("folder.csv", "folder.parquet"):
        (folder / name).mkdir()
    (folder / "linked.csv").symlink_to(folder / "trials.csv")
    (folder / "folder.parquet" / "link.parquet").symlink_to(folder / "candidates.parquet")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    write_csv(folder / "bad.csv", [good | {"kind": "C", "loss": 1.0}])
    code, out, err = run(monkeypatch, capsys, line)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert match in err
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not list(folder.glob(".gpbop-*"))


@pytest.mark.parametrize("seed", ["-1", str(2**32), str(2**64)])
def test_a_seed_out_of_range_names_the_option(folder: Path, monkeypatch: Any, capsys: Any, seed: str) -> None:
    code, out, err = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --seed {seed}")
    assert (code, out) == (2, "")
    assert "--seed" in err
    assert "Traceback" not in err


def test_ctrl_c_prints_the_best_so_far_and_says_so(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    gp = GaussianProcess.fit(SPACE, Table(folder / "trials.csv", SPACE).configs(range(15)), LOSSES)
    top = score(gp, Table(folder / "candidates.parquet"), k=5)
    stopped = replace(top, certificate=replace(top.certificate, is_complete=False, candidates=64))
    monkeypatch.setattr(sys.modules["gpbop.cli.score"], "score_candidates", lambda *_, **__: stopped)
    code, out, _ = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --out top.csv --all scores.parquet")
    assert code == 130
    assert out.splitlines()[-1] == "Stopped after 64 candidates: others may be better."
    assert (folder / "top.csv").exists()
    assert not (folder / "scores.parquet").exists()


def test_ctrl_c_before_anything_was_found_leaves_the_old_file(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    gp = GaussianProcess.fit(SPACE, TRIALS, LOSSES)
    top = score(gp, TRIALS, k=5)
    stopped = replace(top, certificate=replace(top.certificate, is_complete=False, candidates=0))
    assert not len(top)
    (folder / "top.csv").write_text("good")
    monkeypatch.setattr(sys.modules["gpbop.cli.score"], "score_candidates", lambda *_, **__: stopped)
    code, out, _ = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --out top.csv")
    assert code == 130
    assert out.splitlines()[-1] == "Stopped: nothing was found yet."
    assert (folder / "top.csv").read_text() == "good"


@pytest.mark.parametrize("step", ["read_space", "read_observed", "plan", "score_candidates", "write_scores"])
def test_ctrl_c_anywhere_is_one_line(folder: Path, monkeypatch: Any, capsys: Any, step: str) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["gpbop.cli.score"], step, interrupt)
    code, _, err = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --top 5 --all scores.parquet")
    assert (code, err) == (130, "gpbop: stopped.\n")


def test_sigterm_leaves_nothing_behind(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    def write(_gp: Any, _source: Any, path: Path, **_: Any) -> None:
        with replacing(path):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys.modules["gpbop.cli.score"], "write_scores", write)
    code, _, err = run(monkeypatch, capsys, f"candidates.parquet {COMMON} --top 5 --all scores.parquet")
    assert (code, err) == (130, "gpbop: stopped.\n")
    assert not list(folder.glob("*scores.parquet")) + list(folder.glob(".gpbop-*"))
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_grid_of_the_readme(folder: Path, monkeypatch: Any, capsys: Any) -> None:
    space = Space(
        {
            "encoder_size": Integer(4, 64, log=True),
            "decoder": Categorical(["A", "B"]),
            "use_dropout": Categorical([False, True]),
            "dropout": Float(0.05, 0.5, when={"use_dropout": [True]}),
            "noise": Float(0.0, 0.5, step=0.1),
        }
    )
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith("    gpbop score --grid"))
    (folder / "space.json").write_text(json.dumps(space.to_dict()))
    write_csv(
        folder / "trials.csv",
        [
            {name: config.get(name, "") for name in space.names} | {"loss": i}
            for i, config in enumerate(space.sample(9, 0))
        ],
    )
    code, out, err = run(monkeypatch, capsys, line.partition("score ")[2].replace("cuda", "cpu"))
    assert (code, err) == (0, "")
    assert out.startswith(f"{61 * 2 * 6} candidates on cpu")


@pytest.mark.parametrize("place", ["_top.parquet", "_out/top.parquet", ".hidden/top.parquet", "top.csv"])
def test_what_no_folder_is_read_for_may_be_written_there(
    folder: Path, monkeypatch: Any, capsys: Any, place: str
) -> None:
    whole = folder / "parts"
    (whole / place).parent.mkdir(parents=True)
    (whole / "a.parquet").write_bytes((folder / "candidates.parquet").read_bytes())
    code, out, _ = run(monkeypatch, capsys, f"parts {COMMON} --top 3 --out parts/{place}")
    assert code == 0
    assert f"3 candidates written to parts/{place}" in out
    assert Table(whole, SPACE).size == Table(folder / "candidates.parquet", SPACE).size
