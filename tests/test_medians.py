"""np.median over a short axis, by a network of comparisons; and over others."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import tracejit as tj
from tracejit.ops.network import pairs_compared


@pytest.mark.parametrize("count", range(14))
def test_a_network_orders_all_rows_of_zeros_and_ones_and_so_all_rows(count):
    for row in product((0, 1), repeat=count):
        found = list(row)
        for low, high in pairs_compared(count):
            if found[low] > found[high]:
                found[low], found[high] = found[high], found[low]
        assert found == sorted(row)


def drawn(dtype, shape, seed):
    """Numbers of which some are equal, and some are no numbers."""
    draw = np.random.default_rng(seed)
    x = (draw.normal(size=shape) * 3).round().astype(dtype) if seed % 2 else (draw.normal(size=shape) * 20).astype(dtype)
    if x.dtype.kind == "f":
        x[x == 0] = -0.0
        x.flat[:: 7 + seed] = np.nan if seed % 3 else np.inf
        x.flat[5 :: 9 + seed] = -np.inf
    return x


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, None, (0, 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.int8, np.uint64, np.bool_])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 32, 33])
def test_medians_are_numpys_bit_by_bit(count, dtype, axis, keepdims):
    shape = [3, 4, 5]
    shape[axis if type(axis) is int else 0] = count
    compiled = tj.compile(lambda x: np.median(x, axis=axis, keepdims=keepdims))
    for seed in range(3):
        x = drawn(dtype, shape, seed)
        with np.errstate(all="ignore"):
            result, wanted = compiled(x), np.median(x, axis=axis, keepdims=keepdims)
        assert type(result) is type(wanted)
        np.testing.assert_array_equal(result, wanted, strict=True)
        numbers = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(result)[numbers], np.signbit(wanted)[numbers])


@pytest.mark.parametrize("count", [5, 6])
def test_the_median_of_a_few_numbers_is_a_scalar(count):
    x = np.random.default_rng(0).normal(size=count)
    result = tj.compile(lambda x: np.median(x, axis=0))(x)
    assert type(result) is np.float64 and result == np.median(x)


def test_a_median_over_a_short_axis_is_one_kernel_with_what_follows():
    def middle(x):
        return np.sqrt(np.abs(np.median(x, axis=0)))

    x, compiled = np.random.default_rng(0).random((9, 400)), tj.compile(middle)
    np.testing.assert_array_equal(compiled(x), middle(x))
    assert str(compiled.plan(x)).splitlines()[0].split()[:2] == ["0", "kernel"] and len(str(compiled.plan(x)).splitlines()) == 2


def test_what_numpy_refuses_is_refused():
    compiled = tj.compile(lambda x: np.median(x, axis=3))
    with pytest.raises(np.exceptions.AxisError):
        compiled(np.zeros((2, 3)))
