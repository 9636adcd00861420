"""What NumPy's ufuncs do when they meet an Array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import Array, attach
from .reductions import accumulate, reduce
from .ufuncs import call, call_with, changed_at, on_real_arrays, outer_of


@attach()
def __array_ufunc__(self: Array, ufunc: np.ufunc, how: str, *inputs: Any, **options: Any) -> Any:
    result: Any = NotImplemented
    if how == "__call__":
        result = call_with(ufunc, inputs, options) if options else call(ufunc, *inputs)
    elif how == "reduce":
        return reduce(ufunc, *inputs, **options)
    elif how == "accumulate":
        return accumulate(ufunc, *inputs, **options)
    elif how == "outer" and not options:
        result = outer_of(ufunc, *inputs)
    elif how == "at":
        result = changed_at(ufunc, inputs[0], inputs[1], inputs[2:])
    return on_real_arrays(getattr(ufunc, how), inputs, options) if result is NotImplemented else result
