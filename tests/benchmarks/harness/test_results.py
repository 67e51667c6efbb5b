"""Rows come back as they were written, and the last one of a case counts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.results import append, latest, machine, places, read, sizes_text
from tests.benchmarks.rows import row

ROWS = st.lists(
    st.builds(lambda n, side, seconds: row(side, (seconds,), sizes={"n": n}), st.integers(1, 3), st.sampled_from("ab"),
              st.floats(0.1, 9.0)),
    max_size=8,
)  # fmt: skip


def test_appended_rows_are_read_in_order(tmp_path: Path) -> None:
    rows = [row("first"), row("second")]
    for one in rows:
        append(tmp_path / "new" / "ask.jsonl", one)
    assert read(tmp_path / "new" / "ask.jsonl") == rows
    append(tmp_path / "new" / "of_another_script.jsonl", {"unknown": 1})
    assert read(tmp_path / "new") == rows


@given(ROWS, ROWS)
def test_merging_is_concatenation(first: list, second: list) -> None:
    assert latest(latest(first) + latest(second)) == latest(first + second)


@given(ROWS)
def test_the_last_row_of_each_case_counts(rows: list) -> None:
    kept = {(one["side"], one["sizes"]["n"]): one["median"] for one in rows}
    assert {(one["side"], one["sizes"]["n"]): one["median"] for one in latest(rows)} == kept


def test_a_machine_is_its_processor_and_gpu() -> None:
    environment = {"cpu": "C", "gpu": None}
    assert machine({"environment": environment}) == "C"
    assert machine({"environment": environment | {"gpu": "G"}}) == "C + G"
    assert sizes_text({"n": 1, "m": None, "k": "x"}) == "n=1 k=x"


def test_a_device_is_named_with_its_threads_where_it_has_rows_of_several_numbers() -> None:
    one, two, gpu = row(), row(threads=2), row(device="cuda")
    assert places([one, gpu, one]) == {("cpu", 1): "cpu", ("cuda", 1): "cuda"}
    assert places([one, gpu, two]) == {("cpu", 1): "cpu x 1", ("cpu", 2): "cpu x 2", ("cuda", 1): "cuda"}


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="got nothing there"):
        read(tmp_path / "absent")
