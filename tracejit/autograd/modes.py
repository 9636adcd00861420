"""Whether operations are recorded: thread-local, as context managers and decorators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..dispatch import anomaly, mode
from ..scope import Scope


class GradMode(Scope):
    """Sets whether operations are recorded: in a `with` block, or inside a decorated function.

    `inference` None leaves inference mode as it is; inside it nothing is recorded.
    """

    def __init__(self, grad: bool, inference: bool | None = None) -> None:
        self.grad, self.inference = grad, inference
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((mode.grad, mode.inference))
        if self.inference is not None:
            mode.inference = self.inference
        mode.grad = self.grad and not mode.inference

    def __exit__(self, *_: Any) -> None:
        mode.grad, mode.inference = self.before.pop()

    def again(self) -> GradMode:
        return GradMode(self.grad, self.inference)


def no_grad(function: Callable | None = None) -> Any:
    """Record nothing: `with tj.no_grad():`, `@tj.no_grad()` or `@tj.no_grad`."""
    return _for(GradMode(False), function)


def enable_grad(function: Callable | None = None) -> Any:
    """Record again, inside `no_grad`: a context manager and a decorator. It does not undo `inference_mode`."""
    return _for(GradMode(True), function)


def inference_mode(flag: Any = True) -> Any:
    """As `no_grad`, a promise besides that the results will never meet autograd; `inference_mode(False)` ends it inside."""
    if callable(flag):
        return GradMode(False, True)(flag)
    return GradMode(not flag, bool(flag)) if flag or mode.inference else GradMode(mode.grad)


class set_grad_enabled(GradMode):
    """Set recording at once, until changed; as a context manager, until its block ends; or as a decorator."""

    def __init__(self, grad: bool) -> None:
        super().__init__(bool(grad))
        self.outside = (mode.grad, mode.inference)
        mode.grad = self.grad and not mode.inference

    def __enter__(self) -> None:
        self.before.append(self.outside)
        mode.grad = self.grad and not mode.inference

    def __call__(self, function: Callable) -> Callable:
        mode.grad, mode.inference = self.outside
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether operations are recorded now, in this thread."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is in force now, in this thread."""
    return mode.inference


class set_detect_anomaly:
    """Check every gradient for NaN, and name the op and the user's line of its forward; at once, or in a `with` block."""

    def __init__(self, flag: bool = True) -> None:
        self.flag, self.outside = flag, anomaly.enabled
        anomaly.enabled = flag

    def __enter__(self) -> None:
        anomaly.enabled = self.flag

    def __exit__(self, *_: Any) -> None:
        anomaly.enabled = self.outside


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """`set_detect_anomaly(True)` for the length of a `with` block."""
    with set_detect_anomaly(True):
        yield


def _for(grad_mode: GradMode, function: Callable | None) -> Any:
    return grad_mode if function is None else grad_mode(function)
