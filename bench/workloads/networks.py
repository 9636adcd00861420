"""Forward passes: distances, attention, a small perceptron, a small convolutional network. Much of them is matmul."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..workload import Data, Target, Workload, amount, everywhere, functional, loops


def arrays(*shapes: tuple[int, ...]) -> Data:
    """Normal numbers; in the shapes, -1, -2, … stand for the row's first, second, … extent."""

    def data(dtype: str, *sizes: int) -> tuple[np.ndarray, ...]:
        draw = np.random.default_rng(0)
        own = [tuple(n if n > 0 else sizes[-n - 1] for n in shape) for shape in shapes]
        return tuple((draw.normal(size=s) / np.sqrt(s[0])).astype(dtype) for s in own)

    return data


def distances(xp: Any, x: Any, y: Any) -> Any:
    difference = x[:, None, :] - y[None, :, :]
    return xp.sqrt((difference * difference).sum(-1))


def own_distances(xp: Any, x: Any, y: Any) -> Any:
    return xp.cdist(x, y)


def attention(xp: Any, q: Any, k: Any, v: Any) -> Any:
    """softmax(q kᵀ / √d) v, of each head."""
    scores = q @ xp.swapaxes(k, -1, -2) / q.shape[-1] ** 0.5
    powers = xp.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True) @ v


def own_attention(functional: Any, q: Any, k: Any, v: Any) -> Any:
    return functional.scaled_dot_product_attention(q, k, v)


def attention_flops(batch: int, heads: int, length: int, width: int) -> float:
    return 4.0 * batch * heads * length * length * width


def perceptron(xp: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return xp.tanh(x @ w1 + b1) @ w2 + b2


def perceptron_flops(batch: int, inputs: int, inner: int, outputs: int) -> float:
    return 2.0 * batch * inner * (inputs + outputs)


def convolutions(functional: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    """28×28 images: two convolutions with pooling (16, then 32 channels), one linear layer."""
    f = functional
    y = f.max_pool2d(f.relu(f.conv2d(x, w1, b1)), 2)
    y = f.max_pool2d(f.relu(f.conv2d(y, w2, b2)), 2)
    return y.reshape(x.shape[0], -1) @ w3 + b3


def numpy_convolutions(xp: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    def layer(x: Any, w: Any, b: Any) -> Any:
        windows = xp.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
        y = xp.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2) + b[:, None, None]
        batch, channels, high, wide = y.shape
        pooled = y[:, :, : high // 2 * 2, : wide // 2 * 2].reshape(batch, channels, high // 2, 2, wide // 2, 2).max((3, 5))
        return xp.maximum(pooled, 0)

    return layer(layer(x, w1, b1), w2, b2).reshape(len(x), -1) @ w3 + b3


def jax_convolutions(functional: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    from jax import lax

    def layer(x: Any, w: Any, b: Any) -> Any:
        y = functional.relu(lax.conv(x, w, (1, 1), "VALID") + b[:, None, None])
        return lax.reduce_window(y, -np.float32(np.inf), lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    return layer(layer(x, w1, b1), w2, b2).reshape(x.shape[0], -1) @ w3 + b3


def convolutions_flops(batch: int) -> float:
    return 2.0 * batch * (26 * 26 * 16 * 9 + 11 * 11 * 32 * 16 * 9 + 800 * 10)


IMAGES = arrays((-1, 1, 28, 28), (16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,), (800, 10), (10,))
AT_LIMIT = Target(1.0)

ROWS = [
    *(
        Workload(
            f"pairwise distances, {n}×{n}×{d}", "networks", {**everywhere(distances), **everywhere(own_distances, "torch"), **loops("distances")},
            arrays((-1, -2), (-1, -2)), (n, d), (7, 5), AT_LIMIT, by_element=False,
        )
        for n, d in ((256, 3), (2048, 3), (1024, 64))
    ),
    *(
        Workload(
            f"attention, {amount(*shape)}", "networks",
            {
                **everywhere(attention, "numpy", "jax"), **loops("attention"),
                **functional(torch=own_attention, tracejit=own_attention),
            },
            arrays(*[(-1, -2, -3, -4)] * 3), shape, (2, 3, 5, 4), AT_LIMIT, by_element=False, flops=attention_flops,
        )
        for shape in ((1, 4, 64, 32), (4, 8, 512, 64))
    ),
    *(
        Workload(
            f"MLP forward, batch {b}, {i}→{h}→{o}", "networks", {**everywhere(perceptron), **loops("perceptron")},
            arrays((-1, -2), (-2, -3), (-3,), (-3, -4), (-4,)), (b, i, h, o), (3, 4, 5, 2), AT_LIMIT, by_element=False, flops=perceptron_flops,
        )
        for b, i, h, o in ((32, 100, 128, 10), (256, 512, 512, 10))
    ),
    *(
        Workload(
            f"convnet forward, batch {n}", "networks",
            {
                **everywhere(numpy_convolutions, "numpy"),
                **functional(torch=convolutions, tracejit=convolutions, jax=jax_convolutions),
            },
            IMAGES, (n,), (2,), AT_LIMIT, by_element=False, flops=convolutions_flops,
        )
        for n in (1, 64)
    ),
]  # fmt: skip
