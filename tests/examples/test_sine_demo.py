"""`gpbop demo sine`: a line for each frame, the sentence at the end, and the files."""

import io
import re

import pytest
from rich.console import Console

from gpbop.errors import ArgumentError, DeviceError
from gpbop.examples.sine import frames
from gpbop.examples.sine_demo import learn_sine

LINE = re.compile(r" +(\d+) +(\d\.\d{4}) +(\d\.\d{4}) +(\d\.\d{4}) +\de-\d\d +\de-\d\d +(\d+\.\d\d|-)")


def run(out, *, trials=None, device="cpu"):
    text = io.StringIO()
    learn_sine(Console(file=text, highlight=False), trials=trials, device=device, seed=0, out=out)
    return text.getvalue()


def test_one_line_a_frame_with_its_numbers_and_its_files(tmp_path):
    text = run(tmp_path / "new" / "folder", trials=4)
    expected = list(frames(4))
    rows = [match.groups() for line in text.splitlines() if (match := LINE.fullmatch(line))]
    assert [int(row[0]) for row in rows] == [2, 3, 4]
    for row, frame in zip(rows, expected, strict=True):
        assert float(row[1]) == pytest.approx(frame.remaining, abs=1e-4)
        assert float(row[2]) == pytest.approx(float(frame.ours.std.max()), abs=1e-4)
        assert float(row[3]) == pytest.approx(frame.largest_error, abs=1e-4)
        assert row[4] == ("-" if frame.next_x is None else f"{frame.next_x:.2f}")
    assert f"Stop:     {expected[-1].reason}" in text
    assert f"in {tmp_path / 'new' / 'folder'}" in text
    names = {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert names == {"sine-02.png", "sine-03.png", "sine-04.png", "sine.gif"}


def test_lines_fit_a_terminal(tmp_path):
    text = run(tmp_path, trials=2)
    assert max(len(line) for line in text.splitlines() if not line.startswith("Pictures")) <= 100


def test_without_a_folder_it_takes_one_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "in gpbop-sine" in run(None, trials=2)
    assert (tmp_path / "gpbop-sine" / "sine.gif").exists()


@pytest.mark.parametrize("trials", [0, 1, -3])
def test_too_few_points(tmp_path, trials):
    with pytest.raises(ArgumentError, match=rf"`--trials` must be a whole number of at least 2; got {trials}\."):
        run(tmp_path, trials=trials)


def test_absent_device(tmp_path):
    with pytest.raises(DeviceError, match="`device` must be present"):
        run(tmp_path / "unmade", device="cuda:99")
    assert not (tmp_path / "unmade").exists()
