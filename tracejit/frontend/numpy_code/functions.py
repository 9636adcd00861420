"""NumPy's functions on Arrays, one statement each; those that are not here run on real arrays."""

from __future__ import annotations

from typing import Any, Callable


from .array import Array, attach
from .ufuncs import on_real_arrays


@attach()
def __array_function__(self: Array, function: Callable, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ours = FUNCTIONS.get(function)
    if ours is not None:
        result = ours(*args, **kwargs)
        if result is not NotImplemented:
            return result
    return on_real_arrays(function, args, kwargs)


FUNCTIONS: dict[Any, Callable] = {}
