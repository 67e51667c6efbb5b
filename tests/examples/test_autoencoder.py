"""The real model: repeatable, a guest that leaves torch as it was, and the one that was recorded."""

import pytest
import torch

from gpbop.examples import autoencoder
from gpbop.examples.autoencoder import _images, space, train
from gpbop.examples.recorded import autoencoder_grid

DENSE = {"encoder_size": 8, "decoder": "A", "use_dropout": True, "dropout": 0.2, "noise": 0.3}
CONVOLUTIONAL = {"encoder_size": 8, "decoder": "B", "use_dropout": False, "noise": 0.3}


@pytest.fixture
def short(monkeypatch):
    """Train for three epochs only."""
    monkeypatch.setattr(autoencoder, "EPOCHS", 3)


def global_state():
    cuda = torch.cuda.get_rng_state().tolist() if torch.cuda.is_initialized() else None
    cudnn = (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic)
    return torch.get_num_threads(), torch.get_rng_state().tolist(), cuda, cudnn, torch.get_default_dtype()


@pytest.mark.parametrize("config", [DENSE, CONVOLUTIONAL], ids=["A", "B"])
def test_same_seed_same_loss_whatever_the_global_state(config, device, short):
    torch.manual_seed(1)
    first = train(config, device=device)
    torch.manual_seed(2)
    before = global_state()
    assert train(config, device=device) == first
    assert global_state() == before


def test_state_is_put_back_after_an_error(monkeypatch):
    def fails(model, images, *, noise):
        torch.manual_seed(3)
        raise ArithmeticError

    monkeypatch.setattr(autoencoder, "_fit", fails)
    before = global_state()
    with pytest.raises(ArithmeticError):
        train(DENSE)
    assert global_state() == before


def test_every_hyperparameter_and_the_seed_change_the_loss(short):
    changes = [{}, {"encoder_size": 16}, {"decoder": "B"}, {"use_dropout": False}, {"dropout": 0.3}, {"noise": 0.5}]
    losses = {train({**DENSE, **change}) for change in changes} | {train(DENSE, seed=1)}
    assert len(losses) == len(changes) + 1


def test_held_out_images_are_never_trained_on():
    train_images, clean, noisy = _images()
    assert len(train_images) + len(clean) <= 1797
    assert torch.cdist(train_images.flatten(1), clean.flatten(1)).min() > 0
    assert clean.shape == noisy.shape
    assert (noisy - clean).std().item() == pytest.approx(0.4, rel=0.02)


def test_training_is_better_than_not_removing_the_noise():
    _, clean, noisy = _images()
    assert train(CONVOLUTIONAL) < 0.5 * torch.nn.functional.mse_loss(noisy, clean).item()


@pytest.mark.parametrize("row", [100, 500])
def test_the_recorded_losses_are_those_of_this_model(row):
    # Another processor or another torch rounds differently, and 360 steps of Adam let that grow.
    grid = autoencoder_grid()
    assert train(grid.configs[row]) == pytest.approx(grid.losses[row], rel=0.03)


def test_the_space_is_the_one_of_the_task():
    assert space().size == 8 * 2 * (1 + 5) * 8
