"""Exceptions and warnings of gpbop, one root for each, and the template of every message."""


class GpbopError(Exception):
    """Root of every exception that gpbop raises on purpose."""


class SpaceError(GpbopError, ValueError):
    """A parameter or a search space cannot be built, or cannot do what was asked of it."""


class ConfigError(GpbopError, ValueError):
    """A config, or an encoded row of one, does not lie in the search space."""


class ShapeError(GpbopError, ValueError):
    """A tensor or a list has the wrong shape, length or dtype."""


class SpaceExhausted(GpbopError, RuntimeError):
    """Every config of a finite search space has been told or is pending."""


class StateError(GpbopError, ValueError):
    """A saved state is corrupt, truncated, or of another search space."""


class DeviceError(GpbopError, ValueError):
    """A device is unknown, or absent from this machine."""


class AcquisitionError(GpbopError, ValueError):
    """No acquisition function has the given name or setting."""


class ArgumentError(GpbopError, ValueError):
    """A number or a name among the arguments is not one that can be used."""


class ObjectiveError(GpbopError, TypeError):
    """A told value is not a number."""


class NumericalError(GpbopError, ArithmeticError):
    """A computation failed although rescue was tried; the message names the next remedy."""


class NoTrialsError(GpbopError, LookupError):
    """Nothing can be answered yet: no experiment has finished."""


class GpbopWarning(UserWarning):
    """Root of every warning that gpbop gives."""


class NumericalWarning(GpbopWarning):
    """A computation was rescued; the message says by how much."""


LONGEST_GOT = 200  # characters of the offending value shown in a message


def explain(argument: str, rule: str, got: str, advice: str) -> str:
    """Return the message "`argument` must rule; got got. advice" with an overlong `got` cut short.

    Args:
        argument: The argument's name; backticks are added unless it has some.
        rule: What it must be, after the word "must".
        got: What was given: a repr, shape, dtype or device.
        advice: One sentence with its full stop: what to do.
    Returns:
        The message, one line.

    Example:
        >>> explain("low", "be less than `high`", "2.0 with high=1.0", "Swap the bounds.")
        '`low` must be less than `high`; got 2.0 with high=1.0. Swap the bounds.'
    """
    got = " ".join(got.split())
    shown = got if len(got) <= LONGEST_GOT else got[: LONGEST_GOT - 3] + "..."
    quoted = argument if "`" in argument else f"`{argument}`"
    return f"{quoted} must {rule}; got {shown}. {advice}"
