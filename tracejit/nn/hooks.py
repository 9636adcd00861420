"""Hooks of modules: functions that see, and may replace, what goes into and comes out of `forward` and its backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ..autograd.function import Function
from ..autograd.hooks import RemovableHandle
from ..dispatch import mode
from ..tensor import Tensor

if TYPE_CHECKING:
    from .module import Module

PRE, POST, BACKWARD_PRE, BACKWARD = "forward_pre", "forward", "backward_pre", "backward"


class Hook(NamedTuple):
    """A registered function: when it runs, and how it is called."""

    when: str
    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


def register(hooks: dict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Add a hook to a module's, at the end, or first if `prepend`."""
    handle = RemovableHandle(hooks, hook)  # type: ignore[arg-type]
    if prepend:
        for key in [k for k in hooks if k != handle.id]:
            hooks[key] = hooks.pop(key)
    return handle


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pre-hooks, `forward`, hooks; and the backward hooks tied to the inputs and outputs."""
    hooks = list(module._hooks.values())
    crossing = _Crossing(module) if any(h.when in (BACKWARD, BACKWARD_PRE) for h in hooks) else None
    done: set[int] = set()
    try:
        args, kwargs = _before(module, hooks, args, kwargs)
        if crossing is not None:
            args = crossing.enter(args)
        result = _after(module, hooks, args, kwargs, mode.callee(module.forward)(*args, **kwargs), done)
        return result if crossing is None else crossing.leave(result)
    except Exception:
        for hook in hooks:
            if hook.when == POST and hook.always_call and id(hook) not in done:
                hook.function(module, args, *([kwargs] if hook.with_kwargs else []), None)
        raise


def _before(module: Module, hooks: list[Hook], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    for hook in hooks:
        if hook.when != PRE:
            continue
        if hook.with_kwargs:
            replaced = hook.function(module, args, kwargs)
            if replaced is not None:
                args, kwargs = replaced
        else:
            replaced = hook.function(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    return args, kwargs


def _after(
    module: Module, hooks: list[Hook], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, done: set[int]
) -> Any:
    for hook in hooks:
        if hook.when != POST:
            continue
        done.add(id(hook))
        replaced = hook.function(module, args, kwargs, result) if hook.with_kwargs else hook.function(module, args, result)
        if replaced is not None:
            result = replaced
    return result


# Backward hooks: the tensors that enter and leave `forward` pass through a Function that changes nothing


class _Boundary(Function):
    """Gives its tensors, and hands their gradients to `seen(grads) -> grads`."""

    @staticmethod
    def forward(ctx: Any, seen: Callable[..., tuple[Any, ...]], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.seen = seen
        ctx.set_materialize_grads(False)
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        return (None, *ctx.seen(grads))


class _Crossing:
    """One call of a module that has backward hooks."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] = ()
        self.entered: list[Any] = []  # for each argument, whether its gradient is seen
        self.waits = False  # for the gradients of the inputs

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, their gradients watched."""
        self.entered = [isinstance(a, Tensor) for a in args]
        self.waits = mode.grad and any(isinstance(a, Tensor) and a.requires_grad for a in args)
        return _through(self._on_inputs, args)

    def leave(self, result: Any) -> Any:
        """The result of `forward`, its gradients watched."""
        if isinstance(result, Tensor):
            return _through(self._on_outputs, (result,))[0]
        return type(result)(_through(self._on_outputs, tuple(result))) if type(result) in (tuple, list) else result

    def _hooks(self, when: str) -> list[Callable[..., Any]]:
        return [hook.function for hook in self.module._hooks.values() if hook.when == when]

    def _on_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for function in self._hooks(BACKWARD_PRE):
            grads = _replaced(function(self.module, grads), grads)
        self.grad_output = grads
        if not self.waits:
            for function in self._hooks(BACKWARD):
                function(self.module, (None,) * len(self.entered), grads)
        return grads

    def _on_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        given = iter(grads)
        whole = tuple(next(given) if is_tensor else None for is_tensor in self.entered)
        for function in self._hooks(BACKWARD):
            whole = _replaced(function(self.module, whole, self.grad_output), whole)
        return tuple(g for g, is_tensor in zip(whole, self.entered) if is_tensor)


def _replaced(new: Any, old: tuple[Any, ...]) -> tuple[Any, ...]:
    return old if new is None else new if isinstance(new, tuple) else (new,)


def _through(seen: Callable[..., Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
    tensors = tuple(v for v in values if isinstance(v, Tensor))
    passed = iter(_Boundary.apply(seen, *tensors))
    return tuple(next(passed) if isinstance(v, Tensor) else v for v in values)
