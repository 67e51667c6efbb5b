"""The template of messages, and the built-in classes by which callers may catch the exceptions."""

import inspect

import pytest

from gpbop import errors


@pytest.mark.parametrize("name", [n for n, kind in inspect.getmembers(errors, inspect.isclass)])
def test_every_class_has_one_root_and_a_docstring(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.GpbopWarning if name.endswith("Warning") else errors.GpbopError)
    assert kind.__doc__
    assert "\n" not in kind.__doc__


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.SpaceError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.SpaceExhausted, RuntimeError),
        (errors.StateError, ValueError),
        (errors.DeviceError, ValueError),
        (errors.AcquisitionError, ValueError),
        (errors.ObjectiveError, TypeError),
        (errors.GpbopWarning, UserWarning),
    ],
)
def test_errors_are_also_built_in_ones(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


def test_long_values_are_cut() -> None:
    message = errors.explain("x", "be short", "y" * 1000, "Shorten it.")
    assert message.startswith("`x` must be short; got yyy")
    assert message.endswith("yyy.... Shorten it.")
    assert len(message) < 250
    assert errors.explain("`when` of `a`", "be", "b", "C.") == "`when` of `a` must be; got b. C."
