"""The ledger against a plain list of trials."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from gpbop import Trial
from gpbop.ledger import Ledger, plain_configs
from tests.spaces import NETWORK, configs, full_configs, same

POINTS = st.integers(0, 2).map(float)  # few of them, so that they meet


@given(data=st.data())
def test_it_is_a_list_of_trials(data: st.DataObject) -> None:
    ledger, plain = Ledger(1), []
    for _ in range(12):
        x = data.draw(POINTS)
        match data.draw(st.sampled_from(["ask", "tell", "withdraw"])):
            case "ask":
                ledger.ask({"x": x}, torch.tensor([[x]]))
                plain.append(Trial(len(plain), {"x": x}))
            case "tell":
                value = data.draw(st.sampled_from([1.0, 2.0, math.nan]))
                told = next((t for t in plain if t.state == "pending" and t.config == {"x": x}), None)
                if told is None:
                    plain.append(Trial(len(plain), {"x": x}).told(value, "why"))
                else:
                    plain[told.number] = told.told(value, "why")
                ledger.tell({"x": x}, [x], value, "why")
            case "withdraw":
                keep = max((t.number + 1 for t in plain if t.state != "pending"), default=0)
                keep = data.draw(st.integers(keep, len(plain)))
                ledger.withdraw(keep)
                plain = plain[:keep]
        told_ones = [t for t in plain if t.state != "pending"]
        assert list(ledger.trials) == plain
        assert len(ledger) == len(plain)
        assert ledger.told == len(told_ones)
        assert ledger.in_state("complete") == [t for t in plain if t.state == "complete"]
        assert ledger.X.flatten().tolist() == [t.config["x"] for t in plain]
        assert ledger.X.shape == (len(plain), 1)
        assert ledger.X_pending.flatten().tolist() == [t.config["x"] for t in plain if t.state == "pending"]
        observations = ledger.observations()
        assert observations.X.flatten().tolist() == [t.config["x"] for t in told_ones]
        assert observations.succeeded.tolist() == [t.state == "complete" for t in told_ones]


@given(config=full_configs(NETWORK))
def test_told_configs_lose_inactive_parameters_and_no_bit(config: dict[str, object]) -> None:
    X = NETWORK.encode([config])
    (own,) = plain_configs(NETWORK, [config], X)
    assert torch.equal(NETWORK.encode([own]), X)
    assert own.items() <= config.items()
    assert own.keys() == NETWORK.decode(X)[0].keys()


@given(listed=st.lists(configs(NETWORK), max_size=4))
def test_many_configs_are_as_one_by_one(listed: list[dict[str, object]]) -> None:
    X = NETWORK.encode(listed)
    singly = [plain_configs(NETWORK, [config], X[i : i + 1])[0] for i, config in enumerate(listed)]
    assert [same(config) for config in plain_configs(NETWORK, listed, X)] == [same(config) for config in singly]
