"""The demo: what it prints, in a pipe and on a terminal, and that it does not look at the answers."""

import io
import re

import pytest
from PIL import Image
from rich.console import Console

from gpbop.errors import ArgumentError, GpbopError
from gpbop.examples import autoencoder, autoencoder_demo
from gpbop.examples.autoencoder_demo import Answer, tune_autoencoder
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
    monkeypatch.setattr(autoencoder_demo, "autoencoder_grid", read_at_the_end)
    return trained


TRIALS = 12


def run_demo(*, trials=TRIALS, seed=0, out=None, **console):
    text = io.StringIO()
    tune_autoencoder(Console(file=text, highlight=False, **console), trials=trials, device="cpu", seed=seed, out=out)
    return text.getvalue()


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
        tune_autoencoder(Console(file=io.StringIO()), trials=2, device="cuda:99", seed=0)


def test_real_trainings_end_to_end():
    text = run_demo(trials=3)
    assert "Best:" in text
    assert "3 trainings" in text


PICTURES = {
    "story.png",
    "uncertainty.png",
    "convergence.png",
    "importance.png",
    "order.png",
    "savings.png",
    "calibration.png",
}


def test_pictures_and_the_report_come_where_they_are_wanted(replayed, tmp_path):
    text = run_demo(out=tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == PICTURES | {"report.html"}
    for name in PICTURES:
        assert f"  {name} " in text
        with Image.open(tmp_path / "new" / name) as image:
            assert image.text["Description"] == f"{TRIALS} trainings instead of 768"
            assert min(image.size) > 400
    assert f"In {tmp_path / 'new'}:" in text
    assert f"{TRIALS} trainings instead of 768" in (tmp_path / "new" / "report.html").read_text()


def test_without_a_folder_no_file_is_written(replayed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_demo()
    assert list(tmp_path.iterdir()) == []


def test_picture_that_makes_no_sense_is_left_out_with_its_reason(monkeypatch, tmp_path):
    recorded = autoencoder_grid()
    monkeypatch.setattr(autoencoder, "train", lambda config, **_: recorded.losses[recorded.row(config)])
    monkeypatch.setattr("gpbop.report.write", lambda optimizer, path, *, title: path)
    text = run_demo(trials=1, out=tmp_path)
    assert "calibration.png  left out: `gp` must" in text
    assert not (tmp_path / "calibration.png").exists()
    assert (tmp_path / "story.png").exists()


def test_bad_folder_is_found_before_any_training(replayed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="`--out` must be a folder that can be written to"):
        run_demo(out=tmp_path / "file")
    assert not replayed


@pytest.mark.parametrize("trials", [0, -1])
def test_no_trainings_are_a_clear_error(replayed, trials):
    with pytest.raises(ArgumentError, match=rf"`--trials` must be a whole number of at least 1; got {trials}\."):
        run_demo(trials=trials)


def test_lines_fit_a_terminal(replayed):
    assert max(map(len, run_demo().splitlines())) <= 100


def test_headline_is_what_was_made_against_brute_force():
    answer = Answer(trials=12, found=7, size=768, config={}, loss=0.03, rank=3, lowest=0.029)
    assert answer.headline == "12 trainings instead of 768"
