"""The sine: uncertainty falls everywhere, the next point is where it is largest, and scikit-learn agrees."""

from itertools import pairwise

import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor

from gpbop.examples.sine import NOISE, TOLERANCE, fit_sklearn, frames, space

# Two computations of a std near zero in float64, by way of its square.
ROUNDING = 1e-9


@pytest.fixture(scope="module", params=[0, 1, 7])
def learned(request, device):
    return list(frames(30, device=device, seed=request.param))


def test_uncertainty_falls_at_every_x(learned):
    for before, after in pairwise(learned):
        assert bool((after.ours.std <= before.ours.std + ROUNDING).all())
        assert after.remaining < before.remaining


def test_next_point_is_where_the_standard_deviation_is_largest(learned):
    for frame in learned[:-1]:
        at = int((frame.x - frame.next_x).abs().argmin())
        assert float(frame.x[at]) == frame.next_x
        assert float(frame.ours.std[at]) == pytest.approx(float(frame.ours.std.max()), abs=ROUNDING)


def test_each_frame_has_the_point_that_the_one_before_it_named(learned):
    assert len(learned[0].observed_x) == 2
    for before, after in pairwise(learned):
        assert after.observed_x.tolist() == [*before.observed_x.tolist(), before.next_x]
        torch.testing.assert_close(after.observed_y, after.observed_x.sin())


def test_scikit_learn_agrees(learned):
    for frame in learned:
        assert max(frame.differences) < 1e-6


def test_kernel_is_the_default_of_scikit_learn(learned):
    frame = learned[2]
    model = GaussianProcessRegressor(alpha=NOISE, optimizer=None).fit(frame.observed_x.unsqueeze(-1), frame.observed_y)
    mean, std = model.predict(frame.x.unsqueeze(-1), return_std=True)
    torch.testing.assert_close(frame.ours.mean, torch.as_tensor(mean), rtol=0.0, atol=1e-6)
    torch.testing.assert_close(frame.ours.std, torch.as_tensor(std), rtol=0.0, atol=1e-6)


def test_differences_are_those_of_the_two_predictions(learned):
    frame = learned[0]
    other = fit_sklearn(frame.observed_x, frame.observed_y + 0.5, frame.x)
    shifted = type(frame)(**{**vars(frame), "sklearn": other})
    assert shifted.differences[0] == pytest.approx(float((frame.ours.mean - other.mean).abs().max()))
    assert shifted.differences[0] > 0.1
    assert shifted.differences[1] < 1e-6


def test_it_ends_when_the_error_is_gone(learned):
    assert [frame.reason is None for frame in learned] == [True] * (len(learned) - 1) + [False]
    last = learned[-1]
    assert last.remaining < TOLERANCE <= learned[-2].remaining
    assert last.largest_error < 0.05
    assert last.next_x is None
    assert last.reason == (
        f"The mean standard deviation over all {space().size} x is {last.remaining:.2g}, "
        f"under {TOLERANCE:g}, after {len(last.observed_x)} points."
    )


def test_it_ends_when_the_budget_does():
    few = list(frames(4))
    assert [len(frame.observed_x) for frame in few] == [2, 3, 4]
    assert few[-1].reason.startswith("The budget of 4 points is used up; the mean standard deviation")
    assert few[-1].remaining > TOLERANCE
