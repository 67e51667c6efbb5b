"""The README's examples run, and its figures are those of the recorded results."""

import re
from pathlib import Path

import pytest

from benchmarks.readme import sections

README = Path(__file__).parent.parent / "README.md"


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 4
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), scope)
    assert (tmp_path / "search.json").exists()


@pytest.mark.parametrize("name", ["replay", "latency"])
def test_figures_are_the_recorded_ones(name: str) -> None:
    assert sections()[name] in README.read_text(), "run: python -m benchmarks.readme"
