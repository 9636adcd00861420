"""Hooks of modules: functions that see, and may replace, what goes into and comes out of `forward` and its backward."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

if TYPE_CHECKING:
    from .module import Module

_serial = itertools.count()

PRE, POST, BACKWARD_PRE, BACKWARD = "forward_pre", "forward", "backward_pre", "backward"


class Hook(NamedTuple):
    """A registered function: when it runs, and how it is called."""

    when: str
    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class RemovableHandle:
    """What registering a hook returns: `.remove()`, or the end of a `with` block, takes the hook away."""

    def __init__(self, hooks: dict[int, Hook], hook: Hook, prepend: bool = False) -> None:
        self.hooks, self.id = hooks, next(_serial)
        hooks[self.id] = hook
        if prepend:
            for key in [k for k in hooks if k != self.id]:
                hooks[key] = hooks.pop(key)

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pre-hooks, `forward`, hooks; and the backward hooks tied to the inputs and outputs."""
    hooks = list(module._hooks.values())
    done: set[int] = set()
    try:
        args, kwargs = _before(module, hooks, args, kwargs)
        result = module.forward(*args, **kwargs)
        return _after(module, hooks, args, kwargs, result, done)
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
