"""What woven code calls in the place of functions that know nothing of stand-ins."""

from __future__ import annotations

from types import MethodType
from typing import Any, Callable

from ...tensor import StandIn
from ..numpy_code import each, on_real_arrays


class Unknown:
    """A callable in the place of one that knows nothing of traced arrays: it is given real ones, and what it gives is looked at."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def bound(self, owner: Any) -> Unknown:
        """The same as a method of `owner`."""
        return Unknown(MethodType(self.function, owner))  # type: ignore[arg-type]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return on_real_arrays(self.function, args, kwargs)


class Unwrapping:
    """A function of tracejit's in woven code: stand-ins are given as the tensors they hold."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = [each(_tensor, a) for a in args]
        return self.function(*values, **{name: each(_tensor, value) for name, value in kwargs.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


def _tensor(value: Any) -> Any:
    return value.tensor if isinstance(value, StandIn) else value
