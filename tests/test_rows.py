"""Stages that walk the same rows are one kernel: how many kernels there are, that bits do not change, and that the text runs."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from support import assert_bits_equal, bits, ulps
from test_text import run_in_python

import tracejit as tj
import tracejit.nn.functional as F
from tracejit.backends.text.pairwise import pairwise_table
from tracejit.lowering.kernel import Kernel
from tracejit.lowering.plan import Plan
from tracejit.spec import is_inexact


def backward(function: Callable[..., tj.Tensor]) -> Callable[..., Any]:
    """The gradients of a function's floating arguments but the last, which is the cotangent of its result."""

    def gradients(*arguments: tj.Tensor) -> list[tj.Tensor]:
        given = [a.detach().requires_grad_() if is_inexact(a.dtype) else a for a in arguments[:-1]]
        function(*given).backward(arguments[-1])
        return [a.grad for a in given if is_inexact(a.dtype)]

    return gradients


def floats(*shape: int) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """An argument of this shape, where -1 stands for the rows, -2 for the columns, and -3 for one row more."""
    return lambda rng, rows, columns: rng.normal(1, 2, [{-1: rows, -2: columns, -3: rows + 1}.get(n, n) for n in shape])


def classes(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.integers(0, columns, rows)


ROWS, ROW, EACH, ONE = floats(-1, -2), floats(-2), floats(-1), floats()
IMAGES, SAMPLES = floats(3, -1, 2, -2), floats(-3, -2)


def layer_norm(x, weight, bias):
    return F.layer_norm(x, x.shape[1:], weight, bias)


def rms_norm(x, weight):
    return F.rms_norm(x, x.shape[1:], weight)


def batch_norm(x):
    return F.batch_norm(x, None, None, training=True)


# What is computed, of which arguments, and the kernels of its plan: a check of indices, sums over rows (of a loss, or of the
# gradient of what all rows share) and the rows themselves are a kernel each.
TABLE: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "softmax": (tj.softmax, (ROWS,), 1),
    "softmax backward": (backward(tj.softmax), (ROWS, ROWS), 1),
    "log_softmax": (tj.log_softmax, (ROWS,), 1),
    "log_softmax backward": (backward(tj.log_softmax), (ROWS, ROWS), 1),
    "logsumexp": (lambda x: tj.logsumexp(x, 1), (ROWS,), 1),
    "logsumexp backward": (backward(lambda x: tj.logsumexp(x, 1)), (ROWS, EACH), 1),
    "layer_norm": (layer_norm, (ROWS, ROW, ROW), 1),
    "layer_norm backward": (backward(layer_norm), (ROWS, ROW, ROW, ROWS), 2),
    "rms_norm": (rms_norm, (ROWS, ROW), 1),
    "rms_norm backward": (backward(rms_norm), (ROWS, ROW, ROWS), 2),
    "batch_norm": (batch_norm, (IMAGES,), 1),
    "batch_norm backward": (backward(batch_norm), (IMAGES, IMAGES), 1),
    "cross_entropy": (F.cross_entropy, (ROWS, classes), 3),
    "cross_entropy backward": (backward(F.cross_entropy), (ROWS, classes, ONE), 3),
    "attention weights": (lambda q, bias: tj.softmax(q * 0.25 + bias, -1), (floats(2, -1, -2), floats(-1, -2)), 1),
    "gelu, residual and norm": (lambda x, y: F.layer_norm(F.gelu(x) + y, x.shape[1:]), (ROWS, ROWS), 1),
    "max and where it is": (lambda x: (x == tj.amax(x, axis=1, keepdims=True)).sum(axis=1), (ROWS,), 1),
    "softmax of columns": (lambda x: tj.softmax(x, 0), (ROWS,), 1),
    "batch_norm of columns": (batch_norm, (SAMPLES,), 1),
    "batch_norm of columns backward": (backward(batch_norm), (SAMPLES, SAMPLES), 1),
    "rows of rows": (lambda x: tj.softmax(x, -1).reshape(-1).reshape(x.shape) * 2, (ROWS,), 1),
}
SHAPES = [(1, 1), (3, 7), (2, 8), (5, 9), (37, 128), (16, 129), (4, 300), (33, 1000)]


def arguments(name: str, rows: int, columns: int, dtype: Any = "float32") -> list[tj.Tensor]:
    rng = np.random.default_rng(rows * 1000 + columns)
    made = [make(rng, rows, columns) for make in TABLE[name][1]]
    return [tj.asarray(a if a.dtype == np.int64 else a.astype(dtype)) for a in made]


def results(value: Any) -> list[np.ndarray]:
    return [t.numpy() for t in (value if isinstance(value, (list, tuple)) else [value])]


def plan_of(function: Any) -> Plan:
    (entries,) = function._entries.values()
    return entries[0].executable.plan


@pytest.mark.parametrize("name", TABLE)
def test_how_many_kernels(name):
    function, _, kernels = TABLE[name]
    for rows, columns in ((64, 100), (17, 1024)):
        compiled = tj.compile(function)
        compiled(*arguments(name, rows, columns))
        plan = plan_of(compiled)
        assert len(plan.steps) == kernels, compiled.plan(*arguments(name, rows, columns))
        assert all(isinstance(step, Kernel) for step in plan.steps)


@pytest.mark.parametrize("dtype", ["float32", "float64", tj.bfloat16], ids=str)
@pytest.mark.parametrize("name", TABLE)
def test_bits_are_those_of_eager(name, dtype):
    function = TABLE[name][0]
    compiled = tj.compile(function)
    for shape in SHAPES:
        given = arguments(name, *shape, dtype)
        for a, b in zip(results(compiled(*given)), results(function(*given))):
            assert_bits_equal(a, b, f"{name} of {shape}")


def transposed(t: tj.Tensor) -> tj.Tensor:
    return tj.asarray(np.asfortranarray(t.numpy())) if t.ndim else t


def stepping(t: tj.Tensor) -> tj.Tensor:
    return tj.asarray(np.repeat(t.numpy(), 2, axis=-1)[..., ::-2]) if t.ndim else t


@pytest.mark.parametrize("layout", [transposed, stepping])
@pytest.mark.parametrize("name", TABLE)
def test_strided_arguments(name, layout):
    function = TABLE[name][0]
    compiled = tj.compile(function)
    for shape in ((5, 9), (18, 140)):
        given = [layout(t) for t in arguments(name, *shape)]
        for a, b in zip(results(compiled(*given)), results(function(*given))):
            assert_bits_equal(a, b, f"{name} of {shape}")


@pytest.mark.parametrize("name", TABLE)
def test_the_text_runs_in_python(name):
    compiled = tj.compile(TABLE[name][0])
    given = arguments(name, 3, 140)
    compiled(*given)
    (entries,) = compiled._entries.values()
    arrays = [t.numpy() for t in given]
    python, native = run_in_python(plan_of(compiled), arrays), entries[0].executable(arrays)
    for p, n in zip(python, native):
        assert p.dtype == n.dtype and p.shape == n.shape
        assert (bits(p) == bits(n)).all() or (ulps(p, n.astype(np.float64), floor=1.0) <= 8).all()


def test_a_temporary_of_rows_takes_no_memory():
    for name in ("softmax", "softmax backward", "layer_norm", "log_softmax backward", "logsumexp backward"):
        compiled = tj.compile(TABLE[name][0])
        compiled(*arguments(name, 64, 1000))
        assert plan_of(compiled).arena == 0, name


# Much data and few rows

LARGE = {
    "all": ((300_001,), lambda np, x: [np.sum(x), np.sum(x * x), np.max(x), np.any(x > 5)], 2),
    "few rows": ((5, 100_003), lambda np, x: [np.sum(x, axis=1), np.min(x * 2, axis=1)], 2),
    "few channels": ((300, 3, 700), lambda np, x: [np.sum(x, axis=(0, 2)), np.mean(x, axis=(0, 2))], 2),
    "all of a transposed": ((301, 1003), lambda np, x: [np.sum(np.permute_dims(x, (1, 0)) + 1)], 2),
    "columns": ((31, 10_003), lambda np, x: [np.sum(x, axis=0), np.sum(x * x, axis=0), np.max(x, axis=0)], 1),
    "columns of blocks": ((7, 301, 130), lambda np, x: [np.sum(x, axis=1), np.std(x, axis=1)], 1),
    "normalised columns": ((301, 1003), lambda np, x: [(x - np.mean(x, axis=0)) / np.sqrt(np.mean(x * x, axis=0))], 1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LARGE)
def test_large_sums_are_cut_at_the_joints_of_their_order(name, dtype):
    shape, function, kernels = LARGE[name]
    x = np.random.default_rng(0).normal(1, 1, shape).astype(dtype)
    compiled = tj.compile(lambda t: function(tj, t))
    found = compiled(tj.asarray(x))
    for a, b in zip(found, function(np, x)):
        assert_bits_equal(a.numpy(), b if "transposed" not in name else np.sum(np.ascontiguousarray(x.T) + 1))
    plan = plan_of(compiled)
    assert len(plan.steps) == kernels, compiled.plan(tj.asarray(x))
    assert plan.steps[0].axes[0].turns > 1  # there is work for several threads


@pytest.mark.parametrize("count", [1, 8, 127, 128, 129, 1000, 2**18 + 13])
def test_parts_of_the_pairwise_order_join_to_the_whole(count):
    def tree(table, part):
        stack = []
        for k in range(table[part], table[part + 1], 3):
            found = (table[k], table[k + 1])
            for _ in range(table[k + 2]):
                found = (stack.pop(), found)
            stack.append(found)
        (found,) = stack
        return found

    whole = tree(pairwise_table(count), 0)
    for parts in (2, 8) if count > 2000 else ():
        pieces = pairwise_table(count, parts)
        joined = tree(pairwise_table(parts, leaf=1), 0)

        def put(joint):
            return tree(pieces, joint[0]) if isinstance(joint[0], int) else (put(joint[0]), put(joint[1]))

        assert put(joined) == whole


# What must stay apart


def test_what_reads_other_rows_is_a_kernel_of_its_own():
    x = arguments("softmax", 64, 64)[0]
    for function in (
        lambda x: tj.flip(tj.softmax(x, -1), axis=0) * 2 + tj.softmax(x, -1),
        lambda x: tj.softmax(x, -1) + tj.softmax(x, -1).T,
        lambda x: tj.softmax(tj.softmax(x, 0), 1),
        lambda x: (tj.softmax(x, -1)[1:] - tj.softmax(x, -1)[:-1], tj.amax(x, axis=1)),
        lambda x: tj.softmax(x, -1)[tj.argsort(x[:, 0])] + tj.amax(x, axis=1, keepdims=True),
    ):
        compiled = tj.compile(function)
        for a, b in zip(results(compiled(x)), results(function(x))):
            assert_bits_equal(a, b)
        assert len(plan_of(compiled).steps) > 1


def test_written_arguments():
    def update(x, y):
        top = tj.amax(x, axis=1, keepdims=True)
        x -= top
        y[:, :3] = tj.exp(x)[:, :3] / x.sum(axis=1, keepdims=True)
        x *= 2
        return y.sum(axis=1)

    given = [arguments("softmax backward", 18, 140) for _ in range(2)]
    found, wanted = tj.compile(update)(*given[0]), update(*given[1])
    for a, b in zip([found, *given[0]], [wanted, *given[1]]):
        assert_bits_equal(a.numpy(), b.numpy())
