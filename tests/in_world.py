"""A function of NumPy arrays run on stand-ins, its graphs computed op by op: what is asked of `Array`, without kernels."""

from __future__ import annotations

import copy
from typing import Any, Callable

import numpy as np

from tracejit.dispatch import EAGER, mode
from tracejit.frontend.numpy_code import from_outside, world
from tracejit.frontend.stage import own
from tracejit.graph.evaluate import evaluate
from tracejit.graph.trace import Tracer
from tracejit.tensor import StandIn, wrap


def _run(graph: Any, arrays: list[np.ndarray], writes: tuple[int, ...]) -> list[np.ndarray]:
    values: dict[Any, Any] = {}
    evaluate(graph.nodes(), dict(zip(graph.inputs, arrays)), values, {})
    found = [values[node]._value for node in graph.outputs]
    results = [np.array(found[i], order="C") for i in range(len(found))]
    for number, content in zip(writes, results):
        arrays[number][...] = content
    return results[len(writes) :]


def traced(function: Callable, *args: Any) -> tuple[Any, list[str]]:
    """What the function gives (or the exception it raises), and why it observed values."""
    tracer = Tracer(_run)
    given = [wrap(a) for a in args if isinstance(a, np.ndarray)]
    tracer.arguments(given)
    handles = iter(given)
    world.begin()
    shown = [from_outside(next(handles)) if isinstance(a, np.ndarray) else a for a in args]
    world.arrays = {id(a): s for a, s in zip(args, shown) if isinstance(a, np.ndarray)}
    mode.interpreter = tracer
    try:
        result = function(*shown)
        mode.interpreter = EAGER
        tracer.settle()
    except Exception as error:
        result = error
    finally:
        mode.interpreter = EAGER
        world.end()
    return _settled(result), [reason[0] for reason in tracer.reasons]


def _settled(value: Any) -> Any:
    if isinstance(value, StandIn):
        return own(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_settled, value))
    return type(value)(map(_settled, value)) if type(value) in (tuple, list) else value


def plainly(function: Callable, *args: Any) -> Any:
    """What the function gives of the arrays themselves, or the exception it raises."""
    try:
        return function(*args)
    except Exception as error:
        return error


def same(ours: Any, numpys: Any, ulps: int = 0) -> bool:
    """Whether two results agree in type, dtype, shape and value, or two exceptions in type and message."""
    if isinstance(numpys, Exception):
        return type(ours) is type(numpys) and str(ours) == str(numpys)
    if type(ours) is not type(numpys):
        return False
    if isinstance(numpys, (tuple, list)):
        return len(ours) == len(numpys) and all(same(a, b, ulps) for a, b in zip(ours, numpys))
    if not isinstance(numpys, (np.ndarray, np.generic)):
        return ours == numpys or (ours != ours and numpys != numpys)
    if ours.dtype != numpys.dtype or ours.shape != numpys.shape:
        return False
    if not ulps or numpys.dtype.kind not in "fc":
        return np.array_equal(ours, numpys, equal_nan=numpys.dtype.kind in "fc")
    return bool(np.allclose(ours, numpys, rtol=ulps * np.finfo(numpys.dtype).eps, atol=0, equal_nan=True))


def again(value: Any) -> Any:
    """A copy that lies in memory as the array does: strided, reversed or read-only where it is."""
    if not isinstance(value, np.ndarray) or value.base is None or not isinstance(value.base, np.ndarray):
        return copy.deepcopy(value)
    base = np.array(value.base)
    offset = value.__array_interface__["data"][0] - value.base.__array_interface__["data"][0]
    made = np.ndarray(value.shape, value.dtype, base, offset, value.strides)
    made.flags.writeable = value.flags.writeable
    return made


def compare(function: Callable, *args: Any, ulps: int = 0) -> str:
    """"" where the function does with stand-ins what it does with arrays, its arguments included; else what differs."""
    first, second = [again(a) for a in args], [again(a) for a in args]
    with np.errstate(all="ignore"):
        ours, _ = traced(function, *first)
        numpys = plainly(function, *second)
    if not same(ours, numpys, ulps):
        return f"gives {_shown(ours)}, NumPy {_shown(numpys)}"
    if not all(same(a, b, ulps) for a, b in zip(first, second) if isinstance(a, np.ndarray)):
        return f"leaves {first}, NumPy {second}"
    return ""


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {getattr(value, 'dtype', '')} {value!r:.200}"
