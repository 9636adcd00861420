"""`Function`: an operation whose backward the user writes."""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ..application import Application, Replace, alias_of, fail_changed, fail_freed, set_history
from ..dispatch import assigned, bind, mode
from ..errors import ArgumentError, GradError, fail
from ..ops.create import zeros_like
from ..ops.view import put, same
from ..spec import TensorSpec, is_inexact
from ..tensor import Tensor
from ..tree import map_leaves
from .modes import GradMode


class FunctionContext:
    """What `forward` leaves for `backward`; any attribute may be set on it besides.

    needs_input_grad: for each argument of `apply`, whether it is a tensor that requires grad.
    """

    def __init__(self, name: str, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.materialize_grads = True
        self._name = name
        self._to_save: tuple[Tensor | None, ...] = ()
        self._saved: list[_Saved] | None = None  # when forward is over
        self._freed = False
        self._dirty: tuple[Tensor, ...] = ()
        self._constants: tuple[Tensor, ...] = ()
        self._application: Callable[[], FunctionApplication | None] = lambda: None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (inputs, outputs or intermediate ones; None is let through) for `saved_tensors` in `backward`."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                met = f"save_for_backward() of a {type(t).__name__} at position {i}"
                fail(ArgumentError, met, "Keep what is no tensor as an attribute of ctx.")
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept, checked to be unchanged since."""
        if self._freed:
            fail_freed(self._name)
        if self._saved is None:
            return self._to_save
        application = self._application()
        return tuple(saved.read(self._name, application) for saved in self._saved)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that `forward` changed these inputs in place; it must return them too."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these outputs have no gradient."""
        self._constants = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for outputs that did not reach the root."""
        self.materialize_grads = value


class _Saved:
    """A tensor kept by `save_for_backward`, and its version then. An output is kept without its history: so no cycle is made."""

    __slots__ = ("tensor", "version", "output")

    def __init__(self, tensor: Tensor | None, output: int | None) -> None:
        self.tensor = alias_of(tensor) if tensor is not None and output is not None else tensor
        self.version = 0 if tensor is None else tensor._version
        self.output = output

    def rebuilt(self, replace: Replace) -> _Saved:
        """The same of another tensor."""
        new = object.__new__(_Saved)
        new.output = self.output
        new.tensor, new.version = (None, 0) if self.tensor is None else replace(self.tensor, self.version)
        return new

    def read(self, name: str, application: FunctionApplication | None) -> Tensor | None:
        tensor = self.tensor
        if tensor is None:
            return None
        if tensor._version != self.version:
            fail_changed(name, self.version, tensor._version)
        if self.output is None or application is None:
            return tensor
        handle = alias_of(tensor)
        if application.differentiable[self.output]:
            set_history(handle, application, self.output)
        return handle


class FunctionApplication(Application):
    """One recorded use of a Function."""

    __slots__ = ("function", "context", "results", "differentiable")

    def __init__(self, function: type[Function], context: FunctionContext, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        Application.__init__(self, function.__name__, len(outputs), args)
        self.function, self.context = function, context
        self.results = [TensorSpec(o.shape, o.dtype) if isinstance(o, Tensor) else None for o in outputs]
        self.differentiable = [
            isinstance(o, Tensor) and is_inexact(o.dtype) and not _among(o, context._constants) for o in outputs
        ]
        context._application = weakref.ref(self)

    def pull_back(self, cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        if self.context.materialize_grads:
            cotangents = [zeros_like(r) if c is None and r is not None else c for c, r in zip(cotangents, self.results)]
        results = self.function.backward(self.context, *cotangents)
        return self._checked(results if isinstance(results, tuple) else (results,), wanted)

    def _checked(self, results: tuple[Any, ...], wanted: Sequence[Any]) -> list[Any]:
        count = len(wanted)
        if any(r is not None for r in results[count:]) or len(results) < count:
            fail(
                GradError,
                f"the backward of {self.name} returned {len(results)} gradients for {count} inputs of its forward",
                "Return one for each input after ctx, in their order; None where there is none.",
            )
        for i, (result, spec) in enumerate(zip(results, self.inputs)):
            if result is None:
                continue
            if not isinstance(spec, TensorSpec):
                self._refuse(i, f"a {type(result).__name__}", "input is no tensor: return None for it")
            if not isinstance(result, Tensor):
                self._refuse(i, f"a {type(result).__name__}", f"input is {spec}: return a Tensor, or None")
            if wanted[i] and not _sums_to(result.shape, spec.shape):
                self._refuse(i, f"shape {result.shape}", f"input is {spec}: return a gradient of its shape")
        return [r if w else None for r, w in zip(results, wanted)]

    def _refuse(self, position: int, met: str, instead: str) -> None:
        fail(GradError, f"the backward of {self.name} returned {met} as gradient {position}", f"The corresponding {instead}.")

    def free(self) -> None:
        """Let go of what `save_for_backward` kept, if anything."""
        if self.context._saved:
            self.context._saved, self.context._to_save, self.context._freed = None, (), True

    def saves(self) -> bool:
        return bool(self.context._saved)

    def freed(self) -> bool:
        return self.context._freed

    def rebuilt(self, replace: Replace, edges: list[tuple[Any, int] | None]) -> FunctionApplication:
        """As of every Application. Tensors that are attributes of the context, or in containers there, are replaced too."""
        new = object.__new__(FunctionApplication)
        Application.__init__(new, self.name, self.outputs, ())
        new.edges, new.inputs, new.order, new.line = edges, self.inputs, self.order, self.line
        new.function, new.results, new.differentiable = self.function, self.results, self.differentiable
        context = new.context = copy.copy(self.context)
        for name, value in list(vars(context).items()):
            if not name.startswith("_"):
                setattr(context, name, map_leaves(lambda v: replace(v, v._version)[0] if isinstance(v, Tensor) else v, value))
        context._saved = None if context._saved is None else [saved.rebuilt(replace) for saved in context._saved]
        context._application = weakref.ref(new)
        return new


class Function:
    """Subclass it with static methods `forward` and `backward`, and call `apply`.

    forward(ctx, *args): computes the result, a Tensor or a tuple; nothing in it is recorded. Or forward(*args), with a
      separate `setup_context(ctx, inputs, output)` that says what to save.
    backward(ctx, *grads): one gradient for each output in, one for each argument of forward out (None for those that are
      no tensors or need none). Written in ops, it can itself be differentiated.
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        """The operation itself."""
        fail(GradError, "a Function has no forward", "Define it as a static method: forward(ctx, *args).")

    @staticmethod
    def setup_context(ctx: FunctionContext, inputs: tuple[Any, ...], output: Any) -> None:
        """What to save for backward, where `forward` takes no ctx."""
        fail(GradError, "a Function has no setup_context", "Define it as a static method: setup_context(ctx, inputs, output).")

    @staticmethod
    def backward(ctx: FunctionContext, *grads: Any) -> Any:
        """The gradients of the inputs, from those of the outputs."""
        fail(GradError, "a Function has no backward", "Define it as a static method: backward(ctx, *grads).")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` on these arguments, and record it so that `backward` gives the gradients."""
        context = FunctionContext(cls.__name__, tuple([isinstance(a, Tensor) and a.requires_grad for a in args]))
        with GradMode(False):
            if cls.setup_context is Function.setup_context:
                output = cls.forward(context, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(context, args, output)
        if not mode.grad or not any(context.needs_input_grad):
            return output
        outputs = output if isinstance(output, tuple) else (output,)
        recorded = _record(cls, context, args, outputs)
        return recorded if isinstance(output, tuple) else recorded[0]


def _record(function: type[Function], context: FunctionContext, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    for o in outputs:
        if isinstance(o, list) and any(isinstance(e, Tensor) for e in o):
            fail(GradError, f"the forward of {function.__name__} returned a list of tensors", "Return a tuple: its tensors are tracked.")
    for d in context._dirty:
        if not _among(d, outputs):
            fail(GradError, f"the forward of {function.__name__} marked a tensor dirty that it does not return", "Return it.")
    application = FunctionApplication(function, context, args, outputs)
    context._saved = [_Saved(t, next((i for i, o in enumerate(outputs) if o is t and t is not None), None)) for t in context._to_save]
    context._to_save = ()
    recorded: list[Any] = []
    for i, o in enumerate(outputs):
        if isinstance(o, Tensor):
            dirty = _among(o, context._dirty)
            if not dirty and (_among(o, args) or _among(o, recorded)):
                with GradMode(False):
                    o = bind(same, o)
            if dirty and application.differentiable[i]:
                assigned(o, application, i, put)
            elif application.differentiable[i]:
                set_history(o, application, i)
            elif o._requires_grad and not dirty:
                o = mode.interpreter.handle(o)
        recorded.append(o)
    context._dirty = context._constants = ()
    return tuple(recorded)


def _among(tensor: Any, group: Sequence[Any]) -> bool:
    return any(tensor is t for t in group)


def _sums_to(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a gradient of `shape` can be summed to the shape `wanted`, as if that had been broadcast."""
    extra = len(shape) - len(wanted)
    return extra >= 0 and all(w in (1, s) for s, w in zip(shape[extra:], wanted))


def once_differentiable(backward: Callable) -> Callable:
    """Decorates a `backward` that cannot itself be differentiated: to try is an error."""

    @functools.wraps(backward)
    def unrecorded(ctx: FunctionContext, *grads: Any) -> Any:
        with GradMode(False):
            results = backward(ctx, *grads)
        if not mode.grad or not any(isinstance(g, Tensor) and g._requires_grad for g in grads):
            return results
        barrier = _Barrier(ctx._name, 0, grads)
        several = results if isinstance(results, tuple) else (results,)
        barred = tuple(_barred(r, barrier) if isinstance(r, Tensor) else r for r in several)
        return barred if isinstance(results, tuple) else barred[0]

    return unrecorded


class _Barrier(Application):
    """Stands behind the gradients of a `once_differentiable` backward."""

    __slots__ = ()

    def pull_back(self, cotangents: list[Any], wanted: Sequence[Any]) -> Sequence[Any]:
        fail(
            GradError,
            f"the backward of {self.name} is marked once_differentiable, and was to be differentiated",
            "Write it in tracejit's ops and take the mark away.",
        )


def _barred(result: Tensor, barrier: _Barrier) -> Tensor:
    handle = mode.interpreter.handle(result)
    set_history(handle, barrier, barrier.outputs)
    barrier.outputs += 1
    return handle
