"""Tables and plots show the recorded numbers and no others."""

import re
from pathlib import Path

from benchmarks.harness.headline import headline, write_headline_plots
from benchmarks.harness.plot import swept, write_plots
from benchmarks.harness.question import Question
from benchmarks.harness.results import append, places
from benchmarks.harness.show import duration, markdown_table
from benchmarks.harness.table import results_page, table, write_page
from benchmarks.questions.scoring import QUESTION as SCORING
from tests.benchmarks.rows import row


def test_a_row_is_shown_with_its_ratio_to_the_first_side_per_item() -> None:
    rows = [row(count=100, unit="candidates"), row("dense", (0.5, 0.5, 0.5), count=10, values={"same": True})]
    first, second = table(rows, {}, places(rows)).splitlines()[2:]
    assert first == "| n=20 | cpu | gpbop | 1 s | 990 ms to 1.01 s | 4 | 100 candidates |  |  |"
    assert second == "|  |  | dense | 500 ms | 500 ms to 500 ms | 3 | 20 calls | 5x | yes |"


def test_rows_of_several_numbers_of_threads_are_told_apart(tmp_path: Path) -> None:
    rows = [row(sizes={"n": n}, threads=threads, busy=threads / 2) for n in (10, 20) for threads in (1, 2)]
    rows.append(row(question="tell", sizes={"n": 7}))
    page = results_page(rows, tmp_path, tmp_path)
    assert "| n=10 | cpu x 1 | gpbop | 1 s (disturbed) | 990 ms to 1.01 s | 4 |  |" in page
    assert "| n=10 | cpu x 2 | gpbop | 1 s | 990 ms to 1.01 s | 4 | 1.0 of 2 |" in page
    assert "| n=7 | cpu x 1 |" in page  # another question of the same machine
    for one in rows:
        append(tmp_path / f"{one['question']}.jsonl", one)
    (plot,) = write_plots(tmp_path)
    assert {"gpbop (cpu x 1)", "gpbop (cpu x 2)"} <= set(re.findall(r">([^<]*)</text>", plot.read_text()))


def test_columns_without_entries_are_left_out() -> None:
    assert markdown_table(["a", "b"], [["1", ""], ["2", ""]]) == "| a |\n| --- |\n| 1 |\n| 2 |"


def test_pages_are_the_same_whenever_they_are_made(tmp_path: Path) -> None:
    for n in (10, 20):
        append(tmp_path / "ask.jsonl", row(sizes={"n": n}))
    pages, plots = [], []
    for _ in range(2):
        (plot,) = write_plots(tmp_path)
        write_page(tmp_path, tmp_path / "RESULTS.md")
        pages.append((tmp_path / "RESULTS.md").read_text())
        plots.append(plot.read_text())
    assert pages[0] == pages[1]
    assert plots[0] == plots[1]
    (shown,) = re.findall(r"!\[ask\]\((.*)\)", pages[0])
    assert (tmp_path / shown).samefile(plot)


def test_memory_has_a_plot_of_its_own(tmp_path: Path) -> None:
    for m, peak in ((10**6, 400.0), (10**8, 410.0)):
        sizes = {"acquisition": "ei", "n": 200, "m": m}
        append(tmp_path / "grids.jsonl", row(sizes=sizes, question="grids", host_peak_mib=peak))
    rate, memory = write_plots(tmp_path)
    assert (rate.name, memory.name) == ("grids-a-cpu.svg", "grids-host-peak-mib-a-cpu.svg")
    assert "MiB of the process" in memory.read_text()
    assert "MiB of the process" not in rate.read_text()
    write_page(tmp_path, tmp_path / "RESULTS.md")
    assert (tmp_path / "RESULTS.md").read_text().count("![grids](plots/grids-") == 2


def test_no_rows_no_numbers(tmp_path: Path) -> None:
    assert "No results are recorded yet." in results_page([], tmp_path, tmp_path)
    assert "No results are recorded yet" in headline(tmp_path)


def test_the_headline_is_the_base_case(tmp_path: Path) -> None:
    base, path = SCORING.cases["full"][0], tmp_path / "scoring.jsonl"
    scored = {"question": "scoring", "unit": "candidates", "size": "full"}
    append(path, row(sizes=base, count=100, **scored))
    append(path, row("dense", (0.5, 0.5, 0.5), sizes=base, count=10, **scored))
    append(path, row("dense", (7.0, 7.0, 7.0), sizes=base | {"n": 7}, count=10, **scored))
    assert "| A CPU | cpu | ei | gpbop | 100 |  |\n|  |  |  | dense | 20 | 5x as fast |" in headline(tmp_path)
    assert headline(tmp_path).count("dense |") == 1
    assert "![" not in headline(tmp_path)
    (plot,) = write_headline_plots(tmp_path)  # n is swept, by the row with 7 observations
    assert f"](benchmarks/results/plots/{plot.name})" in headline(tmp_path)


def test_the_headline_is_of_the_fewest_threads(tmp_path: Path) -> None:
    base, path = SCORING.cases["full"][0], tmp_path / "scoring.jsonl"
    for threads, seconds in ((2, 1.0), (1, 2.0)):
        for sizes in (base, base | {"n": 7}):
            scored = {"question": "scoring", "unit": "candidates", "size": "full", "count": 100, "sizes": sizes}
            append(path, row(times=(seconds,) * 3, threads=threads, **scored))
    assert "| A CPU | cpu x 1 | ei | gpbop | 50 |" in headline(tmp_path)
    assert headline(tmp_path).count("gpbop |") == 1
    assert "CPU threads: 1;" in headline(tmp_path)
    (plot,) = write_headline_plots(tmp_path)
    assert "gpbop (cpu x 1)" in plot.read_text()
    assert "cpu x 2" not in plot.read_text()


def test_the_headline_has_the_largest_grids(tmp_path: Path) -> None:
    scored = {"unit": "candidates", "size": "full"}
    append(tmp_path / "scoring.jsonl", row(sizes=SCORING.cases["full"][0], question="scoring", **scored))
    assert "whole grid" not in headline(tmp_path)
    for m, name in ((10**9, "ei"), (10**6, "ei"), (10**9, "ucb")):
        sizes = {"acquisition": name, "n": 200, "m": m, "d": 6, "k": 100}
        append(tmp_path / "grids.jsonl", row(sizes=sizes, question="grids", count=m - 7, times=(2.0,) * 3, **scored))
    lines = headline(tmp_path).splitlines()
    assert "The exact best 100 of a whole grid of 6 parameters by `ei`:" in lines
    assert lines.count("| A CPU | cpu | 200 | 999,999,993 | 2 s | 500,000,000 |") == 1
    assert not any("999,993 " in line for line in lines if "999,999,993" not in line)


def test_a_sweep_changes_one_size_at_a_time() -> None:
    question = Question({}, lambda setting: iter(()))
    sizes = [{"n": 1, "m": 1, "name": "a"}, {"n": 2, "m": 1, "name": "a"}, {"n": 1, "m": 5, "name": "a"}]
    panels = swept([row(sizes=one) for one in [*sizes, {"n": 1, "m": 1, "name": "b"}]], question)
    assert {key: [one["sizes"] for one in rows] for key, rows in panels.items()} == {
        "n": sizes[:2],
        "m": [sizes[0], sizes[2]],
    }


def test_durations_keep_three_digits() -> None:
    assert [duration(s) for s in (123.4, 1.0, 0.01234, 9.999e-5, 2e-9)] == ["123 s", "1 s", "12.3 ms", "100 us", "2 ns"]
