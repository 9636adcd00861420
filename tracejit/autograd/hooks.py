"""What autograd gives a Tensor besides `backward`: `.grad`, `retain_grad`, and hooks."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from ..dispatch import mode, refresh_view
from ..errors import ArgumentError, GradError, fail, user_line
from ..tensor import Tensor, method

_numbers = itertools.count()

_NOT_KEPT = (
    "the .grad of a tensor that is not a leaf is read: backward() does not fill it. "
    "Call .retain_grad() on it before backward() if you want it, or read the .grad of the leaf it was computed from."
)


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again, as does the end of a `with` block."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Callable], hook: Callable) -> None:
        self._hooks = hooks
        self.id = next(_numbers)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Do not call the hook any more."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def _get_grad(self: Tensor) -> Tensor | None:
    """The gradient that backward passes have added up here: of a leaf, or after `retain_grad()`; else None."""
    found = mode.interpreter.read_grad(self)
    if found is None and not self.is_leaf and not self._retains_grad:
        line = user_line()
        warnings.warn_explicit(_NOT_KEPT, UserWarning, *(line or ("<unknown>", 0)))
    return found


def _set_grad(self: Tensor, value: Tensor | None) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            fail(ArgumentError, f".grad is set to a {type(value).__name__}", "Set it to a Tensor, or to None.")
        if value is self:
            fail(GradError, "a tensor is set as its own .grad", "Use a .clone().")
        if value.shape != self.shape or value.dtype != self.dtype:
            fail(GradError, f".grad of a tensor {self.spec} is set to {value.spec}", "Give a gradient of the tensor's shape and dtype.")
        if value.device != self.device:
            fail(GradError, f".grad of a tensor on {self.device} is set to one on {value.device}", "Bring it to the tensor first: g.to(x.device).")
    mode.interpreter.write_grad(self, value)


def _delete_grad(self: Tensor) -> None:
    _set_grad(self, None)


Tensor.grad = property(_get_grad, _set_grad, _delete_grad)  # type: ignore[attr-defined]


@method()
def retain_grad(self: Tensor) -> None:
    """Let backward passes fill `.grad` of this tensor though it is not a leaf (of a leaf they do anyway)."""
    _check_requires_grad(self, "retain_grad()")
    application = self._application
    if application is None or self._retains_grad:
        return
    self._retains_grad = True
    if application.retained is None:
        application.retained = {}
    application.retained[self._index] = weakref.ref(self)


def _retains_grad(self: Tensor) -> bool:
    """Whether `.grad` of this tensor, which is not a leaf, is filled by backward passes."""
    return self._retains_grad and not self.is_leaf


Tensor.retains_grad = property(_retains_grad)  # type: ignore[attr-defined]


@method()
def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook(gradient)` each time the gradient of this tensor is computed; what it returns, unless None, replaces it.

    Hooks run in the order in which they were registered. In-place changes of the tensor after this leave the hook with the
    value it had now.
    """
    _check_requires_grad(self, "register_hook()")
    if not callable(hook):
        fail(ArgumentError, f"a hook that is a {type(hook).__name__}", "Give a function of the gradient.")
    application = self._application
    if application is None:
        if self._hooks is None:
            self._hooks = {}
        return RemovableHandle(self._hooks, hook)
    if application.hooks is None:
        application.hooks = {}
    return RemovableHandle(application.hooks.setdefault(self._index, {}), hook)


@method()
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Call `hook(leaf)` each time a backward pass has added to the `.grad` of this leaf."""
    _check_requires_grad(self, "register_post_accumulate_grad_hook()")
    if self._application is not None:
        fail(GradError, "register_post_accumulate_grad_hook() of a tensor that is not a leaf", "Use register_hook(), or a leaf.")
    if self._post_hooks is None:
        self._post_hooks = {}
    return RemovableHandle(self._post_hooks, hook)


def _check_requires_grad(tensor: Tensor, what: str) -> None:
    refresh_view(tensor)
    if not tensor._requires_grad:
        fail(GradError, f"{what} of a tensor that does not require grad", "Call .requires_grad_() on it, or on what it is computed from.")
