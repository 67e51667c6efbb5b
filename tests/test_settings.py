"""Settings: plain JSON values, whatever they were given as."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop.acquisition import ACQUISITIONS
from gpbop.designs import DESIGNS
from gpbop.errors import GpbopError, StateError
from gpbop.settings import LARGEST_SEED, Settings

SETTINGS = st.builds(
    Settings,
    acquisition=st.sampled_from(ACQUISITIONS),
    direction=st.sampled_from(["minimize", "maximize"]),
    design=st.sampled_from(sorted(DESIGNS)),
    initial=st.none() | st.integers(1, 100),
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:1", torch.device("cuda", 2)]),
    seed=st.integers(0, LARGEST_SEED),
    beta=st.floats(0.0, 1e6),
    repeats=st.booleans(),
    memory=st.none() | st.integers(1, 2**40),
)


@given(given_settings=SETTINGS)
def test_json_round_trip_is_exact(given_settings: Settings) -> None:
    assert Settings.from_dict(json.loads(json.dumps(given_settings.to_dict()))) == given_settings


def test_numbers_of_numpy_and_torch_become_python_ones() -> None:
    numbers = Settings(
        seed=np.int64(3), initial=torch.tensor(4), beta=np.float32(0.5), repeats=np.True_, memory=np.uint8(9)
    )  # type: ignore[arg-type]
    assert repr(numbers) == repr(Settings(seed=3, initial=4, beta=0.5, repeats=True, memory=9))


@pytest.mark.parametrize("change", [{"sed": 1}, {"seed": None}, {"seed": 1.0}, {"device": None}, {"acquisition": None}])
def test_other_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(GpbopError):
        Settings.from_dict({**Settings().to_dict(), **change})


def test_missing_settings_are_refused() -> None:
    state = Settings().to_dict()
    del state["beta"]
    with pytest.raises(
        StateError, match=r"`settings` must have exactly \['acquisition', .*\]; got .* Use the state as"
    ):
        Settings.from_dict(state)
