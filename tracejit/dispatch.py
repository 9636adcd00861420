"""`bind`, the one door by which ops are applied, and `assign`, the one door of mutation; the interpreter in force;
and what autograd keeps of each application."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np

from .errors import ArgumentError, DTypeError, GradError, ShapeError, TracejitError, fail, user_line
from .spec import TensorSpec, broadcast_shapes, is_inexact
from .tensor import Tensor, method, storage_of, wrap

_ndarray = np.ndarray
_PYTHON_SCALARS = frozenset((bool, int, float, complex))


class Interpreter(Protocol):
    """Gives the value of an op: now (Eager), or as a node of a graph (Tracer). The only difference between the modes."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any: ...
    def assign(self, target: Tensor, value: Tensor) -> None: ...
    def observe(self, tensor: Tensor) -> np.ndarray: ...
    def constant(self, array: np.ndarray) -> Tensor: ...
    def read_grad(self, leaf: Tensor) -> Tensor | None: ...
    def write_grad(self, leaf: Tensor, grad: Tensor | None) -> None: ...


class Eager:
    """Computes at once, with NumPy or the kernel of a one-node graph."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        values: list[Any] = []
        for a in args:
            values.append(a._value if isinstance(a, Tensor) else operand(a))
        try:
            result = op.eager(*values, **attrs)
        except TracejitError:
            raise
        except Exception as error:
            op.spec(*[spec_of(v) for v in values], **attrs)  # raises the error that teaches, if a spec is at fault
            raise error.with_traceback(None) from None
        if type(result) is _ndarray:
            return wrap(result)
        if type(result) is tuple:
            return tuple(wrap(np.asarray(r)) for r in result)
        return wrap(np.asarray(result))

    def assign(self, target: Tensor, value: Tensor) -> None:
        np.copyto(target._value, value._value, casting="unsafe")

    def observe(self, tensor: Tensor) -> np.ndarray:
        return tensor._value

    def constant(self, array: np.ndarray) -> Tensor:
        return wrap(array)

    def read_grad(self, leaf: Tensor) -> Tensor | None:
        return leaf._grad

    def write_grad(self, leaf: Tensor, grad: Tensor | None) -> None:
        leaf._grad = grad


EAGER = Eager()


class Mode(threading.local):
    """What is in force in this thread."""

    interpreter: Interpreter = EAGER
    grad: bool = True
    inference: bool = False


mode = Mode()


def operand(value: Any) -> Any:
    """A non-Tensor argument of an op: a Python scalar stays weak, NumPy values keep their dtype."""
    kind = type(value)
    if kind in _PYTHON_SCALARS:
        return value
    if isinstance(value, (_ndarray, np.generic)):
        return np.asarray(value)
    for plain in (int, float, complex):  # their subclasses: an enum's member, `x.size`
        if isinstance(value, plain):
            return plain(value)
    fail(
        ArgumentError,
        f"an operand is a {kind.__name__}: {value!r:.60}",
        "Give a Tensor, a NumPy array or a Python number; tj.asarray(...) makes a Tensor of nested lists.",
    )


def spec_of(value: Any) -> Any:
    """The TensorSpec of an array-like; a Python scalar is its own (weak) description."""
    if type(value) in _PYTHON_SCALARS:
        return value
    return TensorSpec(value.shape, value.dtype)


def bind(op: Any, *args: Any, **attrs: Any) -> Any:
    """Apply an op: ask the interpreter in force for the value, and record the application for autograd."""
    result = mode.interpreter.apply(op, args, attrs)
    if op.is_view:
        _link_view(op, args[0], attrs, result)
    if op.vjp is not None:
        for a in args:
            if isinstance(a, Tensor) and (a._requires_grad or a._base is not None):
                if mode.grad:
                    _record(op, args, attrs, result)
                break
    return result


class Application:
    """One recorded use of an op: where each input's gradient goes, and what the op's VJP reads."""

    __slots__ = ("op", "attrs", "edges", "specs", "inputs", "outputs", "versions", "hooks", "retained", "line", "__weakref__")

    def __init__(self, op: Any, attrs: dict[str, Any], args: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
        self.op, self.attrs = op, attrs
        self.edges = tuple(_edge(a) if isinstance(a, Tensor) and a._requires_grad else None for a in args)
        self.specs = tuple(TensorSpec(a.shape, a.dtype) if isinstance(a, Tensor) else a for a in args)
        needs = op.needs_inputs
        self.inputs: Any = tuple(
            a if needs(i) and isinstance(a, Tensor) else s for i, (a, s) in enumerate(zip(args, self.specs))
        )
        self.outputs: Any = tuple(
            _alias(o) if op.needs_output else TensorSpec(o.shape, o.dtype) for o in outputs
        )
        self.versions = tuple(t._version if isinstance(t, Tensor) else 0 for t in self.inputs + self.outputs)
        self.hooks: dict[int, dict[int, Any]] | None = None
        self.retained: dict[int, Any] | None = None
        self.line = user_line() if anomaly.enabled else None

    def saved(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The inputs and outputs the VJP reads, checked to be still what they were."""
        if self.inputs is None:
            fail(
                GradError,
                f"the values that the backward of {self.op.name} needs have been freed by an earlier backward pass",
                "Pass retain_graph=True to the first backward() or grad() if you need a second one.",
            )
        for tensor, version in zip(self.inputs + self.outputs, self.versions):
            if isinstance(tensor, Tensor) and tensor._version != version:
                fail(
                    GradError,
                    f"a value that the backward of {self.op.name} needs was changed in place: "
                    f"it was at version {version} and is now at version {tensor._version}",
                    "Write the change out of place (x = x + 1), or make it on a .clone().",
                )
        outputs = tuple(self._with_history(o, i) if isinstance(o, Tensor) else o for i, o in enumerate(self.outputs))
        return self.inputs, outputs

    def _with_history(self, alias: Tensor, index: int) -> Tensor:
        tensor = wrap(alias._value)
        tensor._storage, tensor._chain = alias._storage, alias._chain
        tensor._application, tensor._index, tensor._requires_grad = self, index, True
        tensor._seen = alias._seen
        return tensor

    def free(self) -> None:
        """Let go of the saved values, if the VJP reads any."""
        if self.op.needs_output or any(isinstance(t, Tensor) for t in self.inputs or ()):
            self.inputs = self.outputs = None

    def __repr__(self) -> str:
        return f"<{self.op.name} backward>"


class Anomaly(threading.local):
    """Whether Applications remember the user's line, for `set_detect_anomaly`."""

    enabled: bool = False


anomaly = Anomaly()


def _edge(tensor: Tensor) -> tuple[Any, int]:
    """Where a gradient of this tensor goes: (Application, output index), or (leaf, 0)."""
    return (tensor, 0) if tensor._application is None else (tensor._application, tensor._index)


def _alias(tensor: Tensor) -> Tensor:
    """Another handle on the same storage, without history: keeping it in an Application makes no cycle."""
    storage = storage_of(tensor)
    alias = wrap(tensor._value)
    alias._storage, alias._chain, alias._seen = storage, tensor._chain, tensor._seen
    return alias


def _record(op: Any, args: tuple[Any, ...], attrs: dict[str, Any], result: Any) -> None:
    for a in args:
        if isinstance(a, Tensor) and a._base is not None:
            refresh_view(a)
    outputs = result if type(result) is tuple else (result,)
    if not any(isinstance(a, Tensor) and a._requires_grad for a in args):
        return
    if not any(is_inexact(o.dtype) for o in outputs):
        return
    application = Application(op, attrs, args, outputs)
    for index, output in enumerate(outputs):
        if is_inexact(output.dtype):
            output._application, output._index, output._requires_grad = application, index, True


# Views and mutation


def _link_view(op: Any, source: Tensor, attrs: dict[str, Any], result: Tensor) -> None:
    """Tell a view whose memory it shows, and by which steps."""
    storage = result._storage = storage_of(source)
    result._chain = source._chain + ((op, tuple(attrs.items())),)
    result._seen = storage.version
    if mode.grad and op.vjp is not None:
        result._base = source if source._base is None else source._base


def walk_chain(tensor: Tensor, chain: tuple[Any, ...]) -> Tensor:
    """Apply the view steps of a chain."""
    for op, attrs in chain:
        tensor = bind(op, tensor, **dict(attrs))
    return tensor


def refresh_view(view: Tensor) -> None:
    """Give a view the history its base has now, if the base was changed in place since."""
    base = view._base
    if base is None or view._seen == view._version:
        return
    if base._requires_grad and base._application is not None:
        fresh = walk_chain(base, view._chain[len(base._chain) :])
        view._application, view._index, view._requires_grad = fresh._application, fresh._index, fresh._requires_grad
    view._seen = view._version


def assign(target: Tensor, value: Tensor, put: Any = None) -> Tensor:
    """Write `value` into `target`'s memory, in place, with NumPy's view semantics. `put` is the op that writes a view."""
    if not np.can_cast(value.dtype, target.dtype, casting="same_kind"):
        fail(
            DTypeError,
            f"an in-place operation would cast {value.dtype.name} to {target.dtype.name}",
            "Write it out of place (x = x + y), or cast first with .astype(dtype).",
        )
    if any(not op.writable for op, _ in target._chain):
        fail(
            GradError,
            "an in-place write to an expanded tensor: several of its elements are one memory location",
            "Call .clone() on it first.",
        )
    if value.shape != target.shape and broadcast_shapes(value.shape, target.shape) != target.shape:
        fail(
            ShapeError,
            f"an in-place operation would write shape {value.shape} into shape {target.shape}",
            "The value must broadcast to the target; write it out of place (x = x + y) to get the larger shape.",
        )
    tracked = mode.grad and (target._requires_grad or value._requires_grad or target._base is not None)
    if tracked:
        _check_leaf(target)
    old_base = _alias_with_history(target._base if target._base is not None else target) if tracked else None
    mode.interpreter.assign(target, value)
    storage = storage_of(target)
    storage.version += 1
    if old_base is not None:
        _write_history(target, old_base, value, put)
    target._seen = storage.version
    return target


def _check_leaf(target: Tensor) -> None:
    owner = target if target._base is None else target._base
    refresh_view(target)
    if owner._requires_grad and owner._application is None:
        what = "a leaf" if owner is target else "a view of a leaf"
        fail(
            GradError,
            f"an in-place operation on {what} that requires grad",
            "Wrap it in `with tj.no_grad():`, or write to a .clone().",
        )


def _alias_with_history(tensor: Tensor) -> Tensor:
    alias = _alias(tensor)
    alias._application, alias._index, alias._requires_grad = tensor._application, tensor._index, tensor._requires_grad
    return alias


def _write_history(target: Tensor, old_base: Tensor, value: Tensor, put: Any) -> None:
    base = target if target._base is None else target._base
    if not (old_base._requires_grad or value._requires_grad):
        return
    chain = target._chain[len(base._chain) :]
    application = Application(put, {"chain": chain}, (old_base, value), (base,))
    base._application, base._index, base._requires_grad = application, 0, True
    base._seen = base._version
    if base is not target:
        with_history = walk_chain(base, chain)
        target._application, target._index = with_history._application, with_history._index
        target._requires_grad = with_history._requires_grad


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
    values = mode.interpreter.observe(self)
    if values.size != 1:
        fail(ArgumentError, f"a tensor of shape {values.shape} is not one number", "Reduce it (.any(), .all(), .sum()), or index one element.")
    return values.item()


@method()
def tolist(self: Tensor) -> Any:
    """The values as nested lists of Python numbers. During a trace this is an observation."""
    return mode.interpreter.observe(self).tolist()
