"""Reductions on a GPU: near the exact value, and of the same bits eagerly and compiled, however their operands lie; for the order of a sum
follows from its shape alone. Their kernels are those of a machine: PTX is made of each."""

from __future__ import annotations


import numpy as np
import pytest
from support import assert_bits_equal

import tracejit as tj
from tracejit.tensor import wrap

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.usefixtures("simulated_gpu")]

SHAPES = {  # a shape, and the axes that are reduced
    "packs of one thread": ((5, 4), (1,)),
    "less than a pack": ((5, 3), (1,)),
    "rows that share a warp": ((7, 40), (1,)),
    "a warp, and a rest": ((2, 131), (1,)),
    "warps": ((2, 512), (1,)),
    "warps, and a rest": ((2, 265), (1,)),
    "all axes": ((3, 4, 5), (0, 1, 2)),
    "axes around a kept one": ((3, 5, 8), (0, 2)),
    "axes around a kept one, in no packs": ((3, 5, 7), (0, 2)),
    "columns": ((40, 35), (0,)),
    "few columns": ((70, 3), (0,)),
    "columns of two axes": ((3, 5, 6), (0, 1)),
    "columns between": ((3, 20, 5), (1,)),
}
LAYOUTS = {  # an array's values, lying so in a GPU's memory
    "contiguous": lambda x: on_gpu(x),
    "transposed": lambda x: on_gpu(np.ascontiguousarray(x.T)).permute(tuple(reversed(range(x.ndim)))),
    "not at a pack": lambda x: on_gpu(np.concatenate([x[..., :1], x], -1))[..., 1:],
    "every other": lambda x: on_gpu(np.stack([x, x], -1))[..., 0],
    "broadcast": lambda x: on_gpu(x[:1]).broadcast_to(x.shape),
}


def draw(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.integers(-3, 3, shape) if np.dtype(dtype).kind in "iub" else rng.normal(size=shape)).astype(dtype)


def on_gpu(array):
    return wrap(array).to("cuda")


def host(tensor):
    return tensor.cpu().detach().numpy()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", SHAPES)
def test_sums(name, layout):
    """Within two units of rounding of the sum of magnitudes, with the bits of a contiguous operand, fused or not."""
    shape, axes = SHAPES[name]
    x = draw(shape)
    there = LAYOUTS[layout](x)
    values = host(there).astype(np.float64)
    total = host(there.sum(axes))
    assert np.all(np.abs(total - values.sum(axes)) <= 2 * np.spacing(np.abs(values).sum(axes).astype(np.float32)))
    assert_bits_equal(total, host(there.contiguous().clone().sum(axes)))

    def scaled(x):
        return (x * 3 + 1).sum(axes) * 2

    assert_bits_equal(host(tj.compile(scaled)(there)), host(scaled(there)))
