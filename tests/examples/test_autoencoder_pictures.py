"""The autoencoder's pictures: what the story shows."""

import pytest
import torch
from matplotlib.collections import QuadMesh

from gpbop.examples import autoencoder
from gpbop.examples.autoencoder_pictures import SHUFFLES, brute_force, drawings, story
from gpbop.examples.recorded import autoencoder_grid
from gpbop.optimizer import Optimizer
from tests.plots.drawn import artist, labels

TRIALS = 14


@pytest.fixture(scope="module")
def recorded():
    return autoencoder_grid()


@pytest.fixture(scope="module")
def search(recorded):
    optimizer = Optimizer(autoencoder.space(), initial=6, seed=0)
    for _ in range(TRIALS):
        config = optimizer.ask()
        optimizer.tell(config, recorded.losses[recorded.row(config)])
    return optimizer


@pytest.fixture(scope="module")
def figure(search, recorded):
    return story(search, recorded, "14 instead of 768")


def test_brute_force_is_the_best_so_far_of_every_order(recorded):
    best = brute_force(recorded)
    assert best.shape == (SHUFFLES, len(recorded.losses))
    assert bool((best.diff(dim=-1) <= 0.0).all())
    assert bool((best[:, -1] == min(recorded.losses)).all())
    assert set(best[:, 0].tolist()) <= set(recorded.losses)
    # Of one best among m, an order needs (m + 1) / 2 on average.
    needed = (best > min(recorded.losses)).sum(-1).double().mean() + 1
    assert abs(float(needed) - 384.5) < 60


def test_story_has_three_maps_of_falling_uncertainty_and_a_race(figure):
    maps = [ax for ax in figure.axes if any(isinstance(c, QuadMesh) for c in ax.collections)]
    three = [ax for ax in maps if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in three] == ["at the start", "after the first 6", f"after all {TRIALS}"]
    means = [float(ax.collections[0].get_array().mean()) for ax in three]
    assert means[0] > means[1] > means[2]
    assert figure.legends[0].get_title().get_text() == "14 instead of 768"


def test_race_shows_what_was_found_and_when(figure, search, recorded):
    race = next(ax for ax in figure.axes if "gpbop" in labels(ax))
    values = [trial.value for trial in search.trials]
    drawn = torch.as_tensor(artist(race, "gpbop").get_ydata())
    torch.testing.assert_close(drawn, torch.tensor(values, dtype=torch.float64).cummin(0).values)
    texts = [text.get_text() for text in race.texts]
    needed = int((brute_force(recorded) > min(values)).sum(-1).median()) + 1
    found = values.index(min(values)) + 1
    assert texts == [f"gpbop has it after {found}", f"brute force after {needed} (median)"]
    dots = [collection.get_offsets().data.tolist() for collection in race.collections[1:]]
    assert dots == [[[found, min(values)]], [[needed, min(values)]]]
    assert race.get_xlim() == (1.0, 768.0)
    assert race.get_ylim()[0] < min(recorded.losses)


def test_every_drawing_has_a_caption_and_draws(search, recorded):
    for name, (caption, draw) in drawings(search, recorded, "headline").items():
        assert name.endswith(".png")
        assert caption
        if name != "story.png":
            assert draw().axes
