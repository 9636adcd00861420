"""The law of reductions: every method, of every dtype and layout, gives of stand-ins what it gives of arrays, to the last bit."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np
import pytest
from in_world import compare, traced

CHOICE = np.array([[True], [False], [True], [True], [False]])
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("sum", {}), ("sum", {"axis": 0}), ("sum", {"axis": -1}), ("sum", {"axis": (0, 2)}), ("sum", {"axis": (0, 1), "keepdims": True}),
    ("sum", {"axis": 7}), ("sum", {"axis": ()}), ("sum", {"dtype": "f4"}), ("sum", {"initial": 3}), ("sum", {"axis": 1, "where": CHOICE}),
    ("prod", {}), ("prod", {"axis": 1}), ("max", {}), ("max", {"axis": 1}), ("min", {"axis": (0, 1)}), ("max", {"initial": 2, "axis": 0}),
    ("all", {}), ("any", {"axis": 1, "keepdims": True}), ("mean", {}), ("mean", {"axis": 0}), ("mean", {"axis": (1, 2)}),
    ("mean", {"dtype": "f4"}), ("var", {}), ("var", {"axis": 1, "ddof": 1}), ("std", {"axis": (0, 1), "keepdims": True}), ("std", {}),
    ("argmax", {}), ("argmax", {"axis": 1}), ("argmin", {"axis": 0, "keepdims": True}), ("cumsum", {}), ("cumsum", {"axis": 1}),
    ("cumprod", {"axis": 0}), ("cumsum", {"dtype": "f4", "axis": -1}),
]  # fmt: skip


def layouts(dtype: str) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    base = (rng.random((4, 5, 20)) * 100 if dtype in "BL" else rng.standard_normal((4, 5, 20)) * 10).astype(dtype)
    if dtype in "FD":
        base = base + base[::-1] * base.dtype.type(1j)
    yield from (base, base.T, base.transpose(1, 0, 2), base[::2, 1:-1, ::-1], base[0, 0, 0].reshape(()), base[:0])
    yield np.broadcast_to(base[:1, :, :1], (3, 5, 7))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", "?bBhilLefdFD")
def test_reductions_are_numpys(dtype):
    for x in layouts(dtype):
        for name, options in CALLS:
            wrong = compare(lambda a: getattr(a, name)(**options), x)
            assert not wrong, f"x.{name}({options}) of {dtype} {x.shape} with strides {x.strides} {wrong}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", "lfdD")
def test_reductions_of_arrays_with_elements_observe_nothing(dtype):
    x = next(layouts(dtype))
    for name, options in CALLS:
        if options.get("axis") != 7:
            result, reasons = traced(lambda a: getattr(a, name)(**options), x)
            assert not reasons, f"x.{name}({options}) of {dtype} asks for a value"
