"""The recorded grid: complete, in the order of the grid, and ranked by loss."""

import random

import torch

from gpbop.examples import autoencoder
from gpbop.examples.recorded import COLUMNS, autoencoder_grid, from_rows, to_row


def test_every_config_of_the_grid_is_recorded_in_order():
    space, recorded = autoencoder.space(), autoencoder_grid()
    assert len(recorded.configs) == len(recorded.losses) == space.size
    torch.testing.assert_close(space.encode(recorded.configs), space.encode(list(space.grid())))
    assert all(0 < loss < 1 for loss in recorded.losses)


def test_rank_is_the_place_in_the_sorted_losses():
    recorded = autoencoder_grid()
    by_loss = sorted(range(len(recorded.losses)), key=recorded.losses.__getitem__)
    for place in (0, 1, 10, len(by_loss) - 1):
        assert recorded.rank(recorded.configs[by_loss[place]]) == place + 1


def test_inactive_parameters_do_not_matter():
    recorded = autoencoder_grid()
    row = next(i for i, config in enumerate(recorded.configs) if not config["use_dropout"])
    assert recorded.row({**recorded.configs[row], "dropout": 0.3}) == row


def test_rows_round_trip():
    recorded = autoencoder_grid()
    rows = [
        to_row(config, loss, seconds)
        for config, loss, seconds in zip(recorded.configs, recorded.losses, recorded.seconds, strict=True)
    ]
    random.Random(0).shuffle(rows)
    assert all(tuple(row) == COLUMNS for row in rows)
    shuffled = from_rows(rows)
    assert sorted(shuffled.losses) == sorted(recorded.losses)
    assert all(
        recorded.losses[recorded.row(c)] == loss for c, loss in zip(shuffled.configs, shuffled.losses, strict=True)
    )
