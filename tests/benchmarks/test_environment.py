"""Where a benchmark ran."""

import platform

import pytest

from benchmarks.environment import processor

TEXT = """processor\t: 0
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC

processor\t: 1
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
flags\t\t: fpu vme
"""


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (TEXT, "AMD EPYC (family 25, model 1)"),
        ("model name : Neoverse-N1", "Neoverse-N1"),
        ("processor : 0", platform.machine()),
        ("", platform.machine()),
    ],
)
def test_processor(cpuinfo: str, expected: str) -> None:
    assert processor(cpuinfo) == expected


def test_generations_of_one_name_differ() -> None:
    assert processor(TEXT) != processor(TEXT.replace("model\t\t: 1", "model\t\t: 17"))
