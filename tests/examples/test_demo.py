"""The demo: what it prints, in a pipe and on a terminal, and that it does not look at the answers."""

import io
import re

import pytest
from rich.console import Console

from gpbop.errors import GpbopError
from gpbop.examples import autoencoder, demo
from gpbop.examples.recorded import autoencoder_grid

NUMBER = r"\d\.\d{4}"
EXPERIMENT = re.compile(
    rf" *(\d+)  size \d+, [AB], (?:no dropout|dropout 0\.\d), noise 0\.\d +({NUMBER})"
    rf"  +(-|{NUMBER} \+/- {NUMBER})  +(-|\d\.\d+)"
)


@pytest.fixture
def replayed(monkeypatch):
    """Replace trainings by their records, and forbid the demo to read the records until all trainings are done."""
    recorded, trained = autoencoder_grid(), []

    def replay(config, **_):
        trained.append(config)
        return recorded.losses[recorded.row(config)]

    def read_at_the_end():
        assert len(trained) == TRIALS, "the table was read before the search had ended"
        return recorded

    monkeypatch.setattr(autoencoder, "train", replay)
    monkeypatch.setattr(demo, "autoencoder_grid", read_at_the_end)
    return trained


TRIALS = 12


def run_demo(*, trials=TRIALS, seed=0, **console):
    out = io.StringIO()
    demo.tune_autoencoder(Console(file=out, highlight=False, **console), trials=trials, device="cpu", seed=seed)
    return out.getvalue()


def test_pipe_gets_one_plain_line_for_each_experiment(replayed):
    text = run_demo()
    matches = [match for line in text.splitlines() if (match := EXPERIMENT.fullmatch(line))]
    assert [int(match[1]) for match in matches] == list(range(1, TRIALS + 1))
    assert "\x1b" not in text
    assert matches[0][3] == "-"
    assert matches[-1][3] != "-"
    assert matches[-1][4] != "-"


def test_terminal_shows_the_same_words(replayed):
    plain = run_demo()
    replayed.clear()
    coloured = run_demo(force_terminal=True, width=100)
    assert "\x1b" in coloured
    without_codes = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", coloured)
    for line in plain.splitlines():
        assert line in without_codes


def test_answer_is_the_best_experiment_and_its_place_in_the_grid(replayed):
    text, recorded = run_demo(), autoencoder_grid()
    losses = [recorded.losses[recorded.row(config)] for config in replayed]
    best = losses.index(min(losses))
    assert f"loss {min(losses):.4f}" in text
    assert f"{TRIALS} trainings, the best in training {best + 1}; brute force takes 768" in text
    assert re.search(rf"Rank: +{recorded.rank(replayed[best])} of 768", text)


def test_same_seed_same_output_and_another_seed_another(replayed):
    outputs = []
    for seed in (0, 0, 1):
        replayed.clear()
        outputs.append(run_demo(seed=seed))
    assert outputs[0] == outputs[1] != outputs[2]


def test_no_config_is_trained_twice(replayed):
    run_demo()
    recorded = autoencoder_grid()
    assert len({recorded.row(config) for config in replayed}) == TRIALS


def test_absent_device_is_a_clear_error():
    with pytest.raises(GpbopError, match="`device` must be present"):
        demo.tune_autoencoder(Console(file=io.StringIO()), trials=2, device="cuda:99", seed=0)


def test_real_trainings_end_to_end():
    text = run_demo(trials=3)
    assert "Best:" in text
    assert "3 trainings" in text
