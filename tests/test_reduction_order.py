"""The order of reductions is NumPy's for a C-contiguous array of that shape, eager and compiled: to the bit, over a wide table."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj

# Extents about the joints of the order: eight accumulators, leaves of 128 (of complex numbers four and 64), NumPy's buffer of 8192.
EXTENTS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 127, 128, 129, 300, 1000, 8192, 8193, 20000)
LARGE = [(1000, 300), (2, 8193, 9), (129, 300, 8), (7, 1000, 129), (8, 129, 7, 128), (20000, 2, 9), (3, 20000, 1, 7), (40, 1, 50, 1, 60)]
SMALL = [(), (1,), (130,), (9, 300), (300, 9), (3, 1, 129), (4, 0, 3)]
LAYOUTS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "broadcast": lambda a: np.broadcast_to(a[..., :1], a.shape),
}
REDUCTIONS = {
    "sum": (tj.sum, np.sum), "prod": (tj.prod, np.prod), "max": (tj.amax, np.max), "min": (tj.amin, np.min), "mean": (tj.mean, np.mean),
    "var": (tj.var, np.var), "all": (lambda x, **o: tj.all(x > 1, **o), lambda x, **o: np.all(x > 1, **o)),
    "any": (lambda x, **o: tj.any(x > 4, **o), lambda x, **o: np.any(x > 4, **o)),
}  # fmt: skip


def shapes(ndim: int, count: int) -> list[tuple[int, ...]]:
    """Shapes of extents drawn from the table, most of them with several large axes."""
    rng = np.random.default_rng(ndim)
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        shape = tuple(int(n) for n in rng.choice(EXTENTS, ndim))
        if math.prod(shape) <= 200_000 and rng.random() < (math.prod(shape) + 1) ** 0.5 / 100:
            found.append(shape)
    return found


TABLE = sorted({(n,) for n in EXTENTS}.union(LARGE, *[shapes(ndim, count) for ndim, count in ((2, 12), (3, 16), (4, 12), (5, 4))]))


def draw(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(shape)
    real = rng.normal(1, 1, shape)
    return (real + 1j * rng.normal(1, 1, shape) if np.dtype(dtype).kind == "c" else real).astype(dtype)


def check(name: str, x: np.ndarray, what: str = "", fused: bool = False) -> None:
    """Over every set of axes: eager, compiled, and NumPy on a contiguous copy; of x, or of what is computed in the same loop."""
    ours, numpys = REDUCTIONS[name]
    sets = [axes for count in range(1, x.ndim + 1) for axes in itertools.combinations(range(x.ndim), count)] or [()]
    cases = [{"axis": axes, "keepdims": bool(n % 2)} for n, axes in enumerate(sets)]
    before = (lambda t: t * 2 + 1) if fused else (lambda t: t)
    t, values = tj.asarray(x), before(np.array(x, order="C"))
    compiled = tj.compile(lambda t: [ours(before(t), **case) for case in cases])(t)
    for case, found in zip(cases, compiled):
        wanted = np.asarray(numpys(values, **case))
        assert_bits_equal(ours(before(t), **case), wanted, f"eager {name} of {x.dtype}{x.shape} {what} {case}")
        assert_bits_equal(found, wanted, f"compiled {name} of {x.dtype}{x.shape} {what} {case}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", TABLE, ids=str)
def test_sums(shape, dtype):
    check("sum", draw(shape, dtype))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_the_order_follows_the_shape_not_the_strides(name, layout):
    for shape in ((9, 300), (5, 7, 9)):
        check(name, LAYOUTS[layout](draw(shape, "float32")), layout)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_the_order_of_what_is_computed_in_the_same_loop(name):
    for shape in ((9, 300), (5, 7, 9)):
        check(name, draw(shape, "float32") / 8, "fused", fused=True)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_every_reduction(name, dtype):
    for shape in SMALL:
        if 0 not in shape or name not in ("max", "min"):  # over nothing, an error: tests/test_reduce.py
            check(name, draw(shape, dtype))


def test_a_dtype_is_cast_to_before_the_sum():
    """NumPy casts through a buffer and cuts the sum where the buffer ends; here the whole is cast, then summed in one order."""
    x = np.random.default_rng(0).integers(-(2**62), 2**62, 100_000)
    for ours, numpys in ((tj.sum, np.sum), (tj.mean, np.mean)):
        for function in (ours, tj.compile(ours)):
            assert_bits_equal(function(tj.asarray(x), dtype=tj.float64), numpys(x.astype(np.float64)))
