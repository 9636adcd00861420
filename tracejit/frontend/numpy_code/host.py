"""`host`: a call of one of NumPy's functions as an op. NumPy itself computes it when the graph runs, on arrays whose strides are
those that its operands have in NumPy's memory."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Any, Callable

import numpy as np

from ...dispatch import bind
from ...errors import GradError, fail
from ...op import Library
from ...ops.view import broadcast_to, reshape
from ...spec import DType, Shape, TensorSpec, reduced_shape
from ...tensor import Tensor

Options = tuple[tuple[str, Any], ...]


def _changed_at(x: np.ndarray, indices: np.ndarray, *operands: np.ndarray, ufunc: str) -> np.ndarray:
    result = x.copy()
    getattr(np, ufunc).at(result, indices, *operands)
    return result


OTHERS: dict[str, Callable] = {"changed_at": _changed_at}  # functions that NumPy has under no name: they give new arrays


@lru_cache(maxsize=None)
def _numpys(function: str) -> Callable:
    return OTHERS.get(function) or attrgetter(function)(np)


def _call(*values: Any, function: str, options: Options, named: tuple[str, ...], shape: Any, dtype: Any) -> Any:
    count = len(values) - len(named)
    result = _numpys(function)(*values[:count], **dict(zip(named, values[count:])), **dict(options))
    if type(result) is tuple:
        return tuple([r.astype(d, copy=False) for r, d in zip(result, dtype)])
    return np.asarray(result, dtype)


def _spec(*_operands: Any, function: str, options: Options, named: tuple[str, ...], shape: Any, dtype: Any) -> Any:
    return TensorSpec(shape, dtype) if isinstance(dtype, np.dtype) else tuple(map(TensorSpec, shape, dtype))


def _vjp(g: Any, _y: Any, *_operands: Any, function: str, options: Options, named: tuple[str, ...], shape: Any, dtype: Any) -> Any:
    if function != "add.reduce" or named:
        fail(GradError, f"the derivative of np.{function}", "Write it in functions that have one, or detach its operands.")
    x = _operands[0]
    return (broadcast_to(reshape(g, reduced_shape(x.shape, dict(options)["axis"], True)), x.shape),)


_ATTRIBUTES = "*x, function, options, named, shape, dtype"
_DOC = "`function` of NumPy, of arrays by position and, the last of them, by the names `named`; `options` are its other arguments."
one = Library("host", numpy=_call, spec=_spec, vjp=_vjp, parameters=_ATTRIBUTES, doc=_DOC)
two = Library("host_pair", numpy=_call, spec=_spec, outputs=2, parameters=_ATTRIBUTES, doc=_DOC + " It gives two arrays.")


def host(
    function: str, *operands: Tensor, shape: Shape, dtype: DType, options: dict[str, Any] | None = None, **named: Tensor
) -> Tensor:
    """The result, of this shape and dtype, of NumPy's function of this name ("add.reduce"), of tensors and hashable options."""
    attrs = {"function": function, "options": tuple((options or {}).items()), "named": tuple(named), "shape": shape, "dtype": dtype}
    return bind(one, *operands, *named.values(), **attrs)


def host_pair(
    function: str, *operands: Tensor, shape: Shape, dtypes: tuple[DType, ...], options: dict[str, Any] | None = None
) -> tuple[Tensor, Tensor]:
    """The two results, of one shape, of a function such as `np.frexp`."""
    attrs = {"function": function, "options": tuple((options or {}).items()), "named": (), "shape": (shape, shape), "dtype": dtypes}
    return bind(two, *operands, **attrs)
