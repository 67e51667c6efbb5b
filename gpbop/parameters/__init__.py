"""The four kinds of parameters, each one column of an encoded point."""

from gpbop.kernels.columns import INACTIVE as INACTIVE
from gpbop.parameters.base import Parameter as Parameter
from gpbop.parameters.choices import Json as Json
from gpbop.parameters.listed import Categorical as Categorical
from gpbop.parameters.listed import Ordinal as Ordinal
from gpbop.parameters.numeric import Float as Float
from gpbop.parameters.numeric import Integer as Integer

__all__ = ["INACTIVE", "Categorical", "Float", "Integer", "Json", "Ordinal", "Parameter"]
