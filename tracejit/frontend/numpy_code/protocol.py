"""What NumPy's ufuncs do when they meet an Array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import Array, attach, stand_in_all
from .complex_scalars import PRODUCTS, rounded
from .functions import constants
from .number import Number
from .reductions import reduce
from .running import accumulate
from .operands import holds_arrays
from .table import SUBSTITUTES
from .real_calls import on_real_arrays
from .ufunc_calls import call_with, changed_at, outer_of
from .ufuncs import at_once, call
from .world import world


@attach()
def __array_ufunc__(self: Array, ufunc: np.ufunc, how: str, *inputs: Any, **options: Any) -> Any:
    result: Any = NotImplemented
    if how == "__call__":
        return called(ufunc, *inputs, **options)
    if how == "reduce":
        return reduce(ufunc, *inputs, **options)
    if how == "accumulate":
        return accumulate(ufunc, *inputs, **options)
    if how == "outer" and not options:
        result = outer_of(ufunc, *inputs)
    elif how == "at":
        result = changed_at(ufunc, inputs[0], inputs[1], inputs[2:])
    if result is not NotImplemented:
        return result
    if how == "at" or options.get("out") is not None:
        world.untold(f"np.{ufunc.__name__}.{how} writes into an array itself")
    return on_real_arrays(getattr(ufunc, how), inputs, options)


Number.__array_ufunc__ = __array_ufunc__  # type: ignore[attr-defined]


def called(ufunc: np.ufunc, *inputs: Any, **options: Any) -> Any:
    """A call of a ufunc, of Arrays and others."""
    result = rounded(ufunc, inputs, options)
    if result is not None:
        return result
    if options or len(inputs) != ufunc.nin:
        result = call_with(ufunc, inputs, options)
    else:
        result = call(ufunc, *inputs)
    if result is not NotImplemented:
        return result
    if options.get("out") is not None or len(inputs) > ufunc.nin:
        world.untold(f"np.{ufunc.__name__} writes into an array itself")
    return on_real_arrays(ufunc, inputs, options)


class UfuncCall:
    """What woven code calls in the place of a ufunc."""

    __slots__ = ("ufunc",)

    def __init__(self, ufunc: np.ufunc) -> None:
        self.ufunc = ufunc

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if inputs and len(inputs) == self.ufunc.nin < 3 and not options:
            result = at_once(self.ufunc, *inputs)
            if result is not None:
                return result
        inputs = tuple([value if type(value) is Number else stand_in_all(value) for value in inputs])
        options = {name: stand_in_all(value) for name, value in options.items()}
        if Number in map(type, inputs) or any(map(holds_arrays, inputs)) or any(map(holds_arrays, options.values())):
            return called(self.ufunc, *inputs, **options)
        return constants(self.ufunc(*inputs, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ufunc, name)


class ProductCall(UfuncCall):
    """The same of np.multiply and np.square, which do not round alike whatever they are given."""

    __slots__ = ()

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        result = rounded(self.ufunc, inputs, options)
        return super().__call__(*inputs, **options) if result is None else result


SUBSTITUTES.update({ufunc: (ProductCall if ufunc in PRODUCTS else UfuncCall)(ufunc) for ufunc in vars(np).values() if isinstance(ufunc, np.ufunc)})
