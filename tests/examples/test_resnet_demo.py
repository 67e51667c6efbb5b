"""`gpbop demo resnet`: the numbers that it prints, from trainings that are made up."""

import io
import re
from itertools import permutations
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gpbop.errors import ArgumentError, DeviceError
from gpbop.examples import resnet, resnet_demo

ERRORS = {(18, False): 0.05, (18, True): 0.04, (34, False): 0.02, (34, True): 0.03}
LINE = re.compile(r"  (\d)  ResNet-(18|34) and (no )?random crop +(\d+\.\d\d) %(?:  +(-|.* \+/- .*))?")


@pytest.fixture
def trained(monkeypatch):
    """Replace trainings by a table, and note them."""
    configs = []
    monkeypatch.setattr(resnet, "train", lambda c, **_: configs.append(c) or ERRORS[c["layers"], c["crop"]])
    monkeypatch.setattr(resnet_demo, "REPLAYED", 6)
    return configs


def run(**options):
    text = io.StringIO()
    arguments = {"trials": None, "device": "cpu", "seed": 0, "out": None} | options
    resnet_demo.choose_resnet(Console(file=text, highlight=False), **arguments)
    return text.getvalue()


def test_four_by_brute_force_then_four_by_gpbop(trained):
    rows = [match.groups() for line in run().splitlines() if (match := LINE.fullmatch(line))]
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4] * 2
    assert len(trained) == 4, "each network is trained once"
    for half in (rows[:4], rows[4:]):
        found = {(int(layers), no is None): float(error) / 100 for _, layers, no, error, _ in half}
        assert found == pytest.approx(ERRORS)
    predicted = [row[4] for row in rows]
    assert predicted[:4] == [None] * 4
    assert predicted[4:6] == ["-", "-"]
    assert all("+/-" in text for text in predicted[6:])


def test_answer_is_the_best_and_when_gpbop_trained_it(trained):
    text = run()
    gpbop = text.split("gpbop, told")[1]
    (number,) = re.findall(r"  (\d)  ResNet-34 and no random crop", gpbop)
    assert "Best:     ResNet-34 and no random crop; error 2.00 %" in text
    assert f"gpbop trained it as number {number}; brute force takes 4 trainings" in text
    needed = mean(resnet_demo._needed(resnet_demo_errors(), seed) for seed in range(6))
    assert f"over 6 seeds gpbop trains the best as number {needed:.2f} on average" in " ".join(text.split())
    assert "a random order as number 2.50" in " ".join(text.split())


def resnet_demo_errors():
    return {resnet_demo._name({"layers": layers, "crop": crop}): error for (layers, crop), error in ERRORS.items()}


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_chance_is_the_mean_over_all_orders(errors):
    places = [order.index(min(order)) + 1 for order in permutations(errors)]
    assert resnet_demo._by_chance(errors) == pytest.approx(mean(places))


def test_lines_fit_a_terminal(trained):
    assert max(map(len, run().splitlines())) <= 100


@pytest.mark.parametrize(("option", "value"), [("trials", 3), ("out", Path("x"))])
def test_options_that_mean_nothing_here(trained, option, value):
    with pytest.raises(ArgumentError, match=f"`--{option}` must be left out for resnet; got {value}"):
        run(**{option: value})
    assert not trained


def test_absent_device(trained):
    with pytest.raises(DeviceError, match="`device` must be present"):
        run(device="cuda:99")
