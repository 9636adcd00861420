"""The op table on a GPU: every op, every dtype it takes, every layout, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_samples import CONSTANT, INVARIANT, SAMPLES
from support import ATTRS, SEEN, elementwise_ops, takes, values

import tracejit as tj
from tracejit.backends.cuda.devices import simulated
from tracejit.op import OPS
from tracejit.spec import DTYPES, bool_, float32, is_inexact
from tracejit.tensor import wrap

from .laws import assert_alike, tensors, with_gradients

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SHAPES = {"small": (3, 5), "large": (517, 1031)}  # a block or less; more than one turn of every thread
BY_LIBRARY = 256.0  # units of the largest magnitude, for what libraries compute; 2 for what a kernel does, 16 where it sums


def dtypes_of(op: Any) -> list[np.dtype]:
    taken = [d for d in DTYPES if takes(op, d)]
    return [d for d in taken if d in (float32, bool_)] or taken[:1] if simulated() else taken


def drawn(op: Any, dtype: np.dtype, shape: tuple[int, ...]) -> list[np.ndarray]:
    return values(op, dtype, shape)


CASES = [
    pytest.param(op, dtype, shape, id=f"{size}-{op.name}-{dtype}")
    for op in elementwise_ops()
    for dtype in dtypes_of(op)
    for size, shape in SHAPES.items()
    if size == "small" or dtype in (float32, bool_)
]


@pytest.mark.parametrize("op, dtype, shape", CASES)
def test_elementwise(op, dtype, shape):
    attrs = ATTRS.get(op.name, {})
    assert_alike(lambda *xs: op(*xs, **attrs), [wrap(a) for a in drawn(op, dtype, shape)], within=2)


@pytest.mark.parametrize("layout", SEEN)
@pytest.mark.parametrize("op, shape", [pytest.param(op, shape, id=f"{size}-{op.name}") for op in elementwise_ops() for size, shape in SHAPES.items()])
def test_layouts(op, shape, layout):
    if simulated() and op.name not in ("add", "exp", "where", "floor_divide"):
        pytest.skip("the same text for a simulated GPU")
    dtype, attrs, laid = dtypes_of(op)[0], ATTRS.get(op.name, {}), SEEN[layout]
    square = (max(shape), max(shape))
    assert_alike(lambda *xs: op(*[laid(x) for x in xs], **attrs), [wrap(a) for a in drawn(op, dtype, square)], within=2)


@pytest.mark.parametrize("op, dtype, shape", [case for case in CASES if is_inexact(case.values[1])])
def test_elementwise_gradients(op, dtype, shape):
    """A gradient is of several ops, each within 2 units: hence the wider bound."""
    attrs = ATTRS.get(op.name, {})
    try:
        assert_alike(with_gradients(lambda *xs: op(*xs, **attrs)), tensors(drawn(op, dtype, shape)), within=32)
    except tj.TracejitError as error:
        if "gradient" not in str(error) and "differentiable" not in str(error):
            raise


OTHERS = [
    pytest.param(name, sample, id=f"small-{name}-{n}")
    for name, samples in SAMPLES.items()
    for n, sample in enumerate(samples)
    if OPS[name].kind != "transfer"
]


def bound(name: str) -> float:
    kind = OPS[name].kind
    return BY_LIBRARY if kind == "library" else 16.0 if kind in ("reduction", "control") else 2.0


@pytest.mark.parametrize("name, sample", OTHERS)
def test_other_ops(name, sample):
    op, (args, attrs) = OPS[name], sample()
    if not any(isinstance(a, tj.Tensor) for a in args):
        pytest.skip("made of nothing, where it is needed")
    free = INVARIANT.get(name, lambda *results: results)
    assert_alike(lambda *xs: free(*_all(op(*xs, **attrs))), args, bound(name), compiled=not op.dynamic)


@pytest.mark.parametrize("name, sample", [case for case in OTHERS if OPS[case.values[0]].kind != "control"])
def test_gradients_of_other_ops(name, sample):
    op, (args, attrs) = OPS[name], sample()
    if op.dynamic or not any(isinstance(a, tj.Tensor) and is_inexact(a.dtype) for a in args):
        pytest.skip("nothing to differentiate")
    for n, a in enumerate(args):
        if isinstance(a, tj.Tensor) and is_inexact(a.dtype) and n not in CONSTANT.get(name, ()):
            a.requires_grad_()
    free = INVARIANT.get(name, lambda *results: results)
    assert_alike(with_gradients(lambda *xs: free(*_all(op(*xs, **attrs)))), args, max(BY_LIBRARY, bound(name)))


def _all(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)
