"""The candidates of the scoring question, and what its peers are given."""

from itertools import product
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.problems import fitted, space_of, uniform
from benchmarks.questions.scoring import ACQUISITIONS, BASES, PEERS, QUESTION, _levels, _onehot, candidates, takes_peers
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


@given(st.integers(1, 4), st.integers(0, 3))
def test_onehot_rows_differ_where_choices_do(d: int, categorical: int) -> None:
    gp = fitted(d, categorical, 20)
    X = uniform(gp.space, 30, 0)
    rows = _onehot(gp.factor.form.columns, X)
    apart = torch.cdist(rows, rows).square()
    different = (X[:, None, d:] != X[None, :, d:]).sum(-1)
    torch.testing.assert_close(apart, torch.cdist(X[:, :d], X[:, :d]).square() + 2.0 * different)


def test_every_acquisition_function_meets_the_peers_once_in_each_of_their_spaces_and_one_in_the_sweep_of_n() -> None:
    names, cases = ("acquisition", *PEERS), QUESTION.cases["full"]
    expected = [BASES["full"] | dict(zip(names, each, strict=True)) for each in product(ACQUISITIONS, *PEERS.values())]
    expected += [BASES["full"] | {"n": n} for n in {case["n"] for case in cases} - {BASES["full"]["n"], 5000}]
    assert sorted(map(str, filter(takes_peers, cases))) == sorted(map(str, expected))
    assert len(set(map(str, cases))) == len(cases)


@pytest.mark.parametrize("change", [{"m": 10_000}, {"k": 10}, {"source": "sample"}, {"noise": 0.5}, {"n": 5000}])
def test_peers_are_kept_out_of_what_their_work_does_not_depend_on(change: dict) -> None:
    for base in BASES.values():
        assert takes_peers(base)
        assert not takes_peers(base | change)
