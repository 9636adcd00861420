"""Whole training steps: forward, cross-entropy, backward, Adam. The result is the loss, so that two updates show in the third.

PyTorch and tracejit run one script; JAX the same computation from the same weights, as a pure function of its state.
"""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from typing import Any, Callable, Sequence

import numpy as np

from ..peers import Peer
from ..workload import Call, Program, Target, Workload
from . import transformer

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Model:
    """What is trained: parameters of these shapes, in this order; `modules(package)` gives the module that has them, of PyTorch or
    tracejit, and `logits(weights, x)` computes the same in JAX."""

    shapes: Sequence[tuple[int, ...]]
    modules: Callable[[str], Any]
    logits: Callable[[Sequence[Any], Any], Any]


def by_modules(model: Model) -> Program:
    def make(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
        module = model.modules(peer.library).to(peer.device)
        with peer.xp.no_grad():
            for parameter, value in zip(module.parameters(), initial(model.shapes), strict=True):
                parameter.copy_(peer.array(value))
        options = {"capturable": True} if peer.library == "torch" and peer.device != "cpu" else {}  # else it counts its steps on the host
        optimizer = importlib.import_module(f"{peer.library}.optim").Adam(module.parameters(), RATE, (BETA1, BETA2), EPSILON, **options)

        def step(x: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            loss = peer.functional.cross_entropy(module(x), labels)
            loss.backward()
            optimizer.step()
            return loss

        ready = peer.compile(step)
        x, labels = (peer.array(a) for a in arrays)
        return lambda: ready(x, labels)

    return make


def by_jax(model: Model) -> Program:
    def make(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
        jax, jnp = importlib.import_module("jax"), peer.xp

        def loss_of(weights: Any, x: Any, labels: Any) -> Any:
            return -jnp.take_along_axis(jax.nn.log_softmax(model.logits(weights, x)), labels[:, None], 1).mean()

        def step(state: Any, x: Any, labels: Any) -> Any:
            weights, first, second, count = state
            loss, gradients = jax.value_and_grad(loss_of)(weights, x, labels)
            count = count + 1
            first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(first, gradients)]
            second = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(second, gradients)]
            a, b = 1 - BETA1**count, 1 - BETA2**count
            weights = [w - RATE * (m / a) / (jnp.sqrt(v / b) + EPSILON) for w, m, v in zip(weights, first, second)]
            return (weights, first, second, count), loss

        ready = jax.jit(step, donate_argnums=0)
        weights = [jnp.asarray(w) for w in initial(model.shapes)]
        state = [(weights, [jnp.zeros_like(w) for w in weights], [jnp.zeros_like(w) for w in weights], jnp.float32(0))]
        x, labels = (jnp.asarray(a) for a in arrays)

        def train() -> Any:
            state[0], loss = ready(state[0], x, labels)
            return peer.wait(loss)  # type: ignore[misc]

        return train

    return make


def by_numba(peer: Peer, arrays: tuple[np.ndarray, ...]) -> Call:
    """The perceptron, by hand."""
    ready = peer.compile(importlib.import_module("bench.loops").perceptron_step)
    x, labels = arrays
    weights = tuple(initial(MLP.shapes))
    first, second = (tuple(np.zeros_like(w) for w in weights) for _ in range(2))
    counts = itertools.count(1)
    return lambda: ready(x, labels, weights, first, second, RATE, next(counts))


def initial(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    return [(draw.normal(size=shape) * 0.1).astype(np.float32) for shape in shapes]


# Models


def mlp_modules(package: str) -> Any:
    nn = importlib.import_module(f"{package}.nn")
    return nn.Sequential(nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 10))


def mlp_logits(weights: Sequence[Any], x: Any) -> Any:
    w1, b1, w2, b2 = weights
    return importlib.import_module("jax").nn.relu(x @ w1.T + b1) @ w2.T + b2


def convnet_modules(package: str) -> Any:
    nn = importlib.import_module(f"{package}.nn")
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip


def convnet_logits(weights: Sequence[Any], x: Any) -> Any:
    jax = importlib.import_module("jax")
    w1, b1, w2, b2, w3, b3 = weights

    def layer(x: Any, w: Any, b: Any) -> Any:
        y = jax.nn.relu(jax.lax.conv(x, w, (1, 1), "SAME") + b[:, None, None])
        return jax.lax.reduce_window(y, -np.float32(np.inf), jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    return layer(layer(x, w1, b1), w2, b2).reshape(x.shape[0], -1) @ w3.T + b3


def vectors(dtype: str, batch: int, width: int) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(0)
    return draw.normal(size=(batch, width)).astype(dtype), draw.integers(0, 10, batch)


def images(dtype: str, batch: int) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(0)
    return draw.normal(size=(batch, 1, 28, 28)).astype(dtype), draw.integers(0, 10, batch)


def programs(model: Model) -> dict[str, Program]:
    by_hand: dict[str, Program] = {"numba": by_numba} if model is MLP else {}
    return {"tracejit": by_modules(model), "torch": by_modules(model), "jax": by_jax(model), **by_hand}


MLP = Model([(128, 100), (128,), (10, 128), (10,)], mlp_modules, mlp_logits)
CONVNET = Model([(16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,), (10, 32 * 7 * 7), (10,)], convnet_modules, convnet_logits)
TRANSFORMER = Model(transformer.SHAPES, transformer.modules, transformer.logits)


def step(name: str, model: Model, data: Callable[..., Any], shape: tuple[int, ...], tiny: tuple[int, ...], target: Target, warm_up: int) -> Workload:
    return Workload(f"training step: {name}", "training", programs(model), data, shape, tiny, target, by_element=False, warm_up=warm_up)


ROWS = [
    step("MLP 100→128→10, batch 32", MLP, vectors, (32, 100), (3, 100), Target(1 / 0.4, than="JAX"), 3200),
    step("convnet 16, 32 channels, batch 32", CONVNET, images, (32,), (2,), Target(1.0), 30),
    step("transformer, 2 layers of 64, batch 8×64", TRANSFORMER, transformer.data, (8, 64), (2, 64), Target(1.0), 30),
]  # fmt: skip
LARGE = [
    step("MLP 100→128→10, batch 16384", MLP, vectors, (1 << 14, 100), (3, 100), Target(1.0), 3),
    step("convnet 16, 32 channels, batch 512", CONVNET, images, (512,), (2,), Target(1.0), 3),
    step("transformer, 2 layers of 64, batch 256×64", TRANSFORMER, transformer.data, (256, 64), (2, 64), Target(1.0), 3),
]  # fmt: skip
