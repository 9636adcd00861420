"""NumPy's hooks: `np.asarray(t)` shares memory, `np.exp(t)` is `tj.exp(t)`, `np.sum(t)` is `tj.sum(t)`."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any, Callable

import numpy as np

from ..dispatch import assign
from ..errors import ArgumentError, TracejitError, fail
from ..spec import as_dtype
from ..tensor import Tensor, method, wrap
from .elementwise import cast
from .namespace import public
from .view import broadcast_to, put, reshape

# NumPy's names of what the public namespace calls otherwise
UFUNCS = {
    "absolute": "abs", "fabs": "abs", "power": "pow", "float_power": "", "true_divide": "divide", "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift", "conjugate": "conj", "arccos": "acos", "arcsin": "asin",
    "arctan": "atan", "arccosh": "acosh", "arcsinh": "asinh", "arctanh": "atanh", "arctan2": "atan2", "rint": "round",
}  # fmt: skip
SCIPY_UFUNCS = {"erf": "erf", "erfc": "erfc", "expit": "expit", "gammaln": "lgamma", "psi": "digamma", "logit": "logit"}
REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any"}
ACCUMULATIONS = {"add": "cumulative_sum", "multiply": "cumulative_prod"}


@method()
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    values = self.numpy()
    if dtype is not None and values.dtype != dtype:
        if copy is False:
            fail(ArgumentError, f"an array of {dtype} without a copy of {values.dtype.name}", "Pass copy=None.")
        return values.astype(dtype)
    return values.copy() if copy else values


# Ufuncs


@method()
def __array_ufunc__(self: Tensor, ufunc: np.ufunc, how: str, *inputs: Any, out: tuple[Any, ...] | None = None, **kwargs: Any) -> Any:
    function = _ours(ufunc, how)
    result = NotImplemented
    if function is not None:
        dtype = kwargs.get("dtype")
        if how == "__call__" and not set(kwargs) - ({"dtype", "casting", "order", "subok"} | ({"where"} if out else set())):
            result = function(*(i if dtype is None else _cast(i, dtype) for i in inputs))
            if "where" in kwargs:
                result = public().where(_bools(kwargs["where"]), result, out[0])  # type: ignore[index]
        elif how == "outer" and not kwargs:
            first, second = (i if isinstance(i, Tensor) else wrap(np.asarray(i)) for i in inputs)
            result = function(reshape(first, (*first.shape, *(1,) * second.ndim)), second)
        elif how == "reduce" and not set(kwargs) - {"axis", "keepdims", "dtype"}:
            result = function(*inputs, **{"axis": 0, **{k: v for k, v in kwargs.items() if v is not None or k == "axis"}})
        elif how == "accumulate" and not set(kwargs) - {"axis", "dtype"}:
            result = function(*inputs, **{"axis": 0, **kwargs})
    if how == "at":
        return _at(ufunc, *inputs)
    if result is NotImplemented:
        result = on_arrays(getattr(ufunc, how), inputs, kwargs)
    return result if out is None else _write(out, result)


@lru_cache(maxsize=None)
def _ours(ufunc: np.ufunc, how: str) -> Callable[..., Any] | None:
    """The public function that means the same, or None."""
    name = ufunc.__name__
    if getattr(np, name, None) is not ufunc and name not in UFUNCS:
        name = SCIPY_UFUNCS.get(name, "")
    elif how in ("reduce", "accumulate"):
        name = (REDUCTIONS if how == "reduce" else ACCUMULATIONS).get(name, "")
    else:
        name = UFUNCS.get(name, name)
    return getattr(public(), name, None) if name and ufunc.nout == 1 else None


def _cast(value: Any, dtype: Any) -> Any:
    tensor = value if isinstance(value, Tensor) else wrap(np.asarray(value))
    return cast(tensor, dtype=as_dtype(dtype))


def _bools(mask: Any) -> Tensor:
    return mask if isinstance(mask, Tensor) else wrap(np.asarray(mask, np.bool_))


def _at(ufunc: np.ufunc, target: Any, *rest: Any) -> None:
    """ufunc.at, which changes its first argument."""
    arrays = [_array(r) for r in rest]
    if not isinstance(target, Tensor):
        return ufunc.at(target, *arrays)
    changed = _array(target).copy()
    ufunc.at(changed, *arrays)
    assign(target, wrap(changed), put)
    return None


def _write(out: Any, result: Any) -> Any:
    """Write a result into `out=`: a tensor, an array, or a tuple of one."""
    target = out[0] if isinstance(out, tuple) else out
    if isinstance(target, Tensor):
        return assign(target, result if isinstance(result, Tensor) else wrap(np.asarray(result)), put)
    np.copyto(target, _array(result), casting="same_kind")
    return target


# Functions


@method()
def __array_function__(self: Tensor, function: Callable, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = NotImplemented
    adapter = ADAPTERS.get(function)
    if adapter is not None:
        result = adapter(*args, **kwargs)
    elif (ours := _same_function(function)) is not None:
        result = _translated(function, ours, args, kwargs)
    return on_arrays(function, args, kwargs) if result is NotImplemented else result


FUNCTIONS = {
    "concatenate": "concat", "amax": "max", "amin": "min", "around": "round",
    "average": "mean",
}  # fmt: skip
# Where their parameters have other names than ours
PARAMETERS = {"a_min": "min", "a_max": "max", "ddof": "correction", "reps": "repetitions"}
NO_VALUE = np._NoValue


@lru_cache(maxsize=None)
def _same_function(function: Callable) -> Callable[..., Any] | None:
    module = (function.__module__ or "").removeprefix("numpy").removeprefix(".")
    if module not in ("", "linalg", "fft"):
        return None
    space = getattr(public(), module, None) if module else public()
    found = getattr(space, FUNCTIONS.get(function.__name__, function.__name__), None)
    return found if callable(found) else None


@lru_cache(maxsize=None)
def _signature(function: Callable) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _translated(theirs: Callable, ours: Callable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Our function called as NumPy's was; NotImplemented if an argument of the call has no place in ours."""
    their_signature, our_signature = _signature(theirs), _signature(ours)
    if their_signature is None or our_signature is None:
        return NotImplemented
    if any(p.kind is p.VAR_POSITIONAL for p in our_signature.parameters.values()):
        return ours(*args) if not kwargs else NotImplemented
    given = their_signature.bind(*args, **kwargs).arguments
    given = {
        name: value for name, value in given.items()
        if value is not NO_VALUE and value is not their_signature.parameters[name].default and name != "order"
    }  # fmt: skip
    out = given.pop("out", None)
    positional = [p.name for p in our_signature.parameters.values() if p.kind is p.POSITIONAL_ONLY]
    first = list(given)[: len(positional)]
    values = [given.pop(name) for name in first]
    renamed = {PARAMETERS.get(name, name): value for name, value in given.items()}
    for name, parameter in their_signature.parameters.items():  # where our default differs from theirs, theirs is meant
        mine = our_signature.parameters.get(PARAMETERS.get(name, name))
        if mine is not None and name not in first and mine.name not in renamed and mine.kind is not mine.POSITIONAL_ONLY:
            if parameter.default is not mine.default and parameter.default not in (NO_VALUE, parameter.empty):
                renamed[mine.name] = parameter.default
    if set(renamed) - set(our_signature.parameters):
        return NotImplemented
    result = ours(*values, **renamed)
    return result if out is None else _write(out, result)


def on_arrays(function: Callable, args: Any, kwargs: Any) -> Any:
    """A NumPy function run on the values, outside autograd (a tensor that requires grad is an error); array results as tensors."""
    return _each(_tensor, function(*_each(_array, tuple(args)), **_each(_array, dict(kwargs))))


def _each(function: Callable[[Any], Any], value: Any) -> Any:
    """The function of every element of nested tuples, lists and dicts."""
    if isinstance(value, dict):
        return {k: _each(function, v) for k, v in value.items()}
    if type(value) is tuple or type(value) is list:
        return type(value)([_each(function, v) for v in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # NumPy's named results
        return type(value)(*[_each(function, v) for v in value])
    return function(value)


def _array(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


def _tensor(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and _is_known(value.dtype):
        return wrap(np.asarray(value))
    return value


def _is_known(dtype: Any) -> bool:
    try:
        return as_dtype(dtype) == dtype
    except TracejitError:
        return False


# NumPy functions whose meaning needs more than a change of names


def _np_split(ary: Tensor, indices_or_sections: Any, axis: int = 0) -> Any:
    extent = ary.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        if extent % indices_or_sections:
            fail(ArgumentError, f"an axis of {extent} elements in {indices_or_sections} equal parts", "Use np.array_split.")
        cuts = [extent // indices_or_sections * k for k in range(1, indices_or_sections)]
    else:
        cuts = [min(max(c + extent if c < 0 else c, 0), extent) for c in indices_or_sections]
    edges = [0, *cuts, extent]
    return list(public().split(ary, [max(b - a, 0) for a, b in zip(edges, edges[1:])], axis))


def _np_dot(a: Any, b: Any, out: Any = None) -> Any:
    tj = public()
    a, b = (t if isinstance(t, Tensor) else wrap(np.asarray(t)) for t in (a, b))
    if not a.ndim or not b.ndim:
        result = a * b
    elif b.ndim <= 2:
        result = tj.matmul(a, b)
    else:
        result = tj.tensordot(a, b, axes=([-1], [-2]))
    return result if out is None else _write(out, result)


def _np_copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    value = src if isinstance(src, Tensor) else wrap(np.asarray(src))
    if where is not True:
        value = public().where(where if isinstance(where, Tensor) else wrap(np.asarray(where)), value, dst)
    _write(dst, value if value.dtype == dst.dtype else _cast(value, dst.dtype))


def _np_where(condition: Any, x: Any = None, y: Any = None) -> Any:
    tj = public()
    condition = condition if isinstance(condition, Tensor) else wrap(np.asarray(condition))
    if x is None and y is None:
        return tj.nonzero(condition)
    return tj.where(condition if condition.dtype == np.bool_ else condition != 0, x, y)


def _np_running(name: str) -> Callable[..., Any]:
    def running(a: Tensor, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        result = getattr(public(), name)(public().ravel(a) if axis is None else a, axis=axis or 0, dtype=dtype)
        return result if out is None else _write(out, result)

    return running


def _np_reshape(a: Tensor, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    return reshape(a, shape, copy=copy) if order == "C" else NotImplemented


def _np_pad(array: Tensor, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if set(kwargs) - {"constant_values"} or not isinstance(mode, str) or not np.isscalar(kwargs.get("constant_values", 0)):
        return NotImplemented
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        return NotImplemented
    widths = pad_width.tolist() if isinstance(pad_width, np.ndarray) else pad_width
    return public().pad(array, widths, mode, **kwargs)


def _like(name: str) -> Callable[..., Any]:
    def create(a: Any, *values: Any, dtype: Any = None, shape: Any = None, **_: Any) -> Any:
        shape = a.shape if shape is None else shape
        return getattr(public(), name)(shape, *values, dtype=a.dtype if dtype is None else dtype, device=a.device)

    return create


ADAPTERS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: tuple(a.shape),
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: int(a.size) if axis is None else a.shape[axis],
    np.split: _np_split,
    np.dot: _np_dot,
    np.copyto: _np_copyto,
    np.where: _np_where,
    np.cumsum: _np_running("cumulative_sum"),
    np.cumprod: _np_running("cumulative_prod"),
    np.reshape: _np_reshape,
    np.pad: _np_pad,
    np.broadcast_to: lambda array, shape, subok=False: broadcast_to(array, shape),
    np.copy: lambda a, order="K", subok=False: a.clone(),
    np.transpose: lambda a, axes=None: public().permute_dims(a, tuple(reversed(range(a.ndim))) if axes is None else axes),
    np.zeros_like: _like("zeros"),
    np.ones_like: _like("ones"),
    np.empty_like: _like("empty"),
    np.full_like: _like("full"),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: public().diagonal(a, offset, axis1, axis2),
    np.iscomplexobj: lambda x: x.is_complex(),
    np.isrealobj: lambda x: not x.is_complex(),
    np.result_type: lambda *operands: public().result_type(*operands),
}
