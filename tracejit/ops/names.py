"""PyTorch's names of parameters beside the array API's: `dim` is `axis`, `keepdim` is `keepdims`."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, TypeVar

from ..errors import ArgumentError, fail

F = TypeVar("F", bound=Callable[..., Any])
_THEIRS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims"}
_made: dict[Any, Any] = {}


def torch_names(function: F) -> F:
    """The function, which also takes `dim`, `dims` and `keepdim`, and an `axis` by position where it is keyword-only.

    A function without a parameter `axis` is given back as it is. The signature shown is the function's own.
    """
    if function not in _made:
        _made[function] = _renaming(function)
    return _made[function]


def _renaming(function: F) -> F:
    parameters = inspect.signature(function).parameters
    axis = parameters.get("axis")
    if axis is None:
        return function
    renamed = {theirs: ours for theirs, ours in _THEIRS.items() if ours in parameters and theirs not in parameters}
    by_position = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters.values())
    if axis.kind is not axis.KEYWORD_ONLY or any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        by_position = 1_000

    @functools.wraps(function)
    def with_torch_names(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            for theirs, ours in renamed.items():
                if theirs in kwargs:
                    if ours in kwargs:
                        fail(ArgumentError, f"{function.__name__}() was given both {ours} and {theirs}", f"Give {ours} alone.")
                    kwargs[ours] = kwargs.pop(theirs)
        if len(args) == by_position + 1 and "axis" not in kwargs:
            kwargs["axis"] = args[-1]
            args = args[:-1]
        return function(*args, **kwargs)

    return with_torch_names  # type: ignore[return-value]
