"""How Numba compiles for the CPU, and 2^-u as it is compiled.

Error of 2^-u by a polynomial: 9.2e-9 in float32 (degree 6), 2.0e-17 in float64 (degree 11), a fifth of one rounding. In
float64 its even and odd powers are summed apart, which halves the chain of operations that wait for each other, and u
is rounded by adding a number, as AVX2 turns no float64 into an integer of 64 bits: together they spare a third of its
time there.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

# Candidates of a tile: the innermost loops run over them, one vector lane each.
LANES = 128
# What rounds a float64 to an integer once it is added, and leaves that in the last bits.
SHIFT = 1.5 * 2.0**52


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, and keep what was compiled for the next process.

    Products and sums may be contracted, which only spares a rounding, and the sign of zero is free; nothing else.
    """
    jit: Any = numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
    return jit(function)


def _float32(typing_context: Any, bits: Any) -> Any:
    """Read 32 bits as a float."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), codegen


def _float64(typing_context: Any, bits: Any) -> Any:
    """Read 64 bits as a float."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), codegen


def _int64(typing_context: Any, number: Any) -> Any:
    """Read a float as 64 bits."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), codegen


_as_int64: Any = intrinsic(_int64)
_as_float32: Any = intrinsic(_float32)
_as_float64: Any = intrinsic(_float64)


def power(u: Any) -> Any:
    """Return 2^-u of u >= 0, in the precision of u."""
    return 2.0**-u


@overload(power)
def _power(u: Any) -> Any:
    if u == types.float32:

        def single(u: Any) -> Any:
            if u > np.float32(126.0):
                u = np.float32(126.0)
            whole = np.rint(u)
            f = whole - u
            p = np.float32(0.000154531629451206902) * f + np.float32(0.00133908633646712344)
            p = p * f + np.float32(0.00961808255727785149)
            p = p * f + np.float32(0.0555035711421907782)
            p = p * f + np.float32(0.240226507605681269)
            p = p * f + np.float32(0.693147188026228781)
            p = p * f + np.float32(1.0)
            return p * _as_float32(np.int32((np.int32(127) - np.int32(whole)) << np.int32(23)))

        return single

    def double(u: Any) -> Any:
        if u > 1020.0:
            u = 1020.0
        shifted = u + SHIFT  # u, rounded, stands in the last bits
        f = (shifted - SHIFT) - u
        g = f * f
        odd = (4.45496059818651839e-10 * g + 1.01780624458457735e-7) * g + 1.52527338298361184e-5
        odd = ((odd * g + 1.33335581464169353e-3) * g + 5.55041086648215943e-2) * g + 0.693147180559945309
        even = (7.0725859492692237e-9 * g + 1.32154425879216897e-6) * g + 1.54035304417360502e-4
        even = ((even * g + 9.61812910760688853e-3) * g + 0.240226506959100982) * g + 1.0
        return (odd * f + even) * _as_float64((np.int64(1023) - _as_int64(shifted)) << np.int64(52))

    return double
