"""`python -m bench functions`: how long an element takes in elementary functions on one thread, beside NumPy's ufuncs and a loop over libm.

Arrays stay in cache. Our column is a kernel that does nothing but the function, as kernels have it inlined; NumPy's (SciPy's, where NumPy
has none) writes to an array that is there; libm's is the C library's function called in a loop that Numba compiled, as C would.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Callable, Iterator, Sequence

import numpy as np

SIZE = 4096
SECONDS = 0.002  # of one turn
COLUMNS = ("tracejit", "NumPy", "libm")


@dataclass(frozen=True)
class Function:
    """A function by its name in kernel text; where its operands are drawn from; what NumPy or SciPy and the C library call it."""

    name: str
    intervals: tuple[tuple[float, float], ...]
    numpy: str = ""
    libm: str = ""


def _function(name: str, *intervals: tuple[float, float], numpy: str = "", libm: str | None = None) -> Function:
    return Function(name, intervals, numpy or name, name if libm is None else libm)


FUNCTIONS = (
    _function("exp", (-10, 10)), _function("exp2", (-10, 10)), _function("expm1", (-5, 5)), _function("log", (0.01, 100)),
    _function("log2", (0.01, 100)), _function("log10", (0.01, 100)), _function("log1p", (-0.9, 10)), _function("pow", (0.1, 4), (-4, 4), numpy="power"),
    _function("cbrt", (-9, 9)), _function("hypot", (-3, 3), (-3, 3)), _function("sin", (-10, 10)), _function("cos", (-10, 10)), _function("tan", (-10, 10)),
    _function("asin", (-1, 1), numpy="arcsin"), _function("acos", (-1, 1), numpy="arccos"), _function("atan", (-5, 5), numpy="arctan"),
    _function("atan2", (-5, 5), (-5, 5), numpy="arctan2"), _function("sinh", (-5, 5)), _function("cosh", (-5, 5)), _function("tanh", (-4, 4)),
    _function("asinh", (-9, 9), numpy="arcsinh"), _function("acosh", (1, 9), numpy="arccosh"), _function("atanh", (-1, 1), numpy="arctanh"),
    _function("sigmoid", (-8, 8), numpy="expit", libm=""), _function("logaddexp", (-3, 3), (-3, 3), libm=""), _function("erf", (-3, 3)),
    _function("erfc", (-3, 3)), _function("lgamma", (0.1, 12), numpy="gammaln"), _function("digamma", (0.1, 12), numpy="psi", libm=""),
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One row: nanoseconds an element, by column."""

    function: str
    dtype: str
    nanoseconds: dict[str, float]

    def times(self, column: str) -> float | None:
        """How many times as long another column takes."""
        there = self.nanoseconds.get(column)
        return there / self.nanoseconds["tracejit"] if there else None

    def line(self) -> str:
        """As a row of a Markdown table."""
        cells = [f"{self.nanoseconds[c]:.3g}" if c in self.nanoseconds else "·" for c in COLUMNS]
        ratios = [f"{self.times(c):.2f}" if self.times(c) else "·" for c in COLUMNS[1:]]
        return f"| {self.function} | {self.dtype} | {' | '.join(cells + ratios)} |"

    def as_json(self) -> dict[str, Any]:
        return {"function": self.function, "dtype": self.dtype, "nanoseconds": self.nanoseconds}


HEADER = "| function | dtype | tracejit, ns | NumPy, ns | libm, ns | NumPy / tracejit | libm / tracejit |\n|---|---|---|---|---|---|---|"

Call = Callable[[Sequence[np.ndarray], np.ndarray], Callable[[], Any]]  # from operands and a result, what computes it


def own(function: Function, dtype: str) -> Call:
    """The function in a kernel of its own."""
    from tracejit.backends.native.jit import address_of

    kind, names = {"float32": "f32", "float64": "f64"}[dtype], [f"x{k}" for k in range(len(function.intervals))]
    text = [
        "def kernel(args):",
        f"    y = {kind}_pointer(args, 1)",
        *(f"    {x} = {kind}_pointer(args, {k + 2})" for k, x in enumerate(names)),
        "    for i in lanes(0, args[0]):",
        f"        y[i] = {kind}({function.name}({', '.join(f'{x}[i]' for x in names)}))",
        "    return 0",
    ]
    kernel = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address_of("\n".join(text)))

    def call(operands: Sequence[np.ndarray], out: np.ndarray) -> Callable[[], Any]:
        args = np.array([out.size, out.ctypes.data, *(x.ctypes.data for x in operands)], np.int64)
        return lambda: kernel(args.ctypes.data)

    return call


def numpys(function: Function) -> Call | None:
    """NumPy's ufunc, or SciPy's if it is installed."""
    ufunc = getattr(np, function.numpy, None)
    if ufunc is None and find_spec("scipy"):
        ufunc = getattr(importlib.import_module("scipy.special"), function.numpy, None)
    return None if ufunc is None else lambda operands, out: lambda: ufunc(*operands, out=out)


def libms(function: Function, dtype: str) -> Call | None:
    """The C library's function in a loop, if Numba is installed."""
    if not function.libm or not find_spec("numba"):
        return None
    numba = importlib.import_module("numba")
    number = ctypes.c_float if dtype == "float32" else ctypes.c_double
    scalar = getattr(ctypes.CDLL(ctypes.util.find_library("m")), function.libm + ("f" if dtype == "float32" else ""))
    scalar.restype, scalar.argtypes = number, [number] * len(function.intervals)

    def one(x: Any, out: Any) -> None:
        for i in range(out.size):
            out[i] = scalar(x[i])

    def two(x: Any, y: Any, out: Any) -> None:
        for i in range(out.size):
            out[i] = scalar(x[i], y[i])

    loop = numba.njit(one if len(function.intervals) == 1 else two)
    return lambda operands, out: lambda: loop(*operands, out)


def measure(function: Function, dtype: str, rounds: int, size: int = SIZE) -> Figure:
    """Each column's fastest turn; all take turns. Raises AssertionError if they disagree."""
    draw = np.random.default_rng(0)
    operands = [draw.uniform(low, high, size).astype(dtype) for low, high in function.intervals]
    calls = {"tracejit": own(function, dtype), "NumPy": numpys(function), "libm": libms(function, dtype)}
    outs = {column: np.empty(size, dtype) for column, call in calls.items() if call}
    ready = {column: call(operands, outs[column]) for column, call in calls.items() if call}
    repeats, fastest = {}, dict.fromkeys(ready, float("inf"))
    for column, run in ready.items():
        run()
        began = time.thread_time()
        run()
        repeats[column] = max(1, int(SECONDS / max(time.thread_time() - began, 1e-6)))
        eps = float(np.finfo(dtype).eps)
        np.testing.assert_allclose(outs[column], outs["tracejit"], rtol=64 * eps, atol=eps, err_msg=f"{column} {function.name}")
    for _ in range(rounds):
        for column, run in ready.items():
            began = time.thread_time()
            for _ in range(repeats[column]):
                run()
            fastest[column] = min(fastest[column], (time.thread_time() - began) / repeats[column])
    return Figure(function.name, dtype, {column: seconds / size * 1e9 for column, seconds in fastest.items()})


def figures(rounds: int, only: Sequence[str] = ()) -> Iterator[Figure]:
    for function in FUNCTIONS:
        if not only or function.name in only:
            for dtype in ("float32", "float64"):
                yield measure(function, dtype, rounds)


def summary(found: Sequence[Figure]) -> list[str]:
    """How many rows are as fast as NumPy, and twice as fast as libm."""
    lines = []
    for column, wanted in (("NumPy", 1.0), ("libm", 2.0)):
        ratios = [ratio for figure in found if (ratio := figure.times(column))]
        if ratios:
            met = sum(ratio >= wanted for ratio in ratios)
            lines.append(f"{met} of {len(ratios)} rows at least {wanted:g} times as fast as {column}; the least: {min(ratios):.2f}")
    return lines
