"""Normalisations and losses along rows: short, middling and long ones, in cache and out of it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ..peers import Peer
from ..workload import Call, Data, Program, Target, Workload, amount, everywhere, functional, loops


def softmax(xp: Any, x: Any) -> Any:
    powers = xp.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def layer_norm_gelu(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    y = centred / xp.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * weight + bias
    return 0.5 * y * (1.0 + xp.tanh(0.7978845608 * (y + 0.044715 * y * y * y)))


def own_layer_norm_gelu(functional: Any, x: Any, weight: Any, bias: Any) -> Any:
    return functional.gelu(functional.layer_norm(x, weight.shape, weight, bias), approximate="tanh")


def rms_norm(xp: Any, x: Any, weight: Any) -> Any:
    return x / xp.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def own_rms_norm(functional: Any, x: Any, weight: Any) -> Any:
    return functional.rms_norm(x, weight.shape, weight, eps=1e-5)


def log_sum_exp_loss(xp: Any, x: Any) -> Any:
    """How far the first logit is from winning, the mean over rows."""
    top = x.max(-1, keepdims=True)
    return (xp.log(xp.exp(x - top).sum(-1)) + top[:, 0] - x[:, 0]).mean()


def own_log_sum_exp_loss(functional: Any, x: Any) -> Any:
    return (x.logsumexp(-1) - x[:, 0]).mean()


# Cross-entropy, its value and its gradient


def numpy_cross_entropy(xp: Any, x: Any, labels: Any) -> Any:
    rows = xp.arange(len(x))
    shifted = x - x.max(-1, keepdims=True)
    powers = xp.exp(shifted)
    sums = powers.sum(-1, keepdims=True)
    loss = (xp.log(sums[:, 0]) - shifted[rows, labels]).mean()
    gradient = powers / sums
    gradient[rows, labels] -= 1
    return loss, gradient / x.dtype.type(len(x))


def jax_cross_entropy(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
    def loss(x: Any, labels: Any) -> Any:
        return -peer.xp.take_along_axis(peer.functional.log_softmax(x), labels[:, None], 1).mean()

    call = peer.compile(importlib.import_module("jax").value_and_grad(loss))
    x, labels = (peer.array(a) for a in arrays)
    return lambda: peer.wait(call(x, labels))  # type: ignore[misc]


def torch_cross_entropy(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
    """The loss is compiled, which compiles its gradient too, as is usual."""
    loss_of = peer.compile(peer.functional.cross_entropy)
    x, labels = peer.array(arrays[0]).requires_grad_(), peer.array(arrays[1])

    def call() -> Any:
        loss = loss_of(x, labels)
        return loss, peer.xp.autograd.grad(loss, x)

    return call


def tracejit_cross_entropy(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
    def both(x: Any, labels: Any) -> Any:
        loss = peer.functional.cross_entropy(x, labels)
        return loss, peer.xp.autograd.grad(loss, x)

    ready = peer.compile(both)
    x, labels = peer.array(arrays[0]).requires_grad_(), peer.array(arrays[1])
    return lambda: ready(x, labels)


CROSS_ENTROPY: dict[str, Program] = {
    **everywhere(numpy_cross_entropy, "numpy"), **loops("cross_entropy"),
    "jax": jax_cross_entropy, "torch": torch_cross_entropy, "tracejit": tracejit_cross_entropy,
}  # fmt: skip


# The rows


def scores(vectors: int = 0, labels: bool = False) -> Data:
    """A matrix of scores, and so many vectors along its rows, or a label for each row."""

    def data(dtype: str, rows: int, columns: int) -> tuple[np.ndarray, ...]:
        draw = np.random.default_rng(0)
        x = draw.normal(size=(rows, columns)).astype(dtype)
        more = [draw.uniform(0.5, 1.5, columns).astype(dtype) for _ in range(vectors)]
        return x, *more, *([draw.integers(0, columns, rows)] if labels else [])

    return data


KINDS = {
    "softmax": (
        {
            **everywhere(softmax, "numpy"), **loops("softmax"),
            **functional(torch=lambda f, x: f.softmax(x, -1), jax=lambda f, x: f.softmax(x, -1), tracejit=lambda f, x: f.softmax(x, -1)),
        },
        scores(),
    ),
    "layer norm + GELU": (
        {
            **everywhere(layer_norm_gelu, "numpy", "jax"), **loops("layer_norm_gelu"),
            **functional(torch=own_layer_norm_gelu, tracejit=own_layer_norm_gelu),
        },
        scores(vectors=2),
    ),
    "log-sum-exp loss": (
        {
            **everywhere(log_sum_exp_loss, "numpy"), **loops("log_sum_exp_loss"),
            **functional(torch=own_log_sum_exp_loss, tracejit=own_log_sum_exp_loss, jax=lambda f, x: (f.logsumexp(x, -1) - x[:, 0]).mean()),
        },
        scores(),
    ),
    "RMS norm": (
        {**everywhere(rms_norm, "numpy", "jax"), **loops("rms_norm"), **functional(torch=own_rms_norm, tracejit=own_rms_norm)},
        scores(vectors=1),
    ),
    "cross-entropy and gradient": (CROSS_ENTROPY, scores(labels=True)),
}  # fmt: skip
SHAPES = [(1 << 10, 64), (1 << 16, 64), (64, 1 << 10), (1 << 12, 1 << 10), (4, 1 << 15), (128, 1 << 15)]

ROWS = [
    Workload(f"{name}, {amount(*shape)}", "rows", programs, data, shape, (5, 19), Target(1.3))
    for name, (programs, data) in KINDS.items()
    for shape in SHAPES
]
