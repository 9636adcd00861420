"""Telling functions, whose graphs, plans and kernels are kept as text in `golden/`. Their lines are part of that text."""

from __future__ import annotations

import numpy as np

import tracejit as tj
import tracejit.nn.functional as F


def values(*shape: int, dtype: str = "float32") -> tj.Tensor:
    return tj.asarray(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape).astype(dtype))


def fused_chain(x, y):
    z = tj.exp(x) * y + 1.0
    return tj.where(z > y, z, -z), z.astype(tj.float64)


def softmax_rows(x, y):
    return tj.softmax(x * y, axis=-1)


def layer_norm_backward(x, y):
    x = x.detach().requires_grad_()
    F.layer_norm(x, (5,)).backward(y)
    return x.grad


def gather_and_add(x, y):
    rows = (y[:, 0] > 0).astype(tj.int64)
    return x[rows] + y


def gather_crossed(x, y):
    rows, columns = (3 * y[:, 0]).astype(tj.int64), (3 * y[0]).astype(tj.int64)
    return x[rows[:, None], columns]


def slice_assignment(x, y):
    x[1:, ::2] = y[:-1, 1:4]
    x[:, -1] *= 2.0
    return x[0]


def matmul_bias_relu(x, y):
    return tj.relu(x @ y.mT + x[:, 0])


parameter = values(4, 5).requires_grad_()
optimizer = tj.optim.Adam([parameter], lr=1e-3)


def adam_update(x, y):
    optimizer.zero_grad()
    loss = ((x * parameter - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


FUNCTIONS = (fused_chain, softmax_rows, layer_norm_backward, gather_and_add, gather_crossed, slice_assignment, matmul_bias_relu, adam_update)
