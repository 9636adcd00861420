"""Products of batches of matrices, however they lie in memory: NumPy's values, compiled as eager to the bit, by BLAS where its routine can walk them."""

from __future__ import annotations

import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj


def operand(draw: np.random.Generator, batch: list[int], matrix: list[int]) -> tuple[tj.Tensor, np.ndarray]:
    """A tensor of this shape, some axes of the batch left out or 1, its axes in memory in any order."""
    kept = batch[int(draw.integers(0, len(batch) + 1)) :] if draw.random() < 0.3 else batch
    shape = [1 if draw.random() < 0.2 else n for n in kept] + matrix
    array = draw.standard_normal(shape).astype(np.float32)
    order = draw.permutation(len(shape)) if draw.random() < 0.7 else np.arange(len(shape))
    return tj.asarray(np.ascontiguousarray(array.transpose(order))).permute(tuple(np.argsort(order).tolist())), array


@pytest.mark.parametrize("seed", range(200))
def test_products_of_batches_in_any_order(seed):
    draw = np.random.default_rng(seed)
    batch = draw.integers(1, 4, draw.integers(0, 4)).tolist()
    m, k, n = draw.integers(1, 6, 3).tolist()
    (a, left), (b, right) = operand(draw, batch, [m, k]), operand(draw, batch, [k, n])
    eager, compiled = (a @ b).numpy(), tj.compile(lambda a, b: a @ b)(a, b).numpy()
    np.testing.assert_allclose(eager, left @ right, atol=1e-5)
    assert_bits_equal(compiled, eager)


def test_heads_of_attention_are_multiplied_without_python():
    x = tj.randn(3, 5, 4 * 8)
    heads = tj.compile(lambda x: (y := x.reshape(3, 5, 4, 8).permute((0, 2, 1, 3))) @ y.permute((0, 1, 3, 2)))
    heads(x)
    (entries,) = heads._entries.values()
    assert len(entries[0].executable.steps) == 1
