"""A whole training step in each library: forward, cross-entropy, backward, Adam. Batch 32, 100 → 128 → 10, ReLU.

Each factory gives `step(compile)`: a function that takes no arguments and trains once; `compile` is the peer's, or None.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable

import numpy as np

Step = Callable[[], Any]


def _data() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    return draw.normal(size=(32, 100)).astype(np.float32), draw.integers(0, 10, 32)


def _weights() -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    shapes = [(128, 100), (128,), (10, 128), (10,)]
    return [(draw.normal(size=shape) * 0.1).astype(np.float32) for shape in shapes]


def _by_modules(package: str, compile: Callable[[Callable], Callable] | None) -> Step:
    """The one script that runs in PyTorch and in tracejit."""
    module = importlib.import_module(package)
    nn, functional = importlib.import_module(f"{package}.nn"), importlib.import_module(f"{package}.nn.functional")
    model = nn.Sequential(nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 10))
    with module.no_grad():
        for parameter, value in zip(model.parameters(), _weights()):
            parameter.copy_(module.asarray(value))
    optimizer = importlib.import_module(f"{package}.optim").Adam(model.parameters(), lr=1e-3)
    inputs, labels = (module.asarray(a) for a in _data())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    chosen = step if compile is None else compile(step)
    return lambda: chosen(inputs, labels)


def _by_jax(compile: Callable[[Callable], Callable] | None) -> Step:
    jax = importlib.import_module("jax")
    jnp = jax.numpy

    def loss_of(weights: list[Any], x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        logits = jax.nn.relu(x @ w1.T + b1) @ w2.T + b2
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    def step(state: Any, x: Any, y: Any) -> Any:
        weights, first, second, count = state
        loss, grads = jax.value_and_grad(loss_of)(weights, x, y)
        count = count + 1
        first = [0.9 * m + 0.1 * g for m, g in zip(first, grads)]
        second = [0.999 * v + 0.001 * g * g for v, g in zip(second, grads)]
        a, b = 1 - 0.9**count, 1 - 0.999**count
        weights = [w - 1e-3 * (m / a) / (jnp.sqrt(v / b) + 1e-8) for w, m, v in zip(weights, first, second)]
        return (weights, first, second, count), loss

    chosen = jax.jit(step, donate_argnums=0)
    weights = [jnp.asarray(w) for w in _weights()]
    state = [(weights, [jnp.zeros_like(w) for w in weights], [jnp.zeros_like(w) for w in weights], jnp.float32(0))]
    inputs, labels = (jnp.asarray(a) for a in _data())

    def train() -> Any:
        state[0], loss = chosen(state[0], inputs, labels)
        return loss

    return train


PROGRAMS: dict[str, Any] = {
    "torch": lambda compile: _by_modules("torch", compile),
    "tracejit": lambda compile: _by_modules("tracejit", compile),
    "jax": _by_jax,
}
