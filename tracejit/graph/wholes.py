"""`whole_with`: the whole of a storage after a write through a view of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.view import permute, put, reshape_view
from .applications import Applications
from .ir import Node


def whole_with(make: Applications, whole: Node, value: Node, chain: tuple[Any, ...], home: np.ndarray | None) -> Node:
    """The node of a whole in which what a view chain shows is replaced. home: the array that it is the memory of, if one is.

    What is computed lies in C order. A reshape may be a view only because axes of `home` lie in another order: then the
    whole is written with its axes in that order.
    """
    if home is None or home.flags.c_contiguous or all(op is not reshape_view for op, _ in chain):
        return make.apply(put, (whole, value), {"chain": chain})
    order = tuple(sorted(range(home.ndim), key=lambda d: -abs(home.strides[d])))
    back = {"axes": tuple([order.index(d) for d in range(home.ndim)])}
    turned = make.apply(permute, (whole,), {"axes": order})
    written = make.apply(put, (turned, value), {"chain": ((permute, tuple(back.items())), *chain)})
    return make.apply(permute, (written,), back)
