"""The best candidates as tables and files."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given

from gpbop import score
from gpbop.errors import ArgumentError
from gpbop.scoring import Top
from gpbop.scoring.sources import Table
from tests.scoring.candidates import process
from tests.scoring.sources.tables import is_plain, spaces_with_configs


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".CSV"])
@given(case=spaces_with_configs())
def test_what_is_saved_is_the_frame(tmp_path_factory: pytest.TempPathFactory, suffix: str, case: Any) -> None:
    space, configs = case
    rows = [config | {"id": f"n{i}", "price": i / 8} for i, config in enumerate(configs)]
    top = score(process(space, 3), rows, k=5, skip_observed=False)
    path = tmp_path_factory.mktemp("t") / f"top{suffix}"
    top.save(path)
    frame = top.to_frame()
    read = pd.read_csv(path) if suffix != ".parquet" else pd.read_parquet(path)
    assert list(read.columns) == list(frame.columns)
    assert read["id"].tolist() == frame["id"].tolist()
    for name in ("price", "mean", "std", "value", "index"):
        assert read[name].tolist() == pytest.approx(frame[name].tolist(), rel=1e-15)
    if set(space.names) <= set(read.columns) and all(map(is_plain, space.parameters.values())):
        assert Table(path, space).configs(range(len(top))) == top.configs


def test_files_of_other_kinds_and_places_are_refused(tmp_path: Path) -> None:
    top = Top([{"a": 1}], [0.0], [1.0], [0.5], [3], {}, None)  # type: ignore[arg-type]
    for name in ("top.xlsx", "top"):
        with pytest.raises(ArgumentError, match=r"`path` must end in \.parquet or \.csv"):
            top.save(tmp_path / name)
    with pytest.raises(ArgumentError, match="`path` must name a file in a folder that exists"):
        top.save(tmp_path / "nowhere" / "top.csv")
    (tmp_path / "top.csv").write_text("old")
    top.save(str(tmp_path / "top.csv"))
    assert (tmp_path / "top.csv").read_text() == '"a","mean","std","value","index"\n1,0,1,0.5,3\n'
