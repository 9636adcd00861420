"""`bind`, the one door by which ops are applied, and `assign`, the one door of mutation; and the recording of both for autograd."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .application import Application, OpApplication, alias_of, anomaly, set_history
from .errors import ArgumentError, DTypeError, GradError, ShapeError, fail
from .interpreter import EAGER, Eager, Interpreter, mode, operand, spec_of
from .precision import computed
from .spec import broadcast_shapes, is_inexact
from .tensor import StandIn, Storage, Tensor, method, storage_of

__all__ = [
    "EAGER", "Eager", "Interpreter", "anomaly", "assign", "assigned", "bind", "mode", "operand", "record", "refresh_view", "spec_of", "walk_chain",
]  # fmt: skip


def bind(op: Any, *args: Any, **attrs: Any) -> Any:
    """Apply an op: ask the interpreter in force for the value, and record the application for autograd."""
    if op.precision is not None and mode.autocast is not None:
        return computed(op.precision, partial(bind, op), args, attrs)
    interpreter = mode.interpreter
    if interpreter is not EAGER:
        for a in args:
            if type(a) is not Tensor and isinstance(a, StandIn):
                args = tuple([a.tensor if isinstance(a, StandIn) else a for a in args])
                break
    result = interpreter.apply(op, args, attrs)
    if op.is_view:
        _link_view(op, args[0], attrs, result)
    if op.vjp is not None:
        for a in args:
            if isinstance(a, Tensor) and (a._requires_grad or (a._base is not None and a._base._requires_grad)):
                if mode.grad:
                    record(op, args, attrs, result)
                break
    return result


def record(op: Any, args: tuple[Any, ...], attrs: dict[str, Any], result: Any) -> None:
    """Remember an application for autograd, if an argument requires grad."""
    recorded = False
    for a in args:
        if isinstance(a, Tensor):
            if a._base is not None:
                refresh_view(a)
            recorded = recorded or a._requires_grad
    if not recorded:
        return
    if type(result) is not tuple:
        dtype = result._value.dtype
        if dtype.kind in "fc" or is_inexact(dtype):
            result._application, result._requires_grad = OpApplication(op, attrs, args, (result,)), True
        return
    if any(is_inexact(o.dtype) for o in result):
        application = OpApplication(op, attrs, args, result)
        for index, output in enumerate(result):
            if is_inexact(output.dtype):
                set_history(output, application, index)


# Views and mutation


def _link_view(op: Any, source: Tensor, attrs: dict[str, Any], result: Tensor) -> None:
    """Tell a view whose memory it shows, and by which steps."""
    storage = source._storage
    if storage is None:
        storage = source._storage = Storage()
    elif storage.version:
        result._seen = storage.version
    result._storage = storage
    result._chain = (*source._chain, (op, tuple(attrs.items())))
    if op.vjp is not None:
        base = source if source._base is None else source._base
        if mode.grad and source._aside is None:
            result._base = base
        else:
            result._aside = base if source._aside is None else source._aside


def walk_chain(tensor: Tensor, chain: tuple[Any, ...]) -> Tensor:
    """Apply the view steps of a chain."""
    for op, attrs in chain:
        tensor = bind(op, tensor, **dict(attrs))
    return tensor


@method("_refresh")
def refresh_view(view: Tensor) -> None:
    """Give a view the history its base has now, if the base was changed in place since."""
    base = view._base
    if base is None or view._seen == view._version:
        return
    if base._requires_grad and base._application is not None:
        outside, mode.grad = mode.grad, True
        try:
            fresh = walk_chain(base, view._chain[len(base._chain) :])
        finally:
            mode.grad = outside
        set_history(view, fresh._application, fresh._index)
    view._seen = view._version


def assign(target: Tensor, value: Tensor, put: Any = None) -> Tensor:
    """Write `value` into `target`'s memory, in place, with NumPy's view semantics. `put` is the op that writes a view."""
    if value._value.dtype is not target._value.dtype and not np.can_cast(value.dtype, target.dtype, casting="same_kind"):
        fail(
            DTypeError,
            f"an in-place operation would cast {value.dtype.name} to {target.dtype.name}",
            "Write it out of place (x = x + y), or cast first with .astype(dtype).",
        )
    for op, _ in target._chain:
        if not op.writable:
            fail(
                GradError,
                "an in-place write to an expanded tensor: several of its elements are one memory location",
                "Call .clone() on it first.",
            )
    if value._value.shape != target._value.shape and broadcast_shapes(value.shape, target.shape) != target.shape:
        fail(
            ShapeError,
            f"an in-place operation would write shape {value.shape} into shape {target.shape}",
            "The value must broadcast to the target; write it out of place (x = x + y) to get the larger shape.",
        )
    viewing = target._base is not None or target._aside is not None
    tracked = mode.grad and (viewing or target._requires_grad or value._requires_grad or value._base is not None)
    old_base = None
    if tracked:
        refresh_view(value)
        _check_leaf(target, value)
        base = target if target._base is None else target._base
        if base._requires_grad or value._requires_grad:
            old_base = _alias_with_history(base)
    mode.interpreter.assign(target, value)
    storage = storage_of(target)
    storage.version += 1
    if old_base is not None:
        _write_history(target, old_base, value, put)
    target._seen = storage.version
    return target


def _check_leaf(target: Tensor, value: Tensor) -> None:
    refresh_view(target)
    aside = target._aside
    if aside is not None and (aside._requires_grad or value._requires_grad):
        fail(
            GradError,
            "an in-place operation, in grad mode, on a view that was made in no_grad mode",
            "Make both the view and the change inside no_grad (not recorded), or both outside it (recorded).",
        )
    owner = target if target._base is None else target._base
    if owner._requires_grad and owner._application is None:
        what = "a leaf" if owner is target else "a view of a leaf"
        fail(
            GradError,
            f"an in-place operation on {what} that requires grad",
            "Wrap it in `with tj.no_grad():`, or write to a .clone().",
        )


def assigned(target: Tensor, application: Application, index: int, put: Any) -> None:
    """Give a tensor that was changed in place, unrecorded, the history of an output of `application`."""
    value = mode.interpreter.handle(target)
    set_history(value, application, index)
    _check_leaf(target, value)
    if target._base is None:
        set_history(target, application, index)
    else:
        _write_history(target, _alias_with_history(target._base), value, put)
    target._seen = target._version


def _alias_with_history(tensor: Tensor) -> Tensor:
    alias = alias_of(tensor)
    alias._application, alias._index, alias._requires_grad = tensor._application, tensor._index, tensor._requires_grad
    return alias


def _write_history(target: Tensor, old_base: Tensor, value: Tensor, put: Any) -> None:
    base = target if target._base is None else target._base
    chain = target._chain[len(base._chain) :]
    set_history(base, OpApplication(put, {"chain": chain}, (old_base, value), (base,)), 0)
    base._seen = base._version
    if base is not target:
        with_history = walk_chain(base, chain)
        set_history(target, with_history._application, with_history._index)


# What of Tensor's surface asks the interpreter


@method()
def numpy(self: Tensor) -> np.ndarray:
    """The values as a NumPy array that shares this tensor's memory. During a trace this is an observation."""
    if self._requires_grad and mode.grad:
        fail(GradError, "a tensor that requires grad cannot become a NumPy array", "Write x.detach().numpy().")
    return mode.interpreter.observe(self)


@method()
def item(self: Tensor) -> Any:
    """The one element, as a Python number. During a trace this is an observation."""
    _check_single(self)
    return mode.interpreter.value(self).item()


@method()
def __bool__(self: Tensor) -> bool:
    _check_single(self)
    return mode.interpreter.truth(self)


def _check_single(tensor: Tensor) -> None:
    if tensor._value.size != 1:
        fail(ArgumentError, f"a tensor of shape {tensor.shape} is not one number", "Reduce it (.any(), .all(), .sum()), or index one element.")


@method()
def tolist(self: Tensor) -> Any:
    """The values as nested lists of Python numbers. During a trace this is an observation."""
    return mode.interpreter.value(self).tolist()
