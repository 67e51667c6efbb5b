"""The sine's pictures: what is drawn, that nothing moves between frames, and the animation."""

import pytest
import torch
from PIL import Image

from gpbop.examples.pictures import save
from gpbop.examples.sine import frames
from gpbop.examples.sine_pictures import COLOURS, SHOWN, SHOWN_LAST, WIDTH, animate, draw
from tests.plots.drawn import artist, labels, legend_title, points


@pytest.fixture(scope="module")
def learned():
    return list(frames(4))


@pytest.fixture(scope="module")
def drawn(learned):
    return [draw(frame) for frame in learned]


def test_sine_is_black_and_exact(learned, drawn):
    line = artist(drawn[0].axes[0], "sine")
    x, y = (torch.as_tensor(values, dtype=torch.float64) for values in line.get_data())
    torch.testing.assert_close(y, x.sin())
    assert line.get_color() == "#000000"


def test_red_point_stands_at_the_largest_uncertainty_in_both_panels(learned, drawn):
    for frame, figure in zip(learned[:-1], drawn[:-1], strict=True):
        above, below = figure.axes
        at = int(frame.ours.std.argmax())
        ((x, y),) = points(above, "next point").tolist()
        assert (x, y) == (frame.next_x, pytest.approx(float(frame.ours.mean[frame.x.tolist().index(x)])))
        ((x, height),) = points(below, "next point").tolist()
        assert x == frame.next_x
        assert height == pytest.approx(float(frame.ours.std[at]))


def test_last_frame_has_no_next_point(learned, drawn):
    assert "next point" in labels(drawn[0].axes[0])
    assert "next point" not in labels(drawn[-1].axes[0])
    assert legend_title(drawn[-1].axes[0]).startswith("4 points: mean standard deviation 0.")


def test_every_measured_point_is_drawn(learned, drawn):
    for frame, figure in zip(learned, drawn, strict=True):
        expected = torch.stack([frame.observed_x, frame.observed_y], -1)
        torch.testing.assert_close(points(figure.axes[0], "points"), expected)


def test_scikit_learn_is_drawn_over_gpbop(learned, drawn):
    for frame, figure in zip(learned, drawn, strict=True):
        theirs = artist(figure.axes[0], "scikit-learn, mean and band").get_ydata()
        ours = artist(figure.axes[0], "gpbop, mean").get_ydata()
        torch.testing.assert_close(torch.as_tensor(theirs), frame.sklearn.mean)
        torch.testing.assert_close(torch.as_tensor(ours), frame.ours.mean)


def test_limits_are_the_same_in_every_frame_and_hold_the_bands(learned, drawn):
    limits = {tuple((ax.get_xlim(), ax.get_ylim()) for ax in figure.axes) for figure in drawn}
    assert len(limits) == 1
    low, high = drawn[0].axes[0].get_ylim()
    for frame in learned:
        assert low < float((frame.ours.mean - 2.0 * frame.ours.std).min())
        assert high > float((frame.ours.mean + 2.0 * frame.ours.std).max())
    assert drawn[0].axes[1].get_ylim()[1] > float(learned[0].ours.std.max())


def test_animation_has_every_frame_and_rests_on_the_last(drawn, tmp_path):
    pictures = [save(figure, tmp_path / f"{i}.png") for i, figure in enumerate(drawn)]
    path = animate(pictures, tmp_path / "sine.gif")
    with Image.open(path) as image:
        assert image.n_frames == len(drawn)
        assert image.width == WIDTH
        shown, colours = [], []
        for i in range(image.n_frames):
            image.seek(i)
            shown.append(image.info["duration"])
            colours.append({rgb: count for count, rgb in image.convert("RGB").getcolors(2**24)})
        assert image.info["loop"] == 0
    assert shown == [SHOWN] * (len(drawn) - 1) + [SHOWN_LAST]
    # One palette for all, with the exact white of a slide and the red of the next point, which ends with the last.
    assert len(set().union(*colours)) <= COLOURS
    assert all((255, 255, 255) in seen for seen in colours)
    red = [sum(n for (r, g, b), n in seen.items() if abs(r - 213) + abs(g - 94) + abs(b) < 16) for seen in colours]
    assert [pixels > 200 for pixels in red] == [True] * (len(drawn) - 1) + [False]
    assert path.stat().st_size < 1_000_000 / 14 * len(drawn)  # a whole demo has 14 frames
