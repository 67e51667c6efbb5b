"""The residual networks: their layers, their sizes, their crops, and trainings that repeat."""

import pytest
import torch
from torch import nn

from gpbop.examples import resnet
from gpbop.examples.resnet import ResNet, crop, train


def weighted(model):
    """Return the layers that the name counts: 3 x 3 convolutions and the last one."""
    return [m for m in model.modules() if isinstance(m, nn.Linear) or getattr(m, "kernel_size", None) == (3, 3)]


@pytest.mark.parametrize("layers", [18, 34])
def test_layers_are_as_many_as_the_name_says(layers):
    assert len(weighted(ResNet(layers, width=2))) == layers


# https://github.com/kuangliu/pytorch-cifar, the same networks for three colours: 11,173,962 and 21,282,122.
@pytest.mark.parametrize(("layers", "parameters"), [(18, 11_173_962), (34, 21_282_122)])
def test_full_width_has_the_known_number_of_parameters(layers, parameters):
    two_colours = 2 * 64 * 9
    assert sum(p.numel() for p in ResNet(layers, resnet.FULL_WIDTH).parameters()) == parameters - two_colours


@pytest.mark.parametrize("layers", [18, 34])
def test_shapes_through_the_stages(layers):
    model = ResNet(layers, width=4)
    images = torch.rand(3, 1, 8, 8)
    sizes = [images := layer(images) for layer in model.features]
    blocks = [
        tuple(x.shape[1:]) for x, layer in zip(sizes, model.features, strict=True) if isinstance(layer, resnet.Block)
    ]
    assert [blocks.count(shape) for shape in ((4, 8, 8), (8, 4, 4), (16, 2, 2), (32, 1, 1))] == list(
        resnet.BLOCKS[layers]
    )
    assert model(torch.rand(5, 1, 8, 8)).shape == (5, resnet.CLASSES)


def test_blocks_without_a_change_of_size_start_from_the_identity():
    block = resnet.Block(3, 3, stride=1).eval()
    for convolution in (block.residual[0], block.residual[3]):
        nn.init.zeros_(convolution.weight)
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(block(x), x)


def test_crops_are_windows_of_the_padded_image():
    images = torch.arange(1.0, 1.0 + 90 * 64).reshape(90, 1, 8, 8)
    padded = nn.functional.pad(images, [1, 1, 1, 1])
    torch.manual_seed(0)
    places = set()
    for image, cut in zip(padded, crop(images), strict=True):
        found = [(i, j) for i in range(3) for j in range(3) if torch.equal(cut, image[:, i : i + 8, j : j + 8])]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) == 9


@pytest.fixture
def short(monkeypatch):
    """Train for one epoch."""
    monkeypatch.setattr(resnet, "EPOCHS", 1)


@pytest.mark.parametrize("is_cropped", [False, True])
def test_cropping_is_for_training_images_alone(short, monkeypatch, is_cropped):
    seen = []
    monkeypatch.setattr(resnet, "crop", lambda images: seen.append(len(images)) or images)
    train({"layers": 18, "crop": is_cropped})
    assert sum(seen) == (resnet.TRAIN_IMAGES if is_cropped else 0)


def test_trainings_repeat_differ_between_configs_and_leave_torch_alone(short, device):
    torch.manual_seed(1)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    errors = {
        (layers, c): train({"layers": layers, "crop": c}, device=device) for layers in (18, 34) for c in (False, True)
    }
    assert train({"layers": 18, "crop": True}, device=device) == errors[18, True]
    assert len(set(errors.values())) > 1
    assert all(0.0 <= error <= 1.0 for error in errors.values())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_it_learns(monkeypatch):
    monkeypatch.setattr(resnet, "EPOCHS", 12)
    assert train({"layers": 18, "crop": False}) < 0.3  # a guess is wrong in 0.9 of the images


def test_width_follows_the_device():
    assert resnet.width_on(torch.device("cpu")) == resnet.SLIM_WIDTH
    assert resnet.width_on(torch.device("cuda")) == resnet.FULL_WIDTH
