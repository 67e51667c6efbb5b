"""What is left out of a source, where the work is done, and which mistakes are named at the door."""

from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Categorical, Float, GaussianProcess, Grid, Integer, Optimizer, Space, plan, score, score_all
from gpbop.errors import ArgumentError, ConfigError, DeviceError, GpbopError, ShapeError, SpaceError
from gpbop.scoring.job import SCORED, Job
from gpbop.scoring.sources import SourceError
from tests.scoring.candidates import process
from tests.spaces import spaces

SPACE = Space({"width": Integer(1, 8), "kind": Categorical(["A", "B"]), "depth": Integer(1, 3, when={"kind": ["B"]})})


def rows(X: torch.Tensor) -> set[tuple[float, ...]]:
    return set(map(tuple, X.tolist()))


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("batch", [False, True])
def test_observed_candidates_are_left_out_unless_repeats_are_worth_it(name: str, batch: bool) -> None:
    gp, grid = process(SPACE, 20), Grid(SPACE)
    everything = grid.extent
    new = everything - len(rows(gp.X))
    options: dict[str, Any] = {"acquisition": name, "k": everything, "batch": batch, "threads": 1}
    default, without, whole = (score(gp, grid, skip_observed=skip, **options) for skip in (None, True, False))
    assert len(whole) == everything
    assert len(without) == new
    assert not rows(SPACE.encode(without.configs)) & rows(gp.X)
    assert default.indices == (whole if name == "noisy_ei" else without).indices
    if not batch:
        assert without.indices == [i for i in whole.indices if i in set(without.indices)]


@given(data=st.data())
def test_leaving_out_is_filtering_afterwards(data: st.DataObject) -> None:
    space = data.draw(spaces(finite=True, most=3))
    gp, grid = process(space, data.draw(st.integers(1, 12)), seed=data.draw(st.integers(0, 99))), Grid(space)
    k = data.draw(st.integers(1, 10))
    whole = score(gp, grid, k=grid.extent, skip_observed=False, threads=1)
    observed = rows(gp.X)
    new = [index for index in whole.indices if not rows(grid.rows(torch.tensor([index]))) & observed]
    assert score(gp, grid, k=k, threads=1).indices == new[:k]
    scored = score_all(gp, grid, skip_observed=True)
    assert [index for part in scored for index in part.index.tolist()] == sorted(new)


def test_pending_candidates_are_left_out_too() -> None:
    gp, grid = process(SPACE, 5), Grid(SPACE)
    first = score(gp, grid, k=1)
    pending = SPACE.encode(first.configs)
    assert first.indices[0] not in score(gp, grid, k=100, X_pending=pending).indices
    assert first.indices[0] in score(gp, grid, k=100, X_pending=pending, skip_observed=False).indices


def test_when_everything_was_observed_the_answer_is_empty_and_says_so() -> None:
    gp = process(SPACE, 10)
    for batch in (False, True):
        top = score(gp, gp.X, k=3, batch=batch)
        assert (len(top), top.configs, top.extras) == (0, [], {})
        assert top.certificate.is_complete
        assert top.certificate.note == (
            "`k` is 3, but the source has only 0 candidates that were not observed: all of them are here."
        )
        assert top.to_frame().empty


def test_more_than_there_are_come_back_with_a_note() -> None:
    gp = process(SPACE, 3)
    top = score(gp, Grid(SPACE, {"kind": "A"}), k=50, skip_observed=False)
    assert len(top) == 8
    assert top.certificate.note == "`k` is 50, but the source has only 8 candidates: all of them are here."


def test_the_process_is_moved_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    gp, asked = process(SPACE, 8), []

    def to(self: GaussianProcess, device: torch.device) -> GaussianProcess:
        asked.append(device)
        return replace(self)

    monkeypatch.setattr(GaussianProcess, "to", to)

    def job(device: str | torch.device) -> Job:
        return Job.of(gp, Grid(SPACE), "ei", "minimize", None, None, 1.0, 0, None, device, None)

    assert job("auto").question.gp is gp
    assert asked == []
    for device in ("cpu", torch.device("cpu")):
        assert job(device).question.gp is not gp
    assert asked == [torch.device("cpu")] * 2


@pytest.mark.parametrize("run", [score, score_all])
def test_devices_that_are_not_there_are_named(run: Any) -> None:
    gp = process(SPACE, 8)
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="`device` must be present; got 'cuda' with 0 CUDA devices"):
            run(gp, Grid(SPACE), device="cuda")
    with pytest.raises(DeviceError, match="`device` must be 'auto', 'cpu'"):
        run(gp, Grid(SPACE), device="abacus")


@pytest.mark.parametrize("run", [score, score_all])
@pytest.mark.parametrize("block_rows", [0, -1, 2.0, True])
def test_sizes_of_blocks_are_checked(run: Any, block_rows: Any) -> None:
    with pytest.raises(ShapeError, match="`block_rows` must be a positive int"):
        run(process(SPACE, 3), Grid(SPACE), block_rows=block_rows)


@pytest.mark.parametrize(
    ("candidates", "match"),
    [
        ([], "`data` must hold at least one row"),
        (torch.zeros(0, 3), "`X` must hold at least one row"),
        (torch.full((2, 3), torch.nan), "`X` must hold no NaN"),
        (torch.zeros(2, 2), "`X` must have"),
        ([{"width": 3, "kind": "C"}], "`kind` in row 0 of the list must be one of the choices; got 'C'"),
        ([{"width": float("nan"), "kind": "A"}], "`width` in row 0 of the list must .*nan"),
        ([{"width": "3", "kind": "A"}], "`width` in row 0 of the list must be a number; got '3'"),
        ([{"width": 3}], "`kind` in row 0 of the list must have a value"),
        ("nowhere.parquet", "`path` must exist; got 'nowhere.parquet'"),
        (Space({"a": Float(0, 1)}), "`candidates` must belong to the space of the model"),
    ],
)
def test_bad_candidates_are_named(candidates: Any, match: str) -> None:
    with pytest.raises(GpbopError, match=match):
        score(process(SPACE, 3), candidates)


def test_a_constraint_that_lets_nothing_through_is_named() -> None:
    none = Grid(SPACE, constraint=lambda X: torch.zeros(len(X), dtype=torch.bool))
    for run in (lambda: score(process(SPACE, 3), none), lambda: list(score_all(process(SPACE, 3), none))):
        with pytest.raises(SourceError, match="`constraint` must let a config through"):
            run()


PENDING = {
    "list": ([[0.0, 0.0, -1.0]], ShapeError, "be a tensor of shape k x 3; got list"),
    "flat": (torch.zeros(3), ShapeError, r"be a tensor of shape k x 3; got shape \(3,\)"),
    "wide": (torch.zeros(1, 4), ShapeError, r"got shape \(1, 4\)"),
    "code": (torch.tensor([[0.0, 7.0, -1.0]]), SpaceError, "`X_pending` in row 0 must be an encoded row of the space"),
    "nan": (torch.tensor([[0.0, torch.nan, -1.0]]), ConfigError, "NaN"),
}


@pytest.mark.parametrize("which", PENDING)
def test_pending_points_that_are_none_are_named(which: str) -> None:
    X, error, message = PENDING[which]
    for ask in (score, score_all, plan):
        with pytest.raises(error, match=message):
            ask(process(SPACE, 5), Grid(SPACE), X_pending=X)  # type: ignore[operator]


def test_pending_points_in_float32_are_what_they_are_in_float64() -> None:
    gp, X = process(SPACE, 5), SPACE.grid_rows(torch.tensor([3, 11]))
    one, other = (score(gp, Grid(SPACE), k=9, X_pending=rows) for rows in (X, X.float()))
    assert one.indices == other.indices
    assert one.values == other.values


@pytest.mark.parametrize(
    ("name", "value"),
    [("beta", value) for value in (-1.0, torch.nan, torch.inf, "1", None, True)]
    + [("seed", value) for value in (-1, 1.5, 2**64, "1", None, True)]
    + [("best_f", value) for value in (torch.nan, torch.inf, "1", True)]
    + [("skip_observed", value) for value in ("no", 1, 0.0)],
)
def test_arguments_that_are_none_are_named(name: str, value: Any) -> None:
    for acquisition in SCORED:
        with pytest.raises(ArgumentError, match=f"`{name}` must be "):
            score(process(SPACE, 5), Grid(SPACE), acquisition=acquisition, **{name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    gp = process(SPACE, 5)
    asked: dict[str, Any] = {"k": 3, "seed": 2, "threads": 1, "block_rows": 7, "acquisition": "thompson"}
    same = {name: numpy.int64(value) if isinstance(value, int) else value for name, value in asked.items()}
    assert score(gp, Grid(SPACE), **same).indices == score(gp, Grid(SPACE), **asked).indices


@pytest.mark.parametrize("function", [score, score_all, plan])
@pytest.mark.parametrize("wrong", [None, Optimizer(SPACE)])
def test_what_is_no_process_is_named_and_how_to_get_one_is_said(function: Any, wrong: Any) -> None:
    with pytest.raises(
        ArgumentError, match=rf"`gp` must be a GaussianProcess; got {type(wrong).__name__}\..*optimizer.gp"
    ):
        list(function(wrong, Grid(SPACE)))
