"""Slowdowns are found, noise is not."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.__main__ import main
from benchmarks.harness.compare import compare
from tests.benchmarks.rows import row


def runs(center: float, spread: float, seed: int, count: int = 12) -> tuple[float, ...]:
    """Return run times scattered around a center."""
    noise = np.random.default_rng(seed).standard_normal(count)
    return tuple((center * np.exp(spread * noise)).tolist())


def verdict(before: dict, after: dict) -> str:
    (difference,) = compare([before], [after])
    return difference.verdict


@given(st.floats(0.001, 100.0), st.floats(0.0, 0.1), st.integers(0, 50))
def test_runs_alike_agree(center: float, spread: float, seed: int) -> None:
    one, other = runs(center, spread, seed), runs(center, spread, seed + 1000)
    assert verdict(row(times=one), row(times=other)) == "same"


@given(st.floats(0.001, 100.0), st.floats(0.0, 0.05), st.integers(0, 50), st.floats(1.8, 10.0))
def test_a_change_of_speed_is_found_in_both_directions(center: float, spread: float, seed: int, factor: float) -> None:
    fast, slow = row(times=runs(center, spread, seed)), row(times=runs(factor * center, spread, seed + 1000))
    assert verdict(fast, slow) == "slower"
    assert verdict(slow, fast) == "faster"


def test_noise_as_large_as_the_change_hides_it() -> None:
    assert verdict(row(times=(1.0, 2.0, 3.0, 1.5)), row(times=(1.6, 3.2, 4.8, 2.4))) == "same"


def test_rows_that_disagree_among_themselves_hide_a_change() -> None:
    before = [row(times=(1.0, 1.0, 1.0)), row(times=(2.0, 2.0, 2.0))]
    (difference,) = compare(before, [row(times=(2.0, 2.0, 2.0))])
    assert difference.verdict == "same"


def test_a_disturbed_run_tells_nothing() -> None:
    assert verdict(row(), row(times=(2.0, 2.0, 2.0), busy=0.5)) == "disturbed"
    assert verdict(row(device="cuda"), row(device="cuda", times=(2.0, 2.0, 2.0), busy=0.5)) == "slower"


def test_two_runs_tell_nothing() -> None:
    assert verdict(row(times=(1.0, 1.0)), row(times=(5.0, 5.0))) == "too few runs"


@pytest.mark.parametrize("change", [{"device": "cuda"}, {"threads": 2}, {"sizes": {"n": 21}}, {"side": "other"}])
def test_only_equal_cases_are_compared(change: dict) -> None:
    assert compare([row()], [row() | change]) == []


def test_machines_are_not_compared_with_each_other() -> None:
    other = row(environment=row()["environment"] | {"cpu": "Another CPU"})
    assert compare([row()], [other]) == []


def write(path: Path, *rows: dict) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_exit_status_and_report(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    fast = write(tmp_path / "fast.jsonl", row(), row("peer", is_peer=True))
    slow = write(tmp_path / "slow.jsonl", row(times=(2.0, 2.01, 1.99)), row("peer", is_peer=True))
    slow_peer = write(tmp_path / "peer.jsonl", row(), row("peer", is_peer=True, times=(2.0, 2.01, 1.99)))
    assert main(["compare", fast, slow]) == 1
    assert "2.01" not in (report := capsys.readouterr().out)
    assert "| 1 s | 2 s | 2 |" in report
    assert "1 slower, 1 same" in report
    assert main(["compare", slow, fast]) == 0
    assert main(["compare", fast, fast]) == 0
    assert main(["compare", fast, slow_peer]) == 0
    assert main(["compare", fast, slow, "--tolerance", "1.5"]) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="must be a file or a folder of results"):
        main(["compare", str(tmp_path / "a"), str(tmp_path / "b")])
