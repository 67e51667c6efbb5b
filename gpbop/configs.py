"""The two doors between configs and encoded points: what `Space.encode` and `Space.decode` do, column by column."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gpbop.conditions import Conditions
from gpbop.errors import ConfigError, explain
from gpbop.parameters import INACTIVE, Json, Parameter
from gpbop.parameters.choices import suggest

Config = dict[str, Json]

_ABSENT = object()  # stands where a config has no value, since None may be one


def encode(
    configs: Sequence[Mapping[str, object]], parameters: Mapping[str, Parameter], conditions: Conditions
) -> Tensor:
    """Return the `n x d` encoded rows of `n` configs, on the CPU; inactive parameters in a config are ignored.

    Raises:
        ConfigError: If a parameter is unknown or missing, or cannot have the value given.
    """
    _check_names(configs, list(parameters))
    names = list(parameters)
    X = torch.full((len(configs), len(names)), INACTIVE, dtype=torch.float64)
    active = torch.ones(X.shape, dtype=torch.bool)
    for column in [*(j for j in range(len(names)) if j not in conditions.of), *conditions.order]:
        if column in conditions.of:
            active[:, column] = conditions.column_activity(column, X, active)
        rows = active[:, column].nonzero().squeeze(-1)
        X[rows, column] = _encode_column(parameters[names[column]], names[column], configs, rows.tolist())
    return X


def decode(X: Tensor, parameters: Mapping[str, Parameter]) -> list[Config]:
    """Return the `n` configs of `n x d` encoded rows on the CPU, without their inactive parameters."""
    columns = [_decode_column(parameter, X[:, j]) for j, parameter in enumerate(parameters.values())]
    rows = zip(*columns, strict=True)
    if bool((X != INACTIVE).all()):
        return [dict(zip(parameters, row, strict=True)) for row in rows]
    return [{name: v for name, v in zip(parameters, row, strict=True) if v is not _ABSENT} for row in rows]


def _check_names(configs: Sequence[Mapping[str, object]], names: Sequence[str]) -> None:
    if isinstance(configs, Mapping | str) or not isinstance(configs, Sequence):
        raise ConfigError(explain("configs", "be a list of dicts", repr(configs), "Write [config] for a single one."))
    known = set(names)
    for number, config in enumerate(configs):
        if not isinstance(config, Mapping):
            raise ConfigError(explain(f"configs[{number}]", "be a dict", repr(config), "Map names to values."))
        if not config.keys() <= known:
            unknown = next(name for name in config if name not in known)
            rule = "hold parameters of the space only"
            raise ConfigError(explain(f"configs[{number}]", rule, repr(unknown), suggest(unknown, names)))


def _encode_column(
    parameter: Parameter, name: str, configs: Sequence[Mapping[str, object]], rows: Sequence[int]
) -> Tensor:
    for row in rows:
        if name not in configs[row]:
            rule, advice = f"hold the parameter {name!r}", f"Add a value of {parameter!r}."
            raise ConfigError(explain(f"configs[{row}]", rule, repr(configs[row]), advice))
    values = [configs[row][name] for row in rows]
    try:
        return parameter.encode_all(values, name)
    except ConfigError:
        for row, value in zip(rows, values, strict=True):  # once more, to say which one it was
            parameter.encode_all([value], f"configs[{row}][{name!r}]")
        raise


def _decode_column(parameter: Parameter, encoded: Tensor) -> list[object]:
    """Return one value a row, `_ABSENT` where the parameter is inactive."""
    active = encoded != INACTIVE
    values = parameter.decode_all(encoded[active])
    if len(values) == len(encoded):
        return values
    filled: list[object] = [_ABSENT] * len(encoded)
    for row, value in zip(active.nonzero().squeeze(-1).tolist(), values, strict=True):
        filled[row] = value
    return filled
