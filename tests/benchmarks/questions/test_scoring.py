"""The candidates of the scoring question."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.problems import fitted, space_of
from benchmarks.questions.scoring import _levels, candidates
from gpbop import Grid


@given(st.integers(1, 6), st.integers(0, 2), st.integers(100, 5000))
def test_a_grid_has_nearly_as_many_configs_as_were_asked_for(d: int, categorical: int, m: int) -> None:
    space = space_of(d, categorical)
    size = Grid(space, fixed=_levels(space, m)).size
    assert size is not None
    assert m / 2 < size <= m


@pytest.mark.parametrize("kind", ["scattered", "sample", "table"])
def test_sources_have_as_many_candidates_as_were_asked_for(kind: str, tmp_path: Path) -> None:
    source = candidates(fitted(3, 1, 20), kind, 70, tmp_path / "t.parquet", 0)
    assert source.size == 70
    assert sum(len(block) for block in source.blocks(32)) == 70
