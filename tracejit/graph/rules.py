"""The rules of algebra that hold to the last bit: for NaN, for the infinities, for -0.0, and for integers that wrap.

To add a rule, add its line to `RULES`: the dtypes it holds for, the pattern, and what may stand in its place. So x + 0.0 is not
here (-0.0 + 0.0 is 0.0), nor 0 · x (NaN, infinities, signs); x + -0.0 and 1 · x are. A number in a pattern is meant in the
dtype of its neighbours: as an integer, -0.0 is 0. The loop over the rules in the tests checks all this on special values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import prod
from typing import Any, Sequence

import numpy as np

from ..op import Op
from ..ops.casts import cast, conj, copy, real, where
from ..ops.elementwise import (
    abs, add, ceil, divide, floor, floor_divide, maximum, minimum, multiply, negative, positive, pow, reciprocal, remainder, rounded,
    second_power, sign, square, subtract, third_power, trunc,
)  # fmt: skip
from ..ops.activation import relu
from ..ops.logic import bitwise_and, bitwise_invert, bitwise_or, bitwise_right_shift, equal, logical_and, logical_not, logical_or, not_equal
from ..ops.reduce import reduce_all, reduce_any, reduce_max, reduce_min, reduce_prod, reduce_sum
from ..ops.view import alias, basic_index, broadcast, permute, reshape_view, same
from ..spec import SMALL_FLOATS, DType, bfloat16, float32, float64, is_inexact, is_integer, reduced_shape
from ..tensor import Tensor
from .ir import Graph
from .rewrite import Rule, Strides, rewrite

_EXAMPLE = (2, 1, 3)  # the shape of the tensors that the sample attributes below speak of


def _idempotent(op: Op, dtypes: str) -> Rule:
    return Rule(dtypes, lambda x: op(op(x)), lambda x: op(x))


def _involution(op: Op, dtypes: str) -> Rule:
    return Rule(dtypes, lambda x: op(op(x)), lambda x: x)


def _of_twins(op: Op, dtypes: str) -> Rule:
    return Rule(dtypes, lambda x: op(x, x), lambda x: x)


def _of_one_element(op: Any, dtypes: str) -> Rule:
    """A reduction over axes of one element, or over none."""

    def replacement(x: Tensor, *, axes: tuple[int, ...], keepdims: bool) -> Tensor | None:
        if prod(x.shape[d] for d in axes) != 1 or x.dtype in SMALL_FLOATS:  # which are reduced in float32
            return None
        only = cast(reshape_view(x, shape=reduced_shape(x.shape, axes, keepdims)), dtype=op.spec(x.spec, axes=axes).dtype)
        return add(only, 0) if op is reduce_sum else only  # a sum of -0.0 is 0.0

    return Rule(dtypes, lambda x, *, axes=(1,), keepdims=False: op(x, axes=axes, keepdims=keepdims), replacement)


def _unless(holds: Callable[..., bool], replacement: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **attrs: None if holds(*args, **attrs) else replacement(*args, **attrs)


def _reciprocal(x: Tensor, *, c: float) -> Tensor | None:
    """x · 1/c, where 1/c is exact: both quotient and product are then the same number, rounded once."""
    if math.frexp(c)[0] not in (0.5, -0.5):  # not a power of two: NaN, 0 and the infinities included
        return None
    with np.errstate(over="ignore"):
        inverse = np.asarray(1 / c, x.dtype)
    return multiply(x, inverse.item()) if inverse and np.isfinite(inverse) else None


def _power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _loses_nothing(x: DType, through: DType, last: DType) -> bool:
    """Whether `through` holds each number of `x`, so that a cast by way of it to `last` is the cast to `last`."""
    if is_inexact(through) and not is_inexact(last):
        return False  # floats become integers by other rules than integers do
    if through == bfloat16:
        return x == bfloat16 or x.itemsize == 1
    if x == bfloat16:
        return through in (float32, float64) or through.kind == "c"
    return np.can_cast(x, through, "safe") and not (is_integer(x) and through.kind == "f" and x.itemsize == 8)


RULES: list[Rule] = [
    # signs
    _involution(negative, "ifc"),
    Rule("ifc", lambda x, y: subtract(x, negative(y)), lambda x, y: add(x, y)),
    Rule("ifc", lambda x, y: add(x, negative(y)), lambda x, y: subtract(x, y)),
    Rule("ifc", lambda x, y: add(negative(x), y), lambda x, y: subtract(y, x)),
    Rule("if", lambda x, y: multiply(negative(x), negative(y)), lambda x, y: multiply(x, y)),
    Rule("f", lambda x, y: divide(negative(x), negative(y)), lambda x, y: divide(x, y)),
    Rule("if", lambda x: square(negative(x)), lambda x: square(x)),
    Rule("if", lambda x: square(abs(x)), lambda x: square(x)),
    Rule("f", lambda x: abs(negative(x)), lambda x: abs(x)),
    Rule("f", lambda x: relu(abs(x)), lambda x: abs(x)),
    Rule("if", lambda x: abs(relu(x)), lambda x: relu(x)),
    _idempotent(abs, "bifc"), _idempotent(relu, "if"), _idempotent(sign, "if"),
    Rule("ifc", lambda x: positive(x), lambda x: x),
    # neutral elements
    Rule("if", lambda x: add(x, -0.0), lambda x: x),
    Rule("if", lambda x: add(-0.0, x), lambda x: x),
    Rule("ifc", lambda x: subtract(x, 0), lambda x: x),
    Rule("bif", lambda x: multiply(x, 1), lambda x: x),
    Rule("bif", lambda x: multiply(1, x), lambda x: x),
    # what costs less
    Rule("f", lambda x, *, c=4.0: divide(x, c), _reciprocal),
    Rule(
        "i", lambda x, *, c=4: floor_divide(x, c),
        lambda x, *, c: bitwise_right_shift(x, c.bit_length() - 1) if _power_of_two(c) else None,
    ),
    Rule("i", lambda x, *, c=4: remainder(x, c), lambda x, *, c: bitwise_and(x, c - 1) if _power_of_two(c) else None),
    Rule("f", lambda x: pow(x, 1), lambda x: x),
    Rule("f", lambda x: pow(x, 2), lambda x: square(x)),
    Rule("f", lambda x: pow(x, -1), lambda x: reciprocal(x)),
    Rule("c", lambda x: pow(x, 2), lambda x: second_power(x)),
    Rule("c", lambda x: pow(x, 3), lambda x: third_power(x)),
    # rounding, extremes, bits and truth
    _idempotent(floor, "bif"), _idempotent(ceil, "bif"), _idempotent(trunc, "bif"), _idempotent(rounded, "if"),
    _of_twins(maximum, "bif"), _of_twins(minimum, "bif"), _of_twins(bitwise_and, "bi"), _of_twins(bitwise_or, "bi"),
    _of_twins(logical_and, "b"), _of_twins(logical_or, "b"), _involution(bitwise_invert, "bi"), _involution(logical_not, "b"),
    Rule("bifc", lambda x, y: logical_not(equal(x, y)), lambda x, y: not_equal(x, y)),
    Rule("bifc", lambda x, y: logical_not(not_equal(x, y)), lambda x, y: equal(x, y)),
    # choices
    Rule("bifc", lambda c, x: where(c, x, x), lambda c, x: x),
    Rule("bifc", lambda x, y: where(True, x, y), lambda x, y: x),
    Rule("bifc", lambda x, y: where(False, y, x), lambda x, y: x),
    Rule("bifc", lambda c, x, y: where(logical_not(c), x, y), lambda c, x, y: where(c, y, x)),
    Rule("bifc", lambda c, x, y, z: where(c, where(c, x, y), z), lambda c, x, y, z: where(c, x, z)),
    Rule("bifc", lambda c, x, y, z: where(c, x, where(c, y, z)), lambda c, x, y, z: where(c, x, z)),
    # the same values again
    Rule("bifc", lambda x: copy(x), lambda x: x),
    Rule("bifc", lambda x, *, dtype=float32: cast(x, dtype=dtype), _unless(lambda x, dtype: x.dtype != dtype, lambda x, dtype: x)),
    Rule(
        "bifc", lambda x, *, through=float64, dtype=float32: cast(cast(x, dtype=through), dtype=dtype),
        lambda x, *, through, dtype: cast(x, dtype=dtype) if _loses_nothing(x.dtype, through, dtype) else None,
    ),
    _involution(conj, "ifc"),
    Rule("if", lambda x: conj(x), lambda x: x),
    Rule("if", lambda x: real(x), lambda x: x),
    # views: the same elements at the same strides
    Rule("bifc", lambda x: alias(x), lambda x: x),
    Rule("bifc", lambda x: same(x), lambda x: x),
    Rule("bifc", lambda x, *, axes=(0, 1, 2): permute(x, axes=axes), _unless(lambda x, axes: axes != tuple(range(x.ndim)), lambda x, axes: x)),
    Rule(
        "bifc", lambda x, *, axes=(2, 0, 1), then=(0, 2, 1): permute(permute(x, axes=axes), axes=then),
        lambda x, *, axes, then: permute(x, axes=tuple(axes[a] for a in then)),
    ),
    Rule("bifc", lambda x, *, shape=_EXAMPLE: reshape_view(x, shape=shape), _unless(lambda x, shape: x.shape != shape, lambda x, shape: x)),
    Rule(
        "bifc", lambda x, *, shape=(6,), then=(3, 2): reshape_view(reshape_view(x, shape=shape), shape=then),
        lambda x, *, shape, then: reshape_view(x, shape=then),
    ),
    Rule("bifc", lambda x, *, shape=_EXAMPLE: broadcast(x, shape=shape), _unless(lambda x, shape: x.shape != shape, lambda x, shape: x)),
    Rule(
        "bifc", lambda x, *, shape=(2, 4, 3), then=(5, 2, 4, 3): broadcast(broadcast(x, shape=shape), shape=then),
        lambda x, *, shape, then: broadcast(x, shape=then),
    ),
    Rule(
        "bifc", lambda x, *, key=((0, 2, 1), (0, 1, 1), (0, 3, 1)): basic_index(x, key=key),
        _unless(lambda x, key: key != tuple((0, n, 1) for n in x.shape), lambda x, key: x),
    ),
    # reductions that reduce nothing
    _of_one_element(reduce_sum, "bif"), _of_one_element(reduce_prod, "bif"), _of_one_element(reduce_max, "bif"),
    _of_one_element(reduce_min, "bif"), _of_one_element(reduce_all, "b"), _of_one_element(reduce_any, "b"),
]  # fmt: skip


def simplify(graph: Graph, layouts: Sequence[Strides | None]) -> Graph:
    """The graph as simple as the rules make it: the same bits, at the same layouts. See `rewrite`."""
    return rewrite(graph, RULES, layouts)
