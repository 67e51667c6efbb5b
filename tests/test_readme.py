"""The README's examples run, and its figures are those of the recorded results."""

import re
from pathlib import Path

import pytest

from benchmarks.readme import sections

README = Path(__file__).parent.parent / "README.md"


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 6
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), scope)
    assert {"search.json", "next.csv", "scores.parquet"} <= {path.name for path in tmp_path.iterdir()}
    averages = f"{scope['found']:.0f} on average, where {scope['everybody']:.0f} is the average of all"
    assert averages in " ".join(README.read_text().split())


@pytest.mark.parametrize("name", ["story", "replay", "latency", "benchmarks", "designs", "baselines", "stopping"])
def test_figures_are_the_recorded_ones(name: str) -> None:
    assert sections()[name] in README.read_text(), "run: python -m benchmarks.readme"
