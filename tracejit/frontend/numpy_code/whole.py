"""`whole`: NumPy's functions that are ops as they stand (`host.py`): what shapes and dtypes they give does not depend on values."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any, Callable

import numpy as np

from ...dispatch import bind
from ...spec import TensorSpec
from .array import Array, array_of
from .create import asarray
from .functions import function, is_known
from .host import OTHERS, one, two
from .operands import holds_arrays
from .real_calls import on_real_arrays

Options = tuple[tuple[str, Any], ...]


def whole(theirs: Callable[..., Any], name: str, *arrays: str) -> Callable[..., Any]:
    """Let a function be an op. name: under which `host` finds it; arrays: the parameters that are arrays wherever they are given."""
    OTHERS[name] = theirs
    signature = inspect.signature(theirs)

    def ours(*args: Any, **kwargs: Any) -> Any:
        options, operands = {}, {}
        for parameter, value in signature.bind(*args, **kwargs).arguments.items():
            if type(value) is Array or (parameter in arrays and value is not None):
                operands[parameter] = asarray(value)
            elif holds_arrays(value):
                return NotImplemented
            else:
                options[parameter] = _frozen(value)
        if not all(type(x) is Array for x in operands.values()):
            return NotImplemented
        result = _applied(name, operands, tuple(options.items()))
        return on_real_arrays(theirs, args, kwargs) if result is None else result

    return function(theirs)(ours)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if type(value) is list else value


def _applied(name: str, operands: dict[str, Array], options: Options) -> Any:
    specs = tuple([(parameter, x.shape, x.dtype, x.is_scalar) for parameter, x in operands.items()])
    try:
        given = _given(name, specs, options)
    except TypeError:  # an option that cannot be hashed
        return NotImplemented
    if given is None:  # NumPy raises
        return None
    attrs = {"function": name, "options": options, "named": tuple(operands)}
    tensors = [x.tensor for x in operands.values()]
    if len(given) == 1:
        ((spec, scalar),) = given
        return array_of(bind(one, *tensors, **attrs, shape=spec.shape, dtype=spec.dtype), scalar)
    shapes, dtypes = tuple([s.shape for s, _ in given]), tuple([s.dtype for s, _ in given])
    return tuple([array_of(r, scalar) for r, (_, scalar) in zip(bind(two, *tensors, **attrs, shape=shapes, dtype=dtypes), given)])


@lru_cache(maxsize=1024)
def _given(name: str, specs: tuple[Any, ...], options: Options) -> tuple[tuple[TensorSpec, bool], ...] | None:
    """What the function gives of such operands, and whether as a scalar: NumPy is asked with ones. None where it raises."""
    operands = {parameter: dtype.type(1) if scalar else np.ones(shape, dtype) for parameter, shape, dtype, scalar in specs}
    try:
        with np.errstate(all="ignore"):
            result = OTHERS[name](**operands, **dict(options))
    except Exception:
        return None
    results = result if type(result) is tuple else (result,)
    if len(results) > 2 or not all(isinstance(r, (np.ndarray, np.generic)) and is_known(r.dtype) for r in results):
        return None
    return tuple([(TensorSpec(r.shape, r.dtype), isinstance(r, np.generic)) for r in results])


_WHOLE: dict[Callable[..., Any], tuple[str, ...]] = {
    np.percentile: ("a",), np.quantile: ("a",), np.nanmedian: ("a",), np.nanpercentile: ("a",), np.nanquantile: ("a",),
    np.convolve: ("a", "v"), np.correlate: ("a", "v"), np.isin: ("element", "test_elements"), np.digitize: ("x", "bins"), np.histogram: ("a",),
    np.partition: ("a",), np.argpartition: ("a",), np.searchsorted: ("a", "v"), np.argsort: ("a",), np.linalg.matrix_rank: ("A",),
    np.linalg.cond: ("x",), np.nanargmax: ("a",), np.nanargmin: ("a",), np.i0: ("x",),
}  # fmt: skip
for _function, _arrays in _WHOLE.items():
    whole(_function, f"{_function.__module__}.{_function.__name__}", *_arrays)
